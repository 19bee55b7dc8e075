"""Lists the sources of a write, and knows a file again that was renamed."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.reports import first_few
from rag.core.types import Document
from rag.index.storage.manifest import index_files_among
from rag.loading import Source, discover
from rag.loading.sources import place_of, printable

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore

Paths = str | Path | Iterable[str | Path]

Known = Mapping[str, tuple[str, str]]
"""Path and hash of every source of an index by its id."""


def size_of(item: Source | Document) -> int:
    """Return the bytes of a file or the characters of a document, 0 where it cannot be told."""
    try:
        return len(item.text) if isinstance(item, Document) else item.path.stat().st_size
    except OSError:
        return 0


def as_work(sources: Paths | Iterable[str | Path | Document], index: Path) -> list[Source | Document]:
    """Return the files at and below the paths among `sources`, then its Documents; the files of `index` are left out.

    Raises SourceNotFound.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [item for item in given if not isinstance(item, Document)]
    documents: list[Source | Document] = [item for item in given if isinstance(item, Document)]
    found = discover(paths) if paths else []
    own = index_files_among((source.path for source in found), index)
    return [*(source for source in found if source.path not in own), *documents]


def documents_gone(store: "DocumentStore", paths: Sequence[str | Path], work: Sequence[Source | Document]) -> list[str]:
    """Return the documents whose file was below `paths` and is not in `work`, under this id or another."""
    roots = [Path(folder(path)) for path in paths for folder in (os.path.abspath, os.path.realpath)]
    files = [item for item in work if isinstance(item, Source)]
    present = {*(file.document_id for file in files), *(_real(file.path) for file in files)}
    gone = []
    for source, (location, _) in store.sources().items():
        places = (Path(location), Path(_real(location)))
        below = any(place.is_relative_to(root) for place in places for root in roots)
        if below and source not in present and str(places[1]) not in present:
            gone += store.documents_of(source)
    return gone


def _real(path: str | Path) -> str:
    # Of the file itself no link is followed: where it was one, its target may well still be there.
    return printable(os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path)))


def under_known_ids(work: Sequence[Source | Document], known: Known) -> list[Source | Document]:
    """Return `work` with each file under the id that the index has it by, so that it stays one document.

    A file keeps the id that it got first, from the folder that it was indexed with then; but where another file of
    this run has that id by its own place, both get the ids of their places.
    """
    return list(_under_known_ids(work, known))


def _under_known_ids(work: Sequence[Source | Document], known: Known) -> Iterator[Source | Document]:
    wanted = {item.document_id for item in work if isinstance(item, Source)}
    ids: dict[str, str] | None = None
    folder = lru_cache(maxsize=None)(os.path.realpath)
    for item in work:
        if isinstance(item, Document) or known.get(item.document_id, ("",))[0] == shown_place(item):
            yield item
            continue
        if ids is None:
            ids = {place_of(path, folder): key for key, (path, _) in known.items()}
        key = ids.get(printable(place_of(item.path, folder)), item.document_id)
        yield item if key in wanted else item.known_as(key)


def shown_place(source: Source) -> str:
    """Return where a source lies, in text that can be stored."""
    return printable(os.path.abspath(source.path))


class Renamed:
    """Finds the known files that a new one was before it was renamed."""

    def __init__(self, known: Known, work: Iterable[Source | Document]) -> None:
        """Look among `known`, as it is when `of` is called; what is in `work` has kept its name."""
        sources = [item for item in work if isinstance(item, Source)]
        self._known = known
        self._taken, self.places = {item.document_id for item in sources}, {shown_place(item) for item in sources}

    @cached_property
    def _ids(self) -> dict[str, list[str]]:
        ids: dict[str, list[str]] = {}
        for key, (_, sha256) in self._known.items():
            ids.setdefault(sha256, []).append(key)
        return ids

    def of(self, sha256: str) -> list[str]:
        """Return the ids of sources that had these bytes and whose file is not there any more, in order."""
        ids = (key for key in self._ids.get(sha256, ()) if key in self._known and key not in self._taken)
        return sorted(key for key in ids if not self._is_there(self._known[key][0]))

    def _is_there(self, path: str) -> bool:
        return path in self.places or os.path.lexists(path)


def links_note(work: Iterable[Source | Document]) -> list[str]:
    """Return a line that tells which links to files were left out, none where there was none."""
    left = [f"{link} (to {item.name})" for item in work if isinstance(item, Source) for link in item.links]
    what = "a file is one document, so a link to one that was taken was left out"
    return [f"{what}: {first_few(left)}."] if left else []
