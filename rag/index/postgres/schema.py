"""Defines the tables of an index in PostgreSQL, and brings older ones up to date.

A row of `documents`, `masks`, `passages` and `vocabulary` belongs to the versions from `added_in` up to, but without,
`removed_in`. So `WHERE removed_in IS NULL` selects the current version. The other tables follow from these
rows, or serve only writers.
"""

from typing import TYPE_CHECKING, Any

from rag.core.errors import IndexVersionMismatch

if TYPE_CHECKING:
    from psycopg import Connection


def _rounded_lengths() -> list[int]:
    """Return the lengths that tantivy tells apart: all up to 40, then eight for each doubling of the rest."""
    steps = (24 + (step << shift) for shift in range(1, 24) for step in range(8, 16))
    return [*range(40), *steps]


TABLES = f"""
CREATE TABLE versions (
    number integer PRIMARY KEY, committed_at timestamptz NOT NULL DEFAULT clock_timestamp(), package text NOT NULL,
    fingerprint text NOT NULL, embedder json NOT NULL, settings json NOT NULL,
    documents integer NOT NULL, passages integer NOT NULL, next_document bigint NOT NULL, next_passage bigint NOT NULL,
    texts integer NOT NULL, stem_tokens bigint NOT NULL, word_tokens bigint NOT NULL, heading_tokens bigint NOT NULL);
COMMENT ON TABLE versions IS 'One row for each commit; the highest number is the current version.';

CREATE TABLE sources (
    id text COLLATE "C" PRIMARY KEY, path text COLLATE "C" NOT NULL, sha256 text NOT NULL,
    place text COLLATE "C" NOT NULL);
COMMENT ON TABLE sources IS 'The files that were read, with the hash of their bytes; place has no links.';
CREATE INDEX sources_by_place ON sources (place);
CREATE INDEX sources_by_sha256 ON sources (sha256);

CREATE TABLE documents (
    key bigint NOT NULL, id text COLLATE "C" NOT NULL, source text COLLATE "C", title text COLLATE "C",
    format text NOT NULL, source_path text COLLATE "C", source_sha256 text, metadata json NOT NULL,
    length integer NOT NULL, text_sha256 text NOT NULL, text text NOT NULL, nul_offsets integer[],
    layout json NOT NULL, added_in integer NOT NULL, removed_in integer, PRIMARY KEY (key, added_in));
COMMENT ON COLUMN documents.nul_offsets IS 'Offsets of NUL characters, which text cannot store; ␀ stands for them.';
CREATE INDEX documents_by_id ON documents (id);
CREATE INDEX documents_by_source ON documents (source);
CREATE INDEX documents_by_text ON documents (text_sha256);
CREATE INDEX documents_removed ON documents (removed_in) WHERE removed_in IS NOT NULL;

CREATE TABLE masks (
    document bigint NOT NULL, start_offset integer NOT NULL, end_offset integer NOT NULL, reason text NOT NULL,
    added_in integer NOT NULL, removed_in integer);
COMMENT ON TABLE masks IS 'Ranges of a document (offsets in characters) that are not searched.';
CREATE INDEX masks_by_document ON masks (document);
CREATE INDEX masks_removed ON masks (removed_in) WHERE removed_in IS NOT NULL;

CREATE TABLE passages (
    id bigint PRIMARY KEY, document bigint NOT NULL, start_offset integer NOT NULL, end_offset integer NOT NULL,
    headings json NOT NULL, sentences json NOT NULL, embedded_sha256 bytea NOT NULL, added_in integer NOT NULL,
    removed_in integer);
COMMENT ON TABLE passages IS 'Ranges of documents that are searched; the text is substr(text, start_offset + 1, …).';
CREATE INDEX passages_by_document ON passages (document);
CREATE INDEX passages_by_embedded ON passages (embedded_sha256);
CREATE INDEX passages_removed ON passages (removed_in) WHERE removed_in IS NOT NULL;

CREATE TABLE sentence_vectors (
    passage bigint PRIMARY KEY REFERENCES passages ON DELETE CASCADE, vectors bytea NOT NULL);

CREATE TABLE words (
    passage bigint PRIMARY KEY REFERENCES passages ON DELETE CASCADE,
    stems tsvector NOT NULL, words tsvector NOT NULL, heading_stems tsvector NOT NULL,
    stem_tokens integer NOT NULL, word_tokens integer NOT NULL, heading_tokens integer NOT NULL);
CREATE INDEX words_by_stems ON words USING gin (stems);
CREATE INDEX words_by_words ON words USING gin (words);
CREATE INDEX words_by_heading_stems ON words USING gin (heading_stems);

CREATE TABLE vocabulary (
    word text COLLATE "C" NOT NULL, stems integer NOT NULL, words integer NOT NULL, heading_stems integer NOT NULL,
    added_in integer NOT NULL, removed_in integer, PRIMARY KEY (word, added_in));
COMMENT ON TABLE vocabulary IS 'In how many passages a word is: as a stem, as written, as a stem of a heading.';
CREATE INDEX vocabulary_removed ON vocabulary (removed_in) WHERE removed_in IS NOT NULL;

CREATE TABLE fingerprints (
    document bigint PRIMARY KEY, sketch bytea NOT NULL, blocks bytea NOT NULL, block_hashes bigint[] NOT NULL,
    sketch_pairs bigint[] NOT NULL);
COMMENT ON TABLE fingerprints IS 'Hashes by which similar documents and repeated blocks are found.';
CREATE INDEX fingerprints_by_block ON fingerprints USING gin (block_hashes);
CREATE INDEX fingerprints_by_sketch ON fingerprints USING gin (sketch_pairs);

CREATE TABLE block_counts (block bigint PRIMARY KEY, texts integer NOT NULL);
COMMENT ON TABLE block_counts IS 'How many different texts have a block.';
CREATE INDEX block_counts_by_texts ON block_counts (texts) WHERE texts > 4;

CREATE TABLE shared_blocks (block bigint PRIMARY KEY);

CREATE VIEW current_documents AS SELECT * FROM documents WHERE removed_in IS NULL;
CREATE VIEW current_passages AS
    SELECT p.id, d.id AS document, d.title, p.start_offset, p.end_offset,
        substr(d.text, p.start_offset + 1, p.end_offset - p.start_offset) AS text
    FROM passages p JOIN documents d ON d.key = p.document AND d.removed_in IS NULL WHERE p.removed_in IS NULL;

CREATE FUNCTION occurrences(words tsvector, word tsquery) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN round(1 / (1.6449340668482264::float8 - 1.64493406685 * ts_rank('{{1,1,1,1}}', words, word)) - 0.5);
COMMENT ON FUNCTION occurrences IS
    'ts_rank of one word is the sum of 1/n² over its occurrences, divided by pi²/6; the rest is nearly 1/(n + 0.5).';
CREATE FUNCTION rounded_length(tokens integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY{_rounded_lengths()})[width_bucket(tokens, ARRAY{_rounded_lengths()})];
"""
MIGRATIONS = (TABLES,)
"""The statements of each step. A step that was once released is never changed."""
NEWER = "Update Pincite, or give another schema: ?schema=NAME"


