"""Runs the shell as `python -m rag.cli`."""

from rag.cli.main import main

if __name__ == "__main__":
    main()
