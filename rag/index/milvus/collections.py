"""Lays out an index in collections of a server, and checks that they fit its manifest.

    NAME_meta                   the manifest, and the claim of the writing process
    NAME_000012_passages        a row for each passage: text, offsets, vector, sentence vectors, words
    NAME_000012_records         all other data in pieces: documents, their texts, sources, word counts

The number is the first version of a build. Each build makes its own collections, which replace the earlier ones when
it commits.
"""

from dataclasses import dataclass
from typing import Any

from rag.core.errors import IndexVersionMismatch
from rag.index.milvus.address import Address
from rag.index.milvus.connection import Connection
from rag.index.milvus.rows import MAX_FIELD_BYTES, Rows

METRIC = "IP"
GRAPH_PARAMETERS = {"M": 32, "efConstruction": 400}
META, PASSAGES, RECORDS = "meta", "passages", "records"
PASSAGE_FIELDS = ("row", "document", "born", "died", "about", "inner", "embedded_sha256", "vector")
STEMS, SPARSE = "stems", "stems_bm25"
RECORD_FIELDS = ("number", "kind", "name", "piece", "body", "born", "died", "nothing")
META_FIELDS = ("name", "body", "nothing")
NOTHING = [0.0, 0.0]
"""Every collection must have vectors."""
AGAIN = "Build the index again: rag index PATH --rebuild, or give another NAME."
# Names of the index for equal texts, by version of the server.
TEXT_INDEXES = ("INVERTED", "Trie")


@dataclass(frozen=True)
class BuildCollections:
    """The names of the two collections of a build, which its manifest stores."""

    passages: str
    records: str
    has_words: bool

    def rows(self, connection: Connection) -> tuple[Rows, Rows]:
        """Return the rows of the passages and of the records."""
        fields = (*PASSAGE_FIELDS, STEMS) if self.has_words else PASSAGE_FIELDS
        return Rows(connection, self.passages, "row", fields), Rows(connection, self.records, "number", RECORD_FIELDS)


def meta_name(address: Address) -> str:
    """Return the name of the collection of the manifest."""
    return f"{address.name}_{META}"


def layout_of(address: Address, version: int, has_words: bool) -> BuildCollections:
    """Return the collections of a build whose first version is `version`."""
    stem = f"{address.name}_{version:06d}"
    return BuildCollections(f"{stem}_{PASSAGES}", f"{stem}_{RECORDS}", has_words)


def make_meta(connection: Connection) -> None:
    """Create the collection of the manifest if it does not exist."""
    name = meta_name(connection.address)
    if not connection("has_collection", name):
        schema = _schema("name", "text", {"body": "text", "nothing": "vector"}, 2)
        _create(connection, name, schema, {"nothing": {"index_type": "FLAT", "metric_type": METRIC}})


def make(connection: Connection, layout: BuildCollections, dimension: int) -> None:
    """Create the empty collections of a build."""
    numbers = dict.fromkeys(("document", "born", "died"), "number")
    fields = {**numbers, "about": "text", "inner": "text", "embedded_sha256": "text", "vector": "vector"}
    schema = _schema("row", "number", fields, dimension)
    kind = "FLAT" if connection.address.search == "exact" else "HNSW"
    indexes: dict[str, dict[str, Any]] = {
        "vector": {"index_type": kind, "metric_type": METRIC, "params": GRAPH_PARAMETERS}
    }
    if layout.has_words:
        _with_words(schema)
        indexes[SPARSE] = {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25"}
        indexes[SPARSE]["params"] = {"bm25_k1": 1.2, "bm25_b": 0.75}
    _create(connection, layout.passages, schema, indexes)
    fields = {"kind": "text", "name": "text", "piece": "number", "body": "text", "born": "number", "died": "number"}
    schema = _schema("number", "number", {**fields, "nothing": "vector"}, 2)
    text_index = TEXT_INDEXES[0 if connection.has_full_text else 1]
    nothing = {"index_type": "FLAT", "metric_type": METRIC}
    _create(connection, layout.records, schema, {"nothing": nothing, "name": {"index_type": text_index}})


def require_same_vectors(connection: Connection, layout: BuildCollections, dimension: int) -> None:
    """Raise IndexVersionMismatch if the dimension or the metric of the vectors differs from the manifest."""
    fields = {field["name"]: field for field in connection("describe_collection", layout.passages)["fields"]}
    server_dimension = int(fields.get("vector", {}).get("params", {}).get("dim", 0))
    metric = str(connection("describe_index", layout.passages, "vector").get("metric_type"))
    if server_dimension != dimension or metric != METRIC:
        raise IndexVersionMismatch(
            f"The vectors of {connection.address.shown} have {server_dimension} dimensions and the metric {metric}; "
            f"its manifest says {dimension} and {METRIC}.",
            AGAIN,
        )


def collections_of(connection: Connection) -> list[str]:
    """Return the collections of all builds of this index."""
    stem = f"{connection.address.name}_"
    ends = (f"_{PASSAGES}", f"_{RECORDS}")
    return sorted(
        name for name in connection("list_collections")
        if name.startswith(stem) and name.endswith(ends) and name[len(stem) :].split("_")[0].isdigit()
    )  # fmt: skip


def builds_of(connection: Connection) -> list[int]:
    """Return the first versions of all builds of this index."""
    return [int(name.split("_")[-2]) for name in collections_of(connection)]


def _schema(key: str, key_kind: str, fields: dict[str, str], dimension: int) -> Any:
    from pymilvus import DataType, MilvusClient

    schema: Any = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    kinds: dict[str, tuple[Any, dict[str, int]]] = {
        "number": (DataType.INT64, {}),
        "text": (DataType.VARCHAR, {"max_length": MAX_FIELD_BYTES}),
        "vector": (DataType.FLOAT_VECTOR, {"dim": dimension}),
    }
    kind, options = kinds[key_kind]
    schema.add_field(key, kind, is_primary=True, **options)
    for name, kind_name in fields.items():
        kind, options = kinds[kind_name]
        schema.add_field(name, kind, **options)
    return schema


def _with_words(schema: Any) -> None:
    """Add a field for the stems of a passage, and one for their weights, which the server computes."""
    from pymilvus import DataType, Function, FunctionType

    schema.add_field(
        STEMS,
        DataType.VARCHAR,
        max_length=MAX_FIELD_BYTES,
        enable_analyzer=True,
        analyzer_params={"tokenizer": "standard"},
    )
    schema.add_field(SPARSE, DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25", function_type=FunctionType.BM25, input_field_names=[STEMS], output_field_names=[SPARSE]
        )
    )  # fmt: skip


def _create(connection: Connection, name: str, schema: Any, indexes: dict[str, dict[str, Any]]) -> None:
    from pymilvus import MilvusClient

    address, params = connection.address, MilvusClient.prepare_index_params()
    for field, options in indexes.items():
        params.add_index(field, **options)
    connection("create_collection", name, schema=schema, num_shards=address.shards, patience=60.0)
    connection("create_index", name, params, patience=60.0)
    load_collection(connection, name)


def load_collection(connection: Connection, name: str) -> None:
    """Load a collection into the memory of the query nodes. This is quick if it is already loaded."""
    address = connection.address
    groups = {"resource_groups": list(address.groups)} if address.groups else {}
    connection("load_collection", name, replica_number=address.replicas, patience=60.0, **groups)
