"""Writes the next version of an index in PostgreSQL, in one transaction."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rag import __version__
from rag.core.errors import IndexVersionMismatch
from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.index.postgres.documents import stored_json
from rag.index.postgres.new_documents import NewPostgresDocuments, PostgresSources
from rag.index.postgres.schema import create_vectors
from rag.index.postgres.session import COUNTED, NEXT_NUMBERS, WriteSession
from rag.index.postgres.vectors import NewPostgresVectors
from rag.index.postgres.words import NewPostgresWords
from rag.index.sinks import Sinks
from rag.index.storage.manifest import Manifest
from rag.index.writing.build import WriteRequest, apply
from rag.index.writing.writer import Writer, embedder_record, fingerprint_of

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

MIN_VERSIONS, MIN_PURGE_SECONDS = 2, 600
"""Removed rows stay for readers while their version is one of the last two, or was current in the last ten minutes."""


def write_version(
    session: WriteSession, base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings,
    request: WriteRequest,
) -> IndexReport:  # fmt: skip
    """Write the next version in the transaction of the session, and commit it unless nothing has changed."""
    with TemporaryDirectory(prefix="pincite-") as scratch:
        folder = Path(scratch) / "new"
        folder.mkdir()
        if base is None:
            session.clear()
        weights = base.embedder if base else embedder_record(embedder())
        dimension = _checked_dimension(session, int(weights["dimension"]))
        documents = NewPostgresDocuments(session)
        sinks = Sinks(
            NewPostgresVectors(session, dimension),
            NewPostgresWords(session, settings.stemmer),
            lambda rows: {},
            documents,
            PostgresSources(session),
            documents.overlaps.shared_now,
        )
        with closing(Writer(folder, None, embedder, settings, sinks)) as writer:
            report, must_commit = apply(writer, base is None, settings, request)
            if not must_commit:
                return report
            report = replace(report, notes=(*report.notes, *writer.finish()))
        fingerprint = fingerprint_of(documents, weights["fingerprint"], settings)
        _put_version(session, fingerprint, weights, settings)
        _purge(session)
        session.commit()
    return report


def _checked_dimension(session: WriteSession, dimension: int) -> int:
    stored = create_vectors(session.connection, dimension)
    if stored != dimension:
        what = f"{session.shown} has vectors of {stored} figures, the model gives {dimension}."
        raise IndexVersionMismatch(what, "Build under another name: add schema=NAME to the address.")
    return dimension


def _put_version(session: WriteSession, fingerprint: str, weights: Mapping[str, Any], settings: Settings) -> None:
    columns = ("number", "package", "fingerprint", "embedder", "settings", *NEXT_NUMBERS, *COUNTED)
    values = (
        session.version, __version__, fingerprint, stored_json(dict(weights)), stored_json(settings.shaping()),
        *(session.numbers[name] for name in NEXT_NUMBERS), *(session.counts[name] for name in COUNTED),
    )  # fmt: skip
    marks = ["%s::text::json" if name in ("embedder", "settings") else "%s" for name in columns]
    session.rows(f"INSERT INTO versions ({', '.join(columns)}) VALUES ({', '.join(marks)})", values)


def _purge(session: WriteSession) -> None:
    """Delete rows that no reader can need: those that lived only in this transaction, and those of old versions."""
    ((oldest,),) = session.rows(
        "SELECT min(number) FROM (SELECT number, lead(committed_at) OVER (ORDER BY number) AS replaced_at"
        " FROM versions) v WHERE number > %s OR replaced_at > clock_timestamp() - make_interval(secs => %s)",
        (session.version - MIN_VERSIONS, MIN_PURGE_SECONDS),
    )
    for condition, version in (
        ("removed_in <= %s", oldest),
        ("added_in = removed_in AND removed_in = %s", session.version),
    ):
        for table in ("passages", "masks", "vocabulary"):
            session.rows(f"DELETE FROM {table} WHERE {condition}", (version,))
        keys = [key for (key,) in session.rows(f"DELETE FROM documents WHERE {condition} RETURNING key", (version,))]
        session.rows(
            "DELETE FROM fingerprints f WHERE document = ANY(%s)"
            " AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.key = f.document)",
            (keys,),
        )
    session.rows("DELETE FROM versions WHERE number < %s", (oldest,))
