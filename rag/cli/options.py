"""Defines the options that several commands share, and opens the index that they name."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.core.configuration import changes_of

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.index.index import Index

DEFAULT_INDEX = Path("index")
FILTER_HELP = "Only documents with key=value, key>=value, key<value …; may be repeated, a key with = for any of them."

IndexOption = Annotated[Path, typer.Option("--index", help="Folder of the index, or postgresql://… or milvus://…")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A setting as key=value; may be repeated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the response as JSON.")]
FilterOption = Annotated[list[str] | None, typer.Option("--filter", help=FILTER_HELP)]
TopOption = Annotated[int | None, typer.Option("--top-k", help="Answers at most.")]


def question_text(argument: str) -> str:
    """Return the argument, or the text of standard input if it is `-`."""
    return sys.stdin.read().strip() if argument == "-" else argument


def open_index(path: Path) -> "Index":
    """Open the index at a path. The import is here so that `rag --help` does not load it."""
    from rag.index.index import Index

    return Index.open(path)


def open_assistant(path: Path, settings: list[str] | None) -> "Assistant":
    """Open an assistant over the index at a path, with the settings of `--set`."""
    from rag.answering.assistant import Assistant

    index = open_index(path)
    return Assistant(index, index.settings.updated(changes_of(settings)))
