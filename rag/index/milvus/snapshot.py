"""Reads, checks and commits the manifest of an index on a server, and opens the parts of its version."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from rag.core.errors import IndexCorrupt, IndexNotFound, IndexUnreachable, IndexVersionMismatch
from rag.core.files.hashed_json import content_sha256, hashed_content
from rag.core.files.safe_json import json_value
from rag.index.milvus.collections import (
    AGAIN,
    NOTHING,
    BuildCollections,
    collections_of,
    load_collection,
    meta_name,
    require_same_vectors,
)
from rag.index.milvus.connection import Connection
from rag.index.milvus.reading import MilvusDocuments, MilvusVectors
from rag.index.milvus.rows import VisibleVersion, encoded
from rag.index.milvus.words import milvus_words
from rag.index.server_words import ServerWords
from rag.index.storage.manifest import INDEX_FORMAT, Manifest

MANIFEST_KEY = "manifest"
NO_COLLECTION, NOT_LOADED = 100, 101


@dataclass(frozen=True)
class Snapshot:
    """A version on a server: its manifest, and the facts that only an index on a server has."""

    connection: Connection
    manifest: Manifest
    facts: Mapping[str, Any]

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return int(self.facts["dimension"])

    @property
    def ends(self) -> dict[str, int]:
        """Return the first unused numbers of documents, rows and records."""
        return dict(self.facts["ends"])

    @property
    def layout(self) -> BuildCollections:
        """Return the collections."""
        return BuildCollections(**self.facts["layout"])

    @property
    def has_words(self) -> bool:
        """Tell whether the server can find passages by their words."""
        return self.layout.has_words and self.connection.has_full_text

    @cached_property
    def documents(self) -> MilvusDocuments:
        """Return the documents and passages."""
        parts = self.layout.rows(self.connection)
        shown = self.connection.address.shown
        return MilvusDocuments(
            shown, parts, self._visible_version("passages", "records"), self.ends, self.manifest.documents
        )

    @cached_property
    def vectors(self) -> MilvusVectors:
        """Return the vectors."""
        rows = self.layout.rows(self.connection)[0]
        return MilvusVectors(
            rows, self._visible_version("passages"), self.dimension, self.manifest.chunks, self.ends["row"]
        )

    def words(self, stemmer: str) -> ServerWords:
        """Return the words."""
        rows = self.layout.rows(self.connection)[0] if self.has_words else None
        return milvus_words(self.documents, rows, self._visible_version("passages"), self.manifest.chunks, stemmer)

    def prepare(self) -> None:
        """Load the collections, and check that they fit the manifest. Raises IndexVersionMismatch."""
        for name in (self.layout.passages, self.layout.records):
            load_collection(self.connection, name)
        require_same_vectors(self.connection, self.layout, self.dimension)

    def _visible_version(self, *collections: str) -> VisibleVersion:
        stamps = [int(self.facts["stamps"][name]) for name in collections]
        return VisibleVersion(self.manifest.version, max(stamps) if all(stamps) else 0)


def read_snapshot(connection: Connection, newest: bool = True) -> Snapshot:
    """Return the current version. With `newest` it is the last commit, else the last one that this process has seen.

    Raises IndexNotFound, IndexCorrupt, IndexVersionMismatch, IndexUnreachable.
    """
    address = connection.address
    try:
        rows = _manifest_row(connection, newest)
    except IndexUnreachable as error:
        if getattr(error.__cause__, "code", None) == NO_COLLECTION:
            rows = []
        else:
            raise
    if not rows:
        what = f"There is no index at {address.shown}."
        raise IndexNotFound(what, f"Build one: rag index PATH --index {address.shown}")
    try:
        content = hashed_content(rows[0]["body"])
    except (ValueError, KeyError) as error:
        raise IndexCorrupt(f"The manifest of {address.shown} is damaged: {error}.", AGAIN) from error
    if content["manifest"].get("format") != INDEX_FORMAT:
        index_format = content["manifest"].get("format")
        what = f"The index at {address.shown} has format {index_format}, this version reads {INDEX_FORMAT}."
        raise IndexVersionMismatch(what, AGAIN)
    try:
        return Snapshot(connection, Manifest(**content["manifest"]), content["engine"])
    except (TypeError, KeyError) as error:
        what = f"{address.shown} was written by another version of this package: {error}."
        raise IndexVersionMismatch(what, AGAIN) from None


def commit_manifest(connection: Connection, manifest: Manifest, facts: Mapping[str, Any]) -> None:
    """Make a version visible to readers."""
    content = json_value(encoded({"manifest": asdict(manifest), "engine": dict(facts)}))
    content["sha256"] = content_sha256(content)
    row = {"name": MANIFEST_KEY, "body": encoded(content), "nothing": NOTHING}
    connection("upsert", meta_name(connection.address), [row], patience=60.0)


def drop_builds(connection: Connection, *current: BuildCollections) -> None:
    """Drop the collections of all builds except `current`."""
    names = {name for layout in current for name in (layout.passages, layout.records)}
    for name in collections_of(connection):
        if name not in names:
            connection("drop_collection", name, patience=60.0)


def _manifest_row(connection: Connection, newest: bool) -> list[dict[str, Any]]:
    name = meta_name(connection.address)
    # A process sees its own last write at once, and those of others within the time tick of the server.
    level = "Strong" if newest else "Session" if connection.written_until(name) else "Bounded"
    options: dict[str, Any] = {
        "filter": f'name in ["{MANIFEST_KEY}"]',
        "output_fields": ["body"],
        "consistency_level": level,
    }
    return list(connection("query", name, **options))
