"""Chooses documents by what is known of them, and shows that nothing else is ever found."""

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.assistant import Assistant
from rag.core.errors import InvalidFilter
from rag.core.types import Document
from rag.index.filters import conditions, counts, from_pairs, passing
from rag.index.index import Index
from rag.index.storage import documents as store_room
from rag.index.storage.flat_vectors import FaissStore
from rag.index.storage.lexical import TantivyStore
from rag.index.storage.metadata import LazyFields, fields_of

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

KNOWN: tuple[dict[str, Any], ...] = (
    {"author": "Ann Li", "published_at": "2024-03-05", "tags": ["sport", "Rugby"], "year": 2024, "serial": "007"},
    {"author": "Bob Ray, Ann Li", "published_at": "2024-12-31T23:30:00-02:00", "tags": ["law"], "price": "12.50"},
    {"author": "REUTERS", "published_at": "2023", "tags": "sport", "year": 1999, "serial": "7", "open": True},
    {"published_at": "last week", "source": {"desk": "Home"}, "price": 9},
)
PATHS = ("news/uk/a.txt", "news/b.txt", "/home/ann/news/uk/c.md", "uk.txt")


def fields() -> Any:
    return fields_of(
        (n, {"id": f"d{n}", "title": f"Title *{n}*", "format": "text", "path": path}, known)
        for n, (path, known) in enumerate(zip(PATHS, KNOWN, strict=True))
    )


def test_fields_that_are_read_when_asked_for_are_the_same() -> None:
    known = [{**known, "title": "hidden", "more": [1, 1.0, ["a", "a"], " "]} for known in KNOWN]
    columns = [{"id": f"d{n}", "title": "A", "format": "text", "path": path} for n, path in enumerate(PATHS)]
    read = []

    def column(name: str) -> list[tuple[int, object]]:
        read.append(name)
        found = [json.dumps(said) for said in known] if name == "metadata" else [held[name] for held in columns]
        return list(enumerate(found))

    lazy = LazyFields(column, ValueError)
    assert passing(conditions({"path": "news/b.txt"}), lazy) == {1}
    assert read == ["path"], "nothing else was needed"
    assert dict(lazy) == dict(fields_of(zip(range(4), columns, known, strict=True)))
    assert sorted(read) == ["format", "id", "metadata", "path", "title"], "each once"


@pytest.mark.parametrize("damaged", ["[1]", "[]", "{", "null", None])
def test_metadata_that_was_not_stored_so_is_refused(damaged: object) -> None:
    broken = LazyFields(lambda name: [(0, damaged)], lambda error: ZeroDivisionError(str(error)))
    with pytest.raises(ZeroDivisionError):
        len(broken)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"author": "ann li"}, {0}),
        ({"author": "*Ann Li"}, {0, 1}),
        ({"author": ["reuters", "ann li"]}, {0, 2}),
        ({"author": "Ann"}, set()),
        ({"tags": "sport"}, {0, 2}),
        ({"tags": ["rugby", "law"]}, {0, 1}),
        ({"published_at": "2024"}, {0}),
        ({"published_at": {"=": "2024-03"}}, {0}),
        ({"published_at": date(2024, 3, 5)}, {0}),
        ({"published_at": {">": "2024"}}, {1}),  # 01:30 of the next year in UTC
        ({"published_at": {">=": "2024", "<": "2025"}}, {0}),
        ({"published_at": {"<=": "2024-03"}}, {0, 2}),
        ({"published_at": {"<": "2024-03-05"}}, {2}),
        ({"published_at": {">=": "2024-03-05T00:00:00Z"}}, {0, 1}),
        ({"published_at": "Last week"}, {3}),
        ({"year": 2024}, {0}),
        ({"year": "2024"}, {0}),
        ({"year": {">": 1998, "<=": "1999"}}, {2}),
        ({"price": {">=": 9}}, {1, 3}),
        ({"price": {"<": "12.5"}}, {3}),
        ({"price": 12.5}, {1}),
        ({"serial": "7"}, {2}),
        ({"serial": 7}, {0, 2}),
        ({"open": True}, {2}),
        ({"source.desk": "home"}, {3}),
        ({"path": "news/*"}, {0, 1, 2}),
        ({"path": "uk/*"}, {0, 2}),
        ({"path": "/home/*"}, {2}),
        ({"path": "ews/*"}, set()),
        ({"path": "uk.txt"}, {3}),
        ({"format": "text", "author": "reuters"}, {2}),
        ({"title": "title *3*"}, {3}),
        ({"language": "en"}, set()),
    ],
)
def test_documents_pass_by_what_is_known_of_them(wanted: dict[str, Any], found: set[int]) -> None:
    assert passing(conditions(wanted), fields()) == found


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"autor": "x"}, "'autor'. Did you mean 'author'"),
        ({"zzz": "x"}, "Known: author, format"),
        ({"year": {">=": "new"}}, "neither a number nor a date"),
        ({"year": {"~": 3}}, "sign '~'"),
        ({"year": {">": [1, 2]}}, "for >"),
        ({"year": []}, "for ="),
        ({"year": {}}, "nothing of 'year'"),
        ({"year": None}, "value None"),
        ({"year": float("nan")}, "value nan"),
        ({"author": " "}, "value ' '"),
        ({3: "x"}, "key of a filter is a text"),
        ("author=x", "maps keys to values"),
    ],
)
def test_a_filter_that_means_nothing_is_an_error_that_says_so(wanted: Any, says: str) -> None:
    with pytest.raises(InvalidFilter, match=says.replace("*", r"\*")) as caught:
        passing(conditions(wanted), fields())
    assert caught.value.remedy


