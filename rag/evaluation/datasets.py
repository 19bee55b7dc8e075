"""Reads a data set folder: documents as a stream, and questions with their known answers.

corpus.jsonl   {"_id", "title", "text", …}       other keys become metadata; `doc` names the article of a paragraph
queries.jsonl  {"_id", "text"}
qrels.tsv      query-id, corpus-id, score         0: not relevant; without a row: documents of golds
answers.jsonl  {"query_id", "doc_id", "is_impossible", "answers": [{"text", "start", "end", "doc_id"?, "occurrences"?}]}

Offsets are code points of the corpus row's `text`, half-open; an answer's own `doc_id` wins over the row's.
`occurrences` lists every start of the same text that counts as well. If META.json says `"references": "all"`, the
answers of a question are a set to be covered; otherwise they are alternatives.
"""

import hashlib
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rag.core.errors import EvaluationError
from rag.core.files.hashing import file_sha256
from rag.core.files.safe_json import json_value
from rag.core.types import Document, Span

References = Literal["any", "all"]
JsonRow = dict[str, Any]
FILES = "A data set folder holds corpus.jsonl and queries.jsonl, and qrels.tsv or answers.jsonl or both."


@dataclass(frozen=True)
class Question:
    """A question with its known answers.

    `relevant` maps documents to grades above 0; `golds` are the answer spans, `references` their texts. If `impossible`
    is true, its own passage holds no answer. `group` is the article that it was written for.
    """

    id: str
    text: str
    relevant: Mapping[str, int] = field(default_factory=dict)
    golds: tuple[Span, ...] = ()
    references: tuple[str, ...] = ()
    impossible: bool = False
    group: str = ""

    @property
    def answerable(self) -> bool:
        """Return whether it has an answer span."""
        return bool(self.golds) and not self.impossible


@dataclass(frozen=True)
class Dataset:
    """A data set: its judged questions and the article of every document."""

    folder: Path
    questions: tuple[Question, ...]
    articles: Mapping[str, str]
    corpus_sha256: str
    references: References = "any"
    unjudged: int = 0

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.folder.name

    def own_documents(self, question: Question) -> frozenset[str]:
        """Return the documents to hide so that the question has no answer in the index.

        These are all documents of its article, its relevant documents and those with a gold span.
        """
        documents = {*question.relevant, *(gold.document_id for gold in question.golds)}
        articles = {question.group, *(self.articles.get(name, name) for name in documents)}
        return frozenset(documents.union(*(self._members.get(article, ()) for article in articles)))

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        members: dict[str, list[str]] = {}
        for document, article in self.articles.items():
            members.setdefault(article, []).append(document)
        return members

    def reference_sets(self, question: Question) -> tuple[tuple[Span, ...], ...]:
        """Return alternative sets of spans: one set of all golds, or one set for each gold."""
        return (question.golds,) if self.references == "all" else tuple((gold,) for gold in question.golds)

    def sampled(self, size: int | None, seed: int) -> "Dataset":
        """Return the data set with `size` random questions in their order; the corpus stays whole."""
        if size is None or size >= len(self.questions):
            return self
        positions = sorted(random.Random(seed).sample(range(len(self.questions)), size))
        return replace(self, questions=tuple(self.questions[index] for index in positions))


def load_dataset(
    folder: str | Path, references: References | None = None, corpus: Iterable[Document] | None = None
) -> Dataset:
    """Return the judged questions of `folder`, and check every gold span against its document.

    `references` overrides META.json, and `corpus` replaces corpus.jsonl. Raises EvaluationError with file and line.
    """
    folder = Path(folder)
    content = "" if corpus is not None else file_sha256(_existing(folder, "corpus.jsonl"))
    queries = _queries(folder)
    relevant, answers = _qrels(folder / "qrels.tsv"), _answers(folder / "answers.jsonl", queries)
    if not relevant and not answers:
        raise EvaluationError(f"{folder} has neither qrels.tsv nor answers.jsonl with a row.", FILES)
    articles = _articles(documents(folder) if corpus is None else corpus, folder / "answers.jsonl", answers)
    questions = tuple(
        _question(key, text, relevant.get(key, {}), answers.get(key), articles)
        for key, text in queries.items()
        if key in relevant or key in answers
    )
    return Dataset(folder, questions, articles, content, references or _meant(folder), len(queries) - len(questions))


def load_queries(folder: str | Path) -> dict[str, str]:
    """Return only the questions of a folder, id to text, in their order."""
    return _queries(Path(folder))


def documents(folder: str | Path) -> Iterator[Document]:
    """Yield the documents of the corpus: id, title and text unchanged, other keys as metadata."""
    path = _existing(Path(folder), "corpus.jsonl")
    keys: set[str] = set()
    for number, row in _rows(path):
        key, text = _text(row, "_id", path, number), _text(row, "text", path, number)
        if key in keys:
            raise _problem(path, number, f"the id {key!r} occurs twice")
        keys.add(key)
        title = _text(row, "title", path, number) if row.get("title") is not None else ""
        rest = {name: value for name, value in row.items() if name not in ("_id", "title", "text")}
        try:
            yield Document(key, text, title or None, metadata=rest)
        except ValueError as error:
            raise _problem(path, number, str(error)) from None


def texts(folder: str | Path, ids: Collection[str]) -> dict[str, str]:
    """Return the texts of some documents, read from the corpus again."""
    return {document.id: document.text for document in documents(folder) if document.id in ids}


@dataclass(frozen=True)
class _Gold:
    line: int
    span: Span
    text: str


@dataclass
class _AnswerRow:
    golds: list[_Gold] = field(default_factory=list)
    impossible: bool = True
    document_id: str | None = None