def migrate(connection: "Connection[Any]", schema: str, shown: str) -> None:
    """Create the schema, or update an older one, under the writer's lock. Raises IndexVersionMismatch."""
    if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchall():
        connection.execute(f'CREATE SCHEMA "{schema}"')
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (step integer PRIMARY KEY, applied_at timestamptz)")
    ((applied,),) = connection.execute("SELECT count(*) FROM migrations").fetchall()
    require_known_schema(applied, shown)
    for step, statements in enumerate(MIGRATIONS[applied:], applied + 1):
        connection.execute(statements)
        connection.execute("INSERT INTO migrations VALUES (%s, now())", (step,))


def require_known_schema(applied: int, shown: str) -> None:
    """Raise IndexVersionMismatch if a later version of this package made the tables."""
    if applied > len(MIGRATIONS):
        what = f"The tables of {shown} are of step {applied}; this version knows {len(MIGRATIONS)}."
        raise IndexVersionMismatch(what, NEWER)


def create_vectors(connection: "Connection[Any]", dimension: int) -> int:
    """Create the table of vectors unless it exists. Return the dimension that it has."""
    rows = connection.execute(
        "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass('vectors') AND attname = 'embedding'"
    ).fetchall()
    if rows:
        return int(rows[0][0])
    connection.execute(
        f"CREATE TABLE vectors (passage bigint PRIMARY KEY REFERENCES passages ON DELETE CASCADE,"
        f" embedding vector({dimension}) NOT NULL)"
    )
    return dimension