def test_pairs_of_the_shell_are_filters() -> None:
    pairs = ["author=Ann = Li", "author = Bob", "published_at>=2024-01", "published_at<2025", "path=news/*"]
    assert from_pairs(pairs) == {
        "author": {"=": ["Ann = Li", "Bob"]},
        "published_at": {">=": "2024-01", "<": "2025"},
        "path": {"=": ["news/*"]},
    }
    for bad in ("author", "=x", ">=3"):
        with pytest.raises(InvalidFilter, match="is not a filter"):
            from_pairs([bad])
    with pytest.raises(InvalidFilter, match="two values for >="):
        from_pairs(["year>=1", "year>=2"])
    with pytest.raises(InvalidFilter, match="value ''"):
        conditions(from_pairs(["author="]))


def test_facets_count_documents_most_first() -> None:
    assert counts(fields(), ["tags", "language"]) == {"tags": {"sport": 2, "Rugby": 1, "law": 1}, "language": {}}
    assert list(counts(fields(), ["tags"])["tags"]) == ["sport", "Rugby", "law"]
    with pytest.raises(InvalidFilter, match="'tag'"):
        counts(fields(), ["tag"])


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({f"key{n}": "a" for n in range(100_000)}, "100,000 keys; at most 100"),
        ({"author": [f"a{n}" for n in range(100_000)]}, "100,000 values; at most 10,000"),
        ({"author": {"=": list(range(2_000))}}, "2,000 patterns, numbers and dates; at most 1,000"),
        ({"k" * 100_000: "a"}, "100,000 characters; at most 200"),
        ({"author": {">=": ["a"] * 100_000}}, "for >="),
    ],
)  # fmt: skip
def test_a_filter_of_very_many_keys_or_values_is_an_error_of_one_line(filters: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidFilter, match=says) as caught:
        conditions(filters)
    assert len(str(caught.value)) < 400 and caught.value.remedy


def test_a_filter_of_as_many_texts_as_are_allowed_is_looked_up() -> None:
    texts = [f"author {n}" for n in range(9_999)]
    assert passing(conditions({"author": ["reuters", *texts]}), fields()) == {2}


@given(st.integers(1, 60), st.sets(st.integers(0, 59)), st.integers(1, 20), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_rows_among_are_ranked_as_an_index_of_them_alone_ranks_them(
    size: int, among: set[int], k: int, random: Any
) -> None:
    vectors = np.random.default_rng(random.randint(0, 2**32)).normal(size=(size + 1, 8)).astype(np.float32)
    query, vectors = vectors[:1], vectors[1:]
    rows = np.array(sorted(row for row in among if row < size), np.int64)
    whole, alone = FaissStore(8), FaissStore(8)
    whole.add(np.arange(size), vectors)
    alone.add(rows, vectors[rows])

    assert whole.search(query, k, rows) == alone.search(query, k)
    by_hand = sorted(rows.tolist(), key=lambda row: (-float(vectors[row] @ query[0]), row))[:k]
    assert {row for row, _ in whole.search(query, k, rows)[0]} == set(by_hand)


@pytest.fixture(scope="module")
def words() -> TantivyStore:
    store = TantivyStore()
    texts = [f"{'apple ' * (n % 5)}pear number{n} {'plum ' * (n % 7)}" for n in range(300)]
    store.add(range(300), texts, ["fruit"] * 300)
    store.commit()
    return store


@given(st.sets(st.integers(0, 299)), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_words_find_the_best_of_the_rows_among_and_no_other(words: TantivyStore, among: set[int], k: int) -> None:
    everything = dict(words.search("apple plum", 300))
    found = words.search("apple plum", k, np.array(sorted(among), np.int64))

    assert all(everything[row] == score for row, score in found) and {row for row, _ in found} <= among
    best = sorted((everything[row] for row in among & everything.keys()), reverse=True)[:k]
    assert [score for _, score in found] == best


@pytest.fixture(scope="module")
def index(embedder: "Embedder", tmp_path_factory: pytest.TempPathFactory) -> Index:
    towns = ("Avon", "Borth", "Crail", "Dover")
    articles = [
        Document(
            f"{town} {year}", f"The new bridge of {town} cost {year % 100} million pounds.\n\nIt opened in May {year}.",
            source_path=f"{town}/{year}.txt",
            metadata={"published_at": f"{year}-05-01", "language": "en", "tags": [town, "bridge"]},
        )
        for town in towns
        for year in (2011, 2014, 2018)
    ]  # fmt: skip
    return Index.build(articles, tmp_path_factory.mktemp("filters") / "index", embedder=embedder)


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"tags": "crail"}, lambda name: "Crail" in name),
        ({"published_at": {">=": "2014"}}, lambda name: "2011" not in name),
        ({"path": ["Dover/*", "Avon/*"], "published_at": "2018"}, lambda name: name in ("Dover 2018", "Avon 2018")),
        ({"id": "Borth 2014"}, lambda name: name == "Borth 2014"),
    ],
)
def test_no_document_outside_the_filter_is_ever_shown(wanted: dict[str, Any], passes: Any, index: Index) -> None:
    assistant = Assistant(index)
    question = "What did the new bridge of Borth cost?"
    response = assistant.ask(question, filters=wanted, min_confidence=0.0, explain=True)
    closest = assistant.ask(question, filters=wanted, min_confidence=1.0).no_answer
    assert response.answers and closest and closest.closest
    found = assistant.search(question, 50, wanted)
    shown = (*response.answers, *closest.closest, *found)
    cited = {c.span.document_id for answer in shown for c in (answer.citation, *answer.also_in)}

    assert cited and all(map(passes, cited))
    assert response.explain and all(passes(item["chunk_id"]) or passes(item["chunk_id"].rpartition(":")[0])
                                    for stage in ("dense", "lexical", "fused", "read")
                                    for item in response.explain[stage])  # fmt: skip
    assert {answer.citation.span.document_id for answer in found} == set(
        filter(passes, (d.id for d in index.documents()))
    )


