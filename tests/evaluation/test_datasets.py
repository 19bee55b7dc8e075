import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from rag.core.errors import EvaluationError
from rag.core.types import Span
from rag.evaluation.datasets import documents, load_dataset, load_queries, texts

CORPUS = [
    {
        "_id": "s#1",
        "title": "Seine",
        "text": "The Seine flows\r\nthrough Paris. Paris is old.",
        "doc": "seine",
        "offset": 0,
    },
    {"_id": "s#2", "title": "Seine", "text": "It is 777 km long.", "doc": "seine", "offset": 46},
    {"_id": "rhine", "title": "", "text": "The Rhine flows through Köln 🌊.", "year": 2020},
]
QUERIES = [
    {"_id": "q1", "text": "What flows through Paris?"},
    {"_id": "q2", "text": "How deep is the Seine?"},
    {"_id": "q3", "text": "What flows through Köln?"},
    {"_id": "q4", "text": "Never judged?"},
]
ANSWERS = [
    {
        "query_id": "q1",
        "doc_id": "s#1",
        "answers": [{"text": "The Seine", "start": 0, "end": 9}],
        "is_impossible": False,
    },
    {"query_id": "q2", "doc_id": "s#2", "answers": [], "is_impossible": True},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\ts#1\t1\nq3\trhine\t2\nq3\ts#1\t0\n"


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def answered(document: str, text: str, start: int, end: int) -> bytes:
    answer = {"text": text, "start": start, "end": end}
    return json.dumps({"query_id": "q1", "doc_id": document, "answers": [answer]}).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_text(lines(CORPUS), encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text(lines(QUERIES), encoding="utf-8")
    (tmp_path / "answers.jsonl").write_text(lines(ANSWERS), encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text(QRELS, encoding="utf-8")
    return tmp_path


def test_documents_keep_id_title_text_and_take_the_rest_as_metadata(folder: Path) -> None:
    first, _, last = documents(folder)
    assert (first.id, first.title, first.text) == ("s#1", "Seine", CORPUS[0]["text"])
    assert first.metadata == {"doc": "seine", "offset": 0}
    assert (last.title, last.metadata) == (None, {"year": 2020})
    assert texts(folder, {"rhine"}) == {"rhine": CORPUS[2]["text"]}


def test_questions_carry_what_is_known_to_answer_them(folder: Path) -> None:
    found = load_dataset(folder)
    first, second, third = found.questions
    assert (first.golds, first.references, first.group) == ((Span("s#1", 0, 9),), ("The Seine",), "seine")
    assert first.answerable and not first.impossible
    assert second.impossible and not second.answerable and second.group == "seine"
    assert third.relevant == {"rhine": 2}, "grade 0 is judged, not relevant"
    assert not third.answerable, "without a gold span there is nothing to answer with"
    assert found.unjudged == 1
    assert load_queries(folder)["q4"] == "Never judged?"


def test_taking_an_article_out_takes_all_its_paragraphs(folder: Path) -> None:
    found = load_dataset(folder)
    assert found.own_documents(found.questions[0]) == {"s#1", "s#2"}
    assert found.own_documents(found.questions[2]) == {"rhine"}


def test_documents_of_gold_spans_are_relevant_where_nothing_else_says_so(folder: Path) -> None:
    (folder / "qrels.tsv").unlink()
    assert [question.relevant for question in load_dataset(folder).questions] == [{"s#1": 1}, {}]


def test_answers_are_alternatives_unless_the_data_set_says_they_are_a_set(folder: Path) -> None:
    answers = [
        {"text": "Seine", "start": 4, "end": 9},
        {"text": "Paris", "start": 25, "end": 30, "occurrences": [25, 32]},
    ]
    (folder / "answers.jsonl").write_text(lines([{**ANSWERS[0], "answers": answers}]), encoding="utf-8")
    golds = (Span("s#1", 4, 9), Span("s#1", 25, 30), Span("s#1", 32, 37))
    found = load_dataset(folder)
    assert found.reference_sets(found.questions[0]) == tuple((gold,) for gold in golds)
    assert found.questions[0].references == ("Seine", "Paris")
    (folder / "META.json").write_text('{"references": "all"}', encoding="utf-8")
    found = load_dataset(folder)
    assert found.reference_sets(found.questions[0]) == (golds,)
    assert load_dataset(folder, references="any").references == "any"


def test_an_answer_names_its_own_document(folder: Path) -> None:
    answer = {"doc_id": "rhine", "text": "Köln 🌊", "start": 24, "end": 30}
    (folder / "answers.jsonl").write_text(lines([{**ANSWERS[0], "answers": [answer]}]), encoding="utf-8")
    assert load_dataset(folder).questions[0].golds == (Span("rhine", 24, 30),)


def test_a_sample_is_the_same_for_the_same_seed_and_keeps_the_order(folder: Path) -> None:
    many = [{"_id": f"q{number}", "text": "?"} for number in range(50)]
    (folder / "queries.jsonl").write_text(lines(many), encoding="utf-8")
    (folder / "qrels.tsv").write_text("".join(f"q{number}\trhine\t1\n" for number in range(50)), encoding="utf-8")
    whole = load_dataset(folder)
    drawn = [[question.id for question in whole.sampled(10, seed).questions] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(drawn[0], key=lambda key: int(key[1:]))
    assert whole.sampled(50, 0) == whole.sampled(None, 0) == whole
    assert len(whole.sampled(10, 0).articles) == 3, "the corpus stays whole"


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(EvaluationError, match=missing):
        load_dataset(folder)


def test_a_folder_without_judgements_is_refused(folder: Path) -> None:
    (folder / "answers.jsonl").unlink()
    (folder / "qrels.tsv").unlink()
    with pytest.raises(EvaluationError, match=r"qrels\.tsv"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("corpus.jsonl", b'{"_id": "x", "text": 3}', "'text', got 3"),
        ("corpus.jsonl", b'{"_id": "s#1", "text": "again"}', "'s#1' occurs twice"),
        ("corpus.jsonl", b'{"_id": "", "text": "no id"}', "needs an id"),
        ("corpus.jsonl", b'{"_id": "x", "text": "\\ud800"}', "lone surrogate"),
        ("corpus.jsonl", b'{"_id": "x", "text"', "not JSON"),
        ("corpus.jsonl", b"[" * 100_000, "not JSON"),
        ("corpus.jsonl", b"[1]", "not a JSON object"),
        ("corpus.jsonl", b'{"_id": "x", "text": "\xff"}', "not UTF-8"),
        ("queries.jsonl", b'{"_id": "q1", "text": "twice"}', "'q1' occurs twice"),
        ("queries.jsonl", b'{"text": "no id"}', "'_id', got None"),
        ("qrels.tsv", b"q1 s#1 1", "between tabs"),
        ("qrels.tsv", b"q1\ts#1\tyes", "between tabs"),
        ("answers.jsonl", b'{"query_id": "q9", "answers": []}', "'q9'"),
        ("answers.jsonl", b'{"query_id": "q1", "answers": null}', "not a list"),
        ("answers.jsonl", b'{"query_id": "q1", "answers": ["Seine"]}', "not an object"),
        ("answers.jsonl", answered("s#1", "a", 3, 3), "start < end"),
        ("answers.jsonl", answered("s#1", "Seine", 5, 10), "reads 'eine '"),
        ("answers.jsonl", answered("no", "a", 0, 1), "'no'"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named_with_its_number(folder: Path, name: str, line: bytes, told: str) -> None:
    path = folder / name
    number = path.read_bytes().count(b"\n") + 1
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(EvaluationError) as caught:
        load_dataset(folder)
    assert f"{name}, line {number}:" in caught.value.message
    assert told in caught.value.message
    assert caught.value.remedy
