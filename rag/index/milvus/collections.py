"""Lays out an index in collections of a server, and holds what stands there against what is expected.

    NAME_meta                   the manifest, and the claim of the process that writes
    NAME_000012_passages        a row for each passage: its text and place, vector, sentence vectors, words
    NAME_000012_records         everything else in pieces: documents, their texts, sources, word counts

The number is the version that a build began with: a build makes collections of its own, which take the place of the
former ones with its commit.
"""

from dataclasses import dataclass
from typing import Any

from rag.core.errors import IndexVersionMismatch
from rag.index.milvus.address import Address
from rag.index.milvus.connection import Connection
from rag.index.milvus.rows import LONGEST, Rows

METRIC = "IP"
BUILDING = {"M": 32, "efConstruction": 400}
META, PASSAGES, RECORDS = "meta", "passages", "records"
PASSAGE_FIELDS = ("row", "document", "born", "died", "about", "inner", "embedded_sha256", "vector")
STEMS, SPARSE = "stems", "stems_bm25"
RECORD_FIELDS = ("number", "kind", "name", "piece", "body", "born", "died", "nothing")
META_FIELDS = ("name", "body", "nothing")
NOTHING = [0.0, 0.0]
"""Every collection must have vectors."""
AGAIN = "Build the index again: rag index PATH --rebuild, or give another NAME."
# The names that servers have had for the index of a text field that is asked for equal values.
TEXT_INDEXES = ("INVERTED", "Trie")


@dataclass(frozen=True)
class Layout:
    """The two collections of a build, as its manifest names them."""

    passages: str
    records: str
    has_words: bool

    def rows(self, connection: Connection) -> tuple[Rows, Rows]:
        """Return the passages and the records."""
        fields = (*PASSAGE_FIELDS, STEMS) if self.has_words else PASSAGE_FIELDS
        return Rows(connection, self.passages, "row", fields), Rows(connection, self.records, "number", RECORD_FIELDS)


def meta_name(address: Address) -> str:
    """Return the name of the collection that has the manifest."""
    return f"{address.name}_{META}"


def layout_of(address: Address, version: int, has_words: bool) -> Layout:
    """Return the layout of a build that begins with a version."""
    stem = f"{address.name}_{version:06d}"
    return Layout(f"{stem}_{PASSAGES}", f"{stem}_{RECORDS}", has_words)


def make_meta(connection: Connection) -> None:
    """Make the collection of the manifest where it is not there."""
    name = meta_name(connection.address)
    if not connection("has_collection", name):
        schema = _schema("name", "text", {"body": "text", "nothing": "vector"}, 2)
        _create(connection, name, schema, {"nothing": {"index_type": "FLAT", "metric_type": METRIC}})


def make(connection: Connection, layout: Layout, dimension: int) -> None:
    """Make the collections of a build, empty."""
    numbers = dict.fromkeys(("document", "born", "died"), "number")
    fields = {**numbers, "about": "text", "inner": "text", "embedded_sha256": "text", "vector": "vector"}
    schema = _schema("row", "number", fields, dimension)
    kind = "FLAT" if connection.address.search == "exact" else "HNSW"
    indexes: dict[str, dict[str, Any]] = {"vector": {"index_type": kind, "metric_type": METRIC, "params": BUILDING}}
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


def require_fit(connection: Connection, layout: Layout, dimension: int) -> None:
    """Raise IndexVersionMismatch where the passages have not the dimension or the metric that the manifest says."""
    fields = {field["name"]: field for field in connection("describe_collection", layout.passages)["fields"]}
    found = int(fields.get("vector", {}).get("params", {}).get("dim", 0))
    metric = str(connection("describe_index", layout.passages, "vector").get("metric_type"))
    if found != dimension or metric != METRIC:
        raise IndexVersionMismatch(
            f"The vectors of {connection.address.shown} have {found} dimensions and the metric {metric}; "
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
    """Return the versions that the builds of this index began with."""
    return [int(name.split("_")[-2]) for name in collections_of(connection)]


def _schema(key: str, key_kind: str, fields: dict[str, str], dimension: int) -> Any:
    from pymilvus import DataType, MilvusClient

    schema: Any = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    kinds: dict[str, tuple[Any, dict[str, int]]] = {
        "number": (DataType.INT64, {}),
        "text": (DataType.VARCHAR, {"max_length": LONGEST}),
        "vector": (DataType.FLOAT_VECTOR, {"dim": dimension}),
    }
    kind, options = kinds[key_kind]
    schema.add_field(key, kind, is_primary=True, **options)
    for name, named in fields.items():
        kind, options = kinds[named]
        schema.add_field(name, kind, **options)
    return schema


def _with_words(schema: Any) -> None:
    """Add the stems of a passage, and the field of their weights that the server fills."""
    from pymilvus import DataType, Function, FunctionType

    schema.add_field(
        STEMS, DataType.VARCHAR, max_length=LONGEST, enable_analyzer=True, analyzer_params={"tokenizer": "standard"}
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
    load(connection, name)


def load(connection: Connection, name: str) -> None:
    """Bring a collection into the memory of the query nodes, which is done at once where it is there."""
    address = connection.address
    groups = {"resource_groups": list(address.groups)} if address.groups else {}
    connection("load_collection", name, replica_number=address.replicas, patience=60.0, **groups)
