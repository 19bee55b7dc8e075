"""One module for each family of commands of `rag`."""