def _question(
    key: str, text: str, relevant: Mapping[str, int], row: _AnswerRow | None, articles: Mapping[str, str]
) -> Question:
    row = row or _AnswerRow(impossible=False)
    own = row.document_id or next(iter(relevant), None) or key
    golds = tuple(dict.fromkeys(gold.span for gold in row.golds))
    references = tuple(dict.fromkeys(gold.text for gold in row.golds))
    relevant = relevant or {gold.document_id: 1 for gold in golds}
    return Question(key, text, relevant, golds, references, row.impossible, articles.get(own, own))


def _queries(folder: Path) -> dict[str, str]:
    path, queries = _existing(folder, "queries.jsonl"), dict[str, str]()
    for number, row in _rows(path):
        key = _text(row, "_id", path, number)
        if key in queries:
            raise _problem(path, number, f"the id {key!r} occurs twice")
        queries[key] = _text(row, "text", path, number)
    if not queries:
        raise EvaluationError(f"{path} holds no question.", 'Each line must be {"_id": …, "text": …}.')
    return queries


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    relevant: dict[str, dict[str, int]] = {}
    for number, line in _lines(path) if path.exists() else ():
        parts = line.split("\t")
        if number == 1 and not parts[-1].strip().isdigit():
            continue
        try:
            query, document, grade = parts[0], parts[1], int(parts[2])
        except (IndexError, ValueError):
            raise _problem(path, number, f"need query-id, corpus-id and score between tabs, got {line!r}") from None
        if grade > 0:
            relevant.setdefault(query, {})[document] = grade
    return relevant


def _answers(path: Path, queries: Mapping[str, str]) -> dict[str, _AnswerRow]:
    answers: dict[str, _AnswerRow] = {}
    for number, row in _rows(path) if path.exists() else ():
        key = _text(row, "query_id", path, number)
        if key not in queries:
            raise _problem(path, number, f"no question of queries.jsonl has the id {key!r}")
        if not isinstance(row.get("answers"), list):
            raise _problem(path, number, "`answers` is not a list")
        entry = answers.setdefault(key, _AnswerRow())
        entry.golds += [gold for answer in row["answers"] for gold in _golds(answer, row, path, number)]
        entry.impossible &= bool(row.get("is_impossible", False))
        entry.document_id = entry.document_id or row.get("doc_id")
    return answers


def _golds(answer: object, row: JsonRow, path: Path, number: int) -> Iterator[_Gold]:
    if not isinstance(answer, dict):
        raise _problem(path, number, f"an answer is not an object: {answer!r}")
    document = answer.get("doc_id") or row.get("doc_id")
    start, end = answer.get("start"), answer.get("end")
    if not isinstance(document, str) or not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        raise _problem(path, number, f"an answer needs doc_id and 0 <= start < end, got {document!r} {start!r} {end!r}")
    text, starts = _text(answer, "text", path, number), answer.get("occurrences", [])
    if not isinstance(starts, list) or not all(isinstance(offset, int) and offset >= 0 for offset in starts):
        raise _problem(path, number, f"`occurrences` is not a list of offsets: {starts!r}")
    for first in dict.fromkeys([start, *starts]):
        yield _Gold(number, Span(document, first, first + end - start), text)


def _articles(corpus: Iterable[Document], path: Path, answers: Mapping[str, _AnswerRow]) -> dict[str, str]:
    """Return the article of every document, and check the text of each gold span."""
    unchecked: dict[str, list[_Gold]] = {}
    for gold in (gold for row in answers.values() for gold in row.golds):
        unchecked.setdefault(gold.span.document_id, []).append(gold)
    articles: dict[str, str] = {}
    for document in corpus:
        articles[document.id] = document.known("doc") or document.id
        for gold in unchecked.pop(document.id, ()):
            text = document.text[gold.span.start : gold.span.end]
            if text != gold.text:
                raise _problem(path, gold.line, f"{gold.span} reads {text!r}, but the answer says {gold.text!r}")
    for name, golds in unchecked.items():
        raise _problem(path, golds[0].line, f"no document has the id {name!r}")
    return articles


def _meant(folder: Path) -> References:
    """Return whether several answers are alternatives or a set, from the key `references` or the note of META.json."""
    path = folder / "META.json"
    try:
        meta = json_value(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise EvaluationError(f"{path} is not JSON: {error}.", "Correct or remove it.") from None
    if not isinstance(meta, dict):
        return "any"
    return "all" if meta.get("references") == "all" or "a set to be covered" in str(meta.get("note", "")) else "any"


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise EvaluationError(f"{folder} has no {name}.", FILES)
    return path


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise _problem(path, number, f"not UTF-8 ({error.reason})") from None
            if line.strip():
                yield number, line


def _rows(path: Path) -> Iterator[tuple[int, JsonRow]]:
    for number, line in _lines(path):
        try:
            row = json_value(line)
        except ValueError as error:
            raise _problem(path, number, f"not JSON ({error})") from None
        if not isinstance(row, dict):
            raise _problem(path, number, "not a JSON object")
        yield number, row


def _text(row: JsonRow, key: str, path: Path, number: int) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise _problem(path, number, f"need a text under {key!r}, got {value!r}")
    return value


def _problem(path: Path, number: int, problem: str) -> EvaluationError:
    return EvaluationError(
        f"{path}, line {number}: {problem}.", "Correct the line; rag/evaluation/datasets.py shows the format."
    )


def developer_half(group: str) -> bool:
    """Return whether a document or article belongs to the half for fitting. A hash of its id decides."""
    return hashlib.sha256(group.encode()).digest()[3] % 2 == 0
