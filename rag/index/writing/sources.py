"""Lists the sources of a write, and recognises renamed files."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag.core.reports import first_few
from rag.core.types import Document
from rag.index.storage.manifest import index_files_among
from rag.loading import Source, discover
from rag.loading.sources import place_of, printable_path

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore

Paths = str | Path | Iterable[str | Path]


class KnownSources(Protocol):
    """Path and hash of the sources of an index by id, as a write reads and changes them."""

    def get(self, source: str) -> tuple[str, str] | None:
        """Return path and hash of a source, None if it is not stored."""

    def put(self, source: str, path: str, sha256: str) -> None:
        """Record a source."""

    def drop(self, source: str) -> None:
        """Forget a source."""

    def at(self, place: str, folder: Callable[[str], str]) -> str | None:
        """Return the id of the source whose path is at a place (`place_of`), None if there is none."""

    def with_hash(self, sha256: str) -> list[str]:
        """Return the ids of the sources with these bytes."""


class SourceTable:
    """All sources of an index in memory."""

    def __init__(self, sources: Mapping[str, tuple[str, str]]) -> None:
        """Start with path and hash by id."""
        self._sources = dict(sources)
        self._places: dict[str, str] | None = None
        self._ids_by_hash: dict[str, list[str]] | None = None

    def get(self, source: str) -> tuple[str, str] | None:
        """Return path and hash of a source, None if it is not stored."""
        return self._sources.get(source)

    def put(self, source: str, path: str, sha256: str) -> None:
        """Record a source."""
        self._sources[source] = (path, sha256)

    def drop(self, source: str) -> None:
        """Forget a source."""
        self._sources.pop(source, None)

    def at(self, place: str, folder: Callable[[str], str]) -> str | None:
        """Return the id of the source whose path was at a place when this was first called, None if there is none."""
        if self._places is None:
            self._places = {place_of(path, folder): key for key, (path, _) in self._sources.items()}
        return self._places.get(place)

    def with_hash(self, sha256: str) -> list[str]:
        """Return the ids of the sources that had these bytes when this was first called and are still stored."""
        if self._ids_by_hash is None:
            self._ids_by_hash = {}
            for key, (_, own) in self._sources.items():
                self._ids_by_hash.setdefault(own, []).append(key)
        return [key for key in self._ids_by_hash.get(sha256, ()) if key in self._sources]


def size_of(item: Source | Document) -> int:
    """Return the bytes of a file or the characters of a document, 0 if the file cannot be read."""
    try:
        return len(item.text) if isinstance(item, Document) else item.path.stat().st_size
    except OSError:
        return 0


def as_work(sources: Paths | Iterable[str | Path | Document], index: Path) -> list[Source | Document]:
    """Return the files at and below the paths in `sources`, then its Documents. Files of `index` are left out.

    Raises SourceNotFound.
    """
    items = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [item for item in items if not isinstance(item, Document)]
    documents: list[Source | Document] = [item for item in items if isinstance(item, Document)]
    files = discover(paths) if paths else []
    index_files = index_files_among((source.path for source in files), index)
    return [*(source for source in files if source.path not in index_files), *documents]


def missing_documents(
    store: "DocumentStore", paths: Sequence[str | Path], work: Sequence[Source | Document]
) -> list[str]:
    """Return the ids of documents whose file was below `paths` and is not in `work`, under any id."""
    roots = [Path(folder(path)) for path in paths for folder in (os.path.abspath, os.path.realpath)]
    files = [item for item in work if isinstance(item, Source)]
    present = {*(file.document_id for file in files), *(_real(file.path) for file in files)}
    document_ids = []
    for source, (location, _) in store.sources().items():
        locations = (Path(location), Path(_real(location)))
        is_below = any(path.is_relative_to(root) for path in locations for root in roots)
        if is_below and source not in present and str(locations[1]) not in present:
            document_ids += store.documents_of(source)
    return document_ids


def _real(path: str | Path) -> str:
    # Links of folders are followed, but not a link that is the file itself: its target may still exist.
    return printable_path(
        os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path))
    )


def under_known_ids(work: Sequence[Source | Document], sources: KnownSources) -> list[Source | Document]:
    """Return `work` with each file under its id in the index, so that it stays one document.

    A file keeps its first id, from the folder that it was indexed with at that time. But if another file of this run
    has that id by its own path, both get the ids of their paths.
    """
    return list(_under_known_ids(work, sources))


def _under_known_ids(work: Sequence[Source | Document], sources: KnownSources) -> Iterator[Source | Document]:
    new_ids = {item.document_id for item in work if isinstance(item, Source)}
    folder = lru_cache(maxsize=None)(os.path.realpath)
    for item in work:
        if isinstance(item, Document) or (sources.get(item.document_id) or ("",))[0] == shown_path(item):
            yield item
            continue
        key = sources.at(printable_path(place_of(item.path, folder)), folder) or item.document_id
        yield item if key in new_ids else item.known_as(key)


def shown_path(source: Source) -> str:
    """Return the absolute path of a source, in text that can be stored."""
    return printable_path(os.path.abspath(source.path))


class RenamedFiles:
    """Finds the earlier names of a new file among the sources of the index."""

    def __init__(self, sources: KnownSources, work: Iterable[Source | Document]) -> None:
        """Search `sources` in their state when `of` is called. Files of `work` have kept their name."""
        files = [item for item in work if isinstance(item, Source)]
        self._sources = sources
        self._current_ids, self.paths = {item.document_id for item in files}, {shown_path(item) for item in files}

    def of(self, sha256: str) -> list[str]:
        """Return the ids of sources with these bytes whose file no longer exists, in order."""
        ids = (key for key in self._sources.with_hash(sha256) if key not in self._current_ids)
        return sorted(key for key in ids if (own := self._sources.get(key)) and not self._exists(own[0]))

    def _exists(self, path: str) -> bool:
        return path in self.paths or os.path.lexists(path)


def links_note(work: Iterable[Source | Document]) -> list[str]:
    """Return a line that lists the links to files that were left out; no line if there are none."""
    links = [f"{link} (to {item.name})" for item in work if isinstance(item, Source) for link in item.links]
    what = "a file is one document, so a link to one that was taken was left out"
    return [f"{what}: {first_few(links)}."] if links else []
