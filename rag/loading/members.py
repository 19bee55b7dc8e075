"""Loads files inside other files, such as members of archives and attachments of messages, each by its own loader."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.sources import SUFFIXES, Source, printable_path

MAX_NESTING = 2
"""Archives and messages inside one another at most."""


def load_member(
    source: Source, name: str, data: bytes, load: Callable[[Source], Iterator[Document | LoadError]], kind: str = ""
) -> Iterator[Document | LoadError]:
    """Yield the documents of one member, `data` of `name`; their ids begin with that of the file around it.

    The member is written, under a name of our own, to a folder that is dropped afterwards: no name from inside a file
    ever reaches the file system. `kind` is the suffix to read it by, if that of its name is not known.
    """
    parts = PurePosixPath(printable_path(name).replace("\\", "/")).parts
    clean = "/".join(part for part in parts if part not in ("/", "..", ".")) or "unnamed"
    if source.depth >= MAX_NESTING:
        yield UnreadableSource(f"{source.name}/{clean}: packed more than {MAX_NESTING} times.", "Unpack it.")
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"member{_suffixes(clean, kind)}"
        path.write_bytes(data)
        inner = replace(
            source, path=path, document_id=f"{source.document_id}/{clean}", display_name=f"{source.name}/{clean}",
            depth=source.depth + 1,
        )  # fmt: skip
        yield from load(inner)


def _suffixes(name: str, kind: str) -> str:
    """Return the last two suffixes, of letters and digits only, or `kind`: by them the loader is chosen."""
    if kind and not name.lower().endswith(SUFFIXES):
        return kind
    suffixes = [suffix for suffix in PurePosixPath(name).suffixes[-2:] if suffix[1:].isascii() and suffix[1:].isalnum()]
    return "".join(suffixes)[-40:]
