"""Turns files into Documents: the text exactly as decoded, with its title and metadata.

`LOADERS` says which function reads which suffix; a new format is a new module and a new line there.
"""

from collections.abc import Callable, Iterator

from rag.errors import LoadError, UnsupportedFormat
from rag.loading.jsonl import load_jsonl
from rag.loading.markdown import load_markdown
from rag.loading.sources import Source, discover, file_sha256, printable, unreadable
from rag.loading.text import load_text
from rag.types import Document

__all__ = ["LOADERS", "Source", "discover", "file_sha256", "load", "suffix"]

LOADERS: dict[str, Callable[[Source], Iterator[Document | LoadError]]] = {
    ".txt": load_text,
    ".text": load_text,
    ".md": load_markdown,
    ".markdown": load_markdown,
    ".jsonl": load_jsonl,
    ".jsonl.gz": load_jsonl,
}


def load(source: Source) -> Iterator[Document | LoadError]:
    """Yield the documents of a source; what cannot be read is yielded as an error that names the file (and line).

    Never raises: the rest of a JSON Lines file goes on after a bad row.
    """
    try:
        yield from _loader(source)(source)
    except LoadError as error:
        yield error
    except OSError as error:
        yield unreadable(source.path, error)


def suffix(name: str) -> str:
    """Return the suffix that chooses the loader, in lower case: `.jsonl.gz` for `Rows.JSONL.gz`, `.md` for `a.b.md`."""
    lower = name.lower()
    known = [ending for ending in LOADERS if lower.endswith(ending)]
    return max(known, key=len) if known else lower[lower.rfind(".") :] if "." in lower else ""


def _loader(source: Source) -> Callable[[Source], Iterator[Document | LoadError]]:
    if source.path.is_dir():
        return load_text  # which says that a folder, listed because it may not be opened, cannot be read
    ending = suffix(source.path.name)
    if ending not in LOADERS:
        what = f"no loader for {ending!r} files" if ending else "no loader for files without a suffix"
        raise UnsupportedFormat(f"{printable(source.path)}: {what}.", f"Supported: {', '.join(LOADERS)}.")
    return LOADERS[ending]
