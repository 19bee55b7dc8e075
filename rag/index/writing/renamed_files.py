"""Knows files again: by which id the index has them, and which one of them a new file was before it was renamed."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from rag.core.reports import first_few
from rag.core.types import Document
from rag.loading import Source
from rag.loading.sources import place_of, printable

Known = Mapping[str, tuple[str, str]]
"""Path and hash of every source of an index by its id."""


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