def test_dense_scores_of_a_filter_are_those_of_an_index_of_its_documents(
    index: Index, embedder: "Embedder", tmp_path: Path
) -> None:
    kept = [index.document(item.id) for item in index.documents() if "2014" in item.id]
    alone = Index.build([item for item in kept if item], tmp_path / "index", embedder=embedder)
    question, wanted = "Which bridge opened in May?", {"published_at": "2014"}
    rankings = [
        [(a.citation.span, a.scores["dense"]) for a in Assistant(one).search(question, 50, chosen)]
        for one, chosen in ((index, wanted), (alone, None))
    ]
    alone.close()
    assert len(rankings[0]) == 4 and sorted(rankings[0], key=lambda item: -item[1]) == sorted(
        rankings[1], key=lambda item: -item[1]
    )


def test_asking_many_is_asking_each_and_the_filter_is_part_of_the_response_id(index: Index) -> None:
    assistant = Assistant(index)
    question, wanted = "What did the new bridge of Dover cost?", {"tags": "Dover", "published_at": {">": "2011"}}
    (many,), one = assistant.ask_many([question], filters=wanted), assistant.ask(question, filters=wanted)
    turned = assistant.ask(question, filters=dict(reversed(wanted.items())))

    assert many.response_id == one.response_id == turned.response_id
    assert one.response_id not in (assistant.ask(question).response_id, assistant.ask(question, filters={
        "tags": "Dover", "published_at": {">": "2012"}}).response_id)  # fmt: skip
    assert assistant.ask(question, filters={}).response_id == assistant.ask(question).response_id


def test_a_filter_that_nothing_passes_is_a_reason(index: Index) -> None:
    response = Assistant(index).ask("What did the new bridge of Dover cost?", filters={"tags": "Ely"})
    assert response.no_answer and response.no_answer.reason == "filtered_out"
    assert Assistant(index).search("bridge", filters={"author": "nobody"}) == []
    assert index.facets(["tags"])["tags"] == {"bridge": 12, "Avon": 3, "Borth": 3, "Crail": 3, "Dover": 3}


def test_many_documents_are_looked_up_in_a_table_and_few_are_asked_for(
    seeds_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = sorted({key for held in seeds_index.store.fields["id"].values() for key in held})
    asked = [seeds_index.store.rows_of_keys(some).tolist() for some in (keys, keys[:1], [])]
    monkeypatch.setattr(store_room, "MAX_QUERIED_DOCUMENTS", -1)
    assert [seeds_index.store.rows_of_keys(some).tolist() for some in (keys, keys[:1], [])] == asked
    assert asked[0] == seeds_index.store.rows() and 0 < len(asked[1]) < len(asked[0]) and asked[2] == []


def test_a_remembered_filter_tells_one_from_one_point_nothing(tmp_path: Path, embedder: "Embedder") -> None:
    documents = [Document("a", "It says one thing.", metadata={"n": "1"}),
                 Document("b", "It says another.", metadata={"n": "1.0"})]  # fmt: skip
    index = Index.build(documents, tmp_path / "index", embedder=embedder)
    alone = {repr(value): str(Index.open(index.path).selection({"n": value}).rows) for value in (1, 1.0, True)}
    assert {repr(value): str(index.selection({"n": value}).rows) for value in (1, 1.0, True)} == alone
    index.close()
