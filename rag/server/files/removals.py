"""Removes documents so that this can be undone for ten minutes. Then, or if the server stops, they are gone."""

import secrets
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.core.errors import InvalidInput
from rag.core.reports import IndexReport, Progress
from rag.core.types import Document
from rag.index.index import Index
from rag.index.writing.build import WriteRequest
from rag.loading import Source
from rag.server.files.uploads import uploaded_file

MAX_UNDOABLE_REMOVALS, MAX_UNDOABLE_SECONDS = 20, 600.0
REMOVED_PREFIX = "pincite-removed-"


@dataclass(frozen=True)
class RemovedDocument:
    """A document, the id and path of the file it came from if it came from one, and its upload if that was moved."""

    document: Document
    source: Source | None
    upload: Path | None


class Removals:
    """The latest removals, each under a name that is hard to guess."""

    def __init__(self, seconds: float = MAX_UNDOABLE_SECONDS) -> None:
        """Keep each removal for so many seconds."""
        self._seconds = seconds
        self._removals: OrderedDict[str, tuple[RemovedDocument, ...]] = OrderedDict()
        self._lock, self._folder = threading.Lock(), ""

    def remove(self, index: Index, document_ids: Sequence[str]) -> tuple[IndexReport, str]:
        """Remove documents, and return the report with the name by which the removal is undone.

        The files of uploads leave the folder of the index.
        """
        documents = [document for key in document_ids if (document := index.document(key)) is not None]
        sources = [_source_of(index, document) for document in documents]
        report = index._rewrite(WriteRequest([], None, lambda store: list(document_ids)))
        name = secrets.token_urlsafe(16)
        pairs = zip(documents, sources, strict=True)
        removal = [RemovedDocument(document, source, self._set_aside(index, document)) for document, source in pairs]
        with self._lock:
            self._removals[name] = tuple(removal)
            while len(self._removals) > MAX_UNDOABLE_REMOVALS:
                _delete(self._removals.popitem(last=False)[1])
        timer = threading.Timer(self._seconds, self._forget, [name])
        timer.daemon = True
        timer.start()
        return report, name

    def undo(self, index: Index, name: str, tell: Callable[[Progress], None] | None = None) -> IndexReport:
        """Add the documents of a removal again: from their files, or as they were if the files are gone.

        Raises InvalidInput if the removal is not known any more.
        """
        with self._lock:
            removal = self._removals.pop(name, None)
        if removal is None:
            raise InvalidInput("This removal cannot be undone any more.", "Add the files again.")
        for item in removal:
            place = uploaded_file(index, item.document.source_path)
            if item.upload is not None and place is not None and not place.exists():
                shutil.move(item.upload, place)
        work = {_key(item): item.source if _is_there(item.source) else item.document for item in removal}
        return index._rewrite(WriteRequest([entry for entry in work.values() if entry is not None], tell))

    def _forget(self, name: str) -> None:
        with self._lock:
            _delete(self._removals.pop(name, ()))

    def _set_aside(self, index: Index, document: Document) -> Path | None:
        place = uploaded_file(index, document.source_path)
        if place is None or not place.is_file():
            return None
        try:
            aside = self._usable_folder() / secrets.token_urlsafe(16)
            shutil.move(place, aside)
        except OSError:  # no space to keep it: the document is removed already, and its file must not come back
            place.unlink(missing_ok=True)
            return None
        return aside

    def _usable_folder(self) -> Path:
        # A machine that tidies its temporary files may have removed it.
        if not self._folder or not Path(self._folder).is_dir():
            self._folder = tempfile.mkdtemp(prefix=REMOVED_PREFIX)
            weakref.finalize(self, shutil.rmtree, self._folder, True)
        return Path(self._folder)


def _delete(removal: Sequence[RemovedDocument]) -> None:
    for item in removal:
        if item.upload is not None:
            item.upload.unlink(missing_ok=True)


def _source_of(index: Index, document: Document) -> Source | None:
    key = index.store.source_of(document.id)
    stored = index.store.sources().get(key) if key else None
    return Source(Path(stored[0]), key) if stored and key else None


def _key(item: RemovedDocument) -> str:
    """Return what tells one file from others: several documents may come from one."""
    return f"file {item.source.document_id}" if _is_there(item.source) and item.source else item.document.id


def _is_there(source: Source | None) -> bool:
    return source is not None and source.path.is_file()
