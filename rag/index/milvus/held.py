"""What a server holds of an index: its manifest, checked, and through it the parts of a version."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from rag.core.errors import IndexCorrupt, IndexNotFound, IndexUnreachable, IndexVersionMismatch
from rag.core.safe_json import json_value
from rag.index.milvus.collections import AGAIN, NOTHING, Layout, collections_of, load, meta_name, require_fit
from rag.index.milvus.connection import Connection
from rag.index.milvus.reading import MilvusDocuments, MilvusVectors
from rag.index.milvus.rows import Seen, encoded
from rag.index.milvus.words import MilvusWords
from rag.index.storage.manifest import INDEX_FORMAT, Manifest

MANIFEST = "manifest"
NO_COLLECTION, NOT_LOADED = 100, 101


@dataclass(frozen=True)
class Held:
    """A version on a server: the manifest, and the facts that only a server's index has."""

    connection: Connection
    manifest: Manifest
    facts: Mapping[str, Any]

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return int(self.facts["dimension"])

    @property
    def ends(self) -> dict[str, int]:
        """Return the numbers that no document, row and record has yet."""
        return dict(self.facts["ends"])

    @property
    def layout(self) -> Layout:
        """Return the collections."""
        return Layout(**self.facts["layout"])

    @property
    def has_words(self) -> bool:
        """Tell whether passages are found by their words."""
        return self.layout.has_words and self.connection.has_full_text

    @cached_property
    def documents(self) -> MilvusDocuments:
        """Return the documents and passages."""
        parts = self.layout.rows(self.connection)
        shown = self.connection.address.shown
        return MilvusDocuments(shown, parts, self._seen("passages", "records"), self.ends, self.manifest.documents)

    @cached_property
    def vectors(self) -> MilvusVectors:
        """Return the vectors."""
        rows = self.layout.rows(self.connection)[0]
        return MilvusVectors(rows, self._seen("passages"), self.dimension, self.manifest.chunks, self.ends["row"])

    def words(self, stemmer: str) -> MilvusWords:
        """Return the words."""
        rows = self.layout.rows(self.connection)[0] if self.has_words else None
        return MilvusWords(self.documents, rows, self._seen("passages"), self.manifest.chunks, stemmer)

    def prepare(self) -> None:
        """See that the collections are loaded and are what the manifest says. Raises IndexVersionMismatch."""
        for name in (self.layout.passages, self.layout.records):
            load(self.connection, name)
        require_fit(self.connection, self.layout, self.dimension)

    def _seen(self, *collections: str) -> Seen:
        stamps = [int(self.facts["stamps"][name]) for name in collections]
        return Seen(self.manifest.version, max(stamps) if all(stamps) else 0)


def read(connection: Connection, newest: bool = True) -> Held:
    """Return what is held now, `newest` by the server's own word, else as far as this process or the server has it.

    Raises IndexNotFound, IndexCorrupt, IndexVersionMismatch, IndexUnreachable.
    """
    address = connection.address
    try:
        found = _manifest_row(connection, newest)
    except IndexUnreachable as error:
        if getattr(error.__cause__, "code", None) == NO_COLLECTION:
            found = []
        else:
            raise
    if not found:
        what = f"There is no index at {address.shown}."
        raise IndexNotFound(what, f"Build one: rag index PATH --index {address.shown}")
    try:
        content = json_value(found[0]["body"])
        sha256 = content.pop("sha256")
        sound = sha256 == hashlib.sha256(encoded(content).encode()).hexdigest()
    except (ValueError, KeyError, AttributeError) as error:
        raise IndexCorrupt(f"The manifest of {address.shown} is damaged: {error}.", AGAIN) from error
    if not sound:
        raise IndexCorrupt(f"The manifest of {address.shown} is damaged: its own hash differs.", AGAIN)
    if content["manifest"].get("format") != INDEX_FORMAT:
        index_format = content["manifest"].get("format")
        what = f"The index at {address.shown} has format {index_format}, this version reads {INDEX_FORMAT}."
        raise IndexVersionMismatch(what, AGAIN)
    try:
        return Held(connection, Manifest(**content["manifest"]), content["engine"])
    except (TypeError, KeyError) as error:
        what = f"{address.shown} was written by another version of this package: {error}."
        raise IndexVersionMismatch(what, AGAIN) from None


def commit(connection: Connection, manifest: Manifest, facts: Mapping[str, Any]) -> None:
    """Make a version the one that is seen."""
    content = json_value(encoded({"manifest": asdict(manifest), "engine": dict(facts)}))
    content["sha256"] = hashlib.sha256(encoded(content).encode()).hexdigest()
    row = {"name": MANIFEST, "body": encoded(content), "nothing": NOTHING}
    connection("upsert", meta_name(connection.address), [row], patience=60.0)


def drop_builds(connection: Connection, *kept: Layout) -> None:
    """Drop the collections of builds that no manifest names."""
    names = {name for layout in kept for name in (layout.passages, layout.records)}
    for name in collections_of(connection):
        if name not in names:
            connection("drop_collection", name, patience=60.0)


def _manifest_row(connection: Connection, newest: bool) -> list[dict[str, Any]]:
    name = meta_name(connection.address)
    # Of its own writes a process sees the last at once, of others' within the server's time tick.
    level = "Strong" if newest else "Session" if connection.written_until(name) else "Bounded"
    asked: dict[str, Any] = {"filter": f'name in ["{MANIFEST}"]', "output_fields": ["body"], "consistency_level": level}
    return list(connection("query", name, **asked))
