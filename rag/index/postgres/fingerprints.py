"""Stores and finds the fingerprints of documents: sketches of their texts, and hashes of their blocks."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rag.core.files.safe_json import json_value
from rag.index.postgres.values import restored_name
from rag.index.storage.fingerprints import Fingerprint

FINGERPRINTED = "FROM documents d JOIN fingerprints f ON f.document = d.key"


class PostgresFingerprints:
    """The fingerprints of the documents of a version, with the reading methods of `FingerprintTables`."""

    def __init__(self, rows: Callable[[str, Sequence[Any]], list[Any]], visible: str) -> None:
        """Read by `rows`; `visible` is a condition on the documents `d`."""
        self._rows, self._visible = rows, visible

    def sketches(self) -> dict[str, bytes]:
        """Return the sketch of every document, newest first, then by id. If texts are equal, only the first counts."""
        return self._sketches("true", ())

    def _sketches(self, condition: str, values: Sequence[Any]) -> dict[str, bytes]:
        query = f"SELECT id, text_sha256, sketch, metadata::text {FINGERPRINTED} WHERE {condition} AND {self._visible}"
        rows = self._rows(query, values)
        dated = [(str(restored_name(key)), sha256, bytes(own), _published_at(text)) for key, sha256, own, text in rows]
        dated.sort(key=lambda item: item[0])
        dated.sort(key=lambda item: item[3], reverse=True)
        first: dict[str, tuple[str, bytes]] = {}
        for document_id, sha256, sketch, _ in dated:
            first.setdefault(sha256, (document_id, sketch))
        return dict(first.values())

    def fingerprints(self) -> list[Fingerprint]:
        """Return the fingerprint of every document by id. If texts are equal, only the first counts."""
        query = f"SELECT DISTINCT ON (text_sha256) id, sketch, blocks {FINGERPRINTED} WHERE {self._visible}"
        rows = sorted(self._rows(f"{query} ORDER BY text_sha256, id", ()), key=lambda row: str(restored_name(row[0])))
        return [Fingerprint(bytes(sketch), bytes(blocks)) for _, sketch, blocks in rows]

    def documents_with(self, blocks: Iterable[int]) -> list[str]:
        """Return the ids of the documents that have at least one of these blocks, in order."""
        query = f"SELECT id {FINGERPRINTED} WHERE f.block_hashes && %s::bigint[] AND {self._visible} ORDER BY id"
        return [str(restored_name(key)) for (key,) in self._rows(query, (sorted(blocks),))]

    def shared_blocks(self) -> frozenset[int]:
        """Return the hashes of the blocks that `put_shared_blocks` stored last."""
        return frozenset(block for (block,) in self._rows("SELECT block FROM shared_blocks", ()))


def _published_at(metadata: str) -> tuple[int, str]:
    """Return a key that sorts like `ORDER BY json_extract(metadata, '$.published_at')` of SQLite."""
    value = json_value(metadata).get("published_at")
    return (0, "") if value is None else (2, value) if isinstance(value, str) else (1, f"{value!s:>30}")
