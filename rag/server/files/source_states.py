"""Tells if the file of a document is still the one that was indexed."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rag.core.errors import LoadError
from rag.core.types import DocumentSummary
from rag.index.index import Index
from rag.loading.sources import source_sha256

MAX_HASHED_BYTES = 50_000_000
"""A larger file is not read only to say that it has changed."""
MAX_REMEMBERED_HASHES = 10_000

SourceState = Literal["", "missing", "changed"]


class SourceStates:
    """The states of files, with the hash of each kept until the file changes."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._hashes: OrderedDict[tuple[str, int, int], str] = OrderedDict()

    def of(self, index: Index, summaries: Sequence[DocumentSummary]) -> dict[str, SourceState]:
        """Return by document id the states that are not well; a document without a file is well."""
        sources = index.store.sources()
        keys = {summary.id: index.store.source_of(summary.id) for summary in summaries}
        states = {document_id: self._state(*sources.get(key or "", ("", ""))) for document_id, key in keys.items()}
        return {document_id: state for document_id, state in states.items() if state}

    def _state(self, location: str, sha256: str) -> SourceState:
        if not location:
            return ""
        path = Path(location)
        try:
            status = path.stat()
        except OSError:
            return "missing"
        if not sha256 or status.st_size > MAX_HASHED_BYTES:
            return ""
        return "" if self._hash(path, status.st_mtime_ns, status.st_size) == sha256 else "changed"

    def _hash(self, path: Path, changed_at: int, size: int) -> str:
        key = (str(path), changed_at, size)
        if key not in self._hashes:
            try:
                self._hashes[key] = source_sha256(path)
            except LoadError:
                return ""
            while len(self._hashes) > MAX_REMEMBERED_HASHES:
                self._hashes.popitem(last=False)
        return self._hashes[key]
