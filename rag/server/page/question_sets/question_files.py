"""Reads a file of questions with known answers and finds the answers in the documents of the index.

CSV      columns `question`, `answer` (empty if the documents hold none), `document` (its name; may be left out)
JSONL    {"question", "answerable", "answers": [{"text", "doc", "start", "end"}]}; doc, start and end may be left out

An answer without offsets means each place of its text in the named document, or in any document if none is named.
"""

import base64
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.core.errors import EvaluationError
from rag.core.files.safe_json import json_value
from rag.core.types import Document, Span
from rag.evaluation.datasets import Dataset, Question
from rag.loading.decoding import decode

FORMAT = "Give a CSV with the columns question, answer and document, or JSONL with question and answers."
MAX_OCCURRENCES = 100
"""Places of one answer that are looked for."""
MAX_QUESTION_FILE_MB = 8
"""A file of questions comes inside a call of the page, in base64."""


def file_content(arguments: Mapping[str, Any]) -> bytes:
    """Return the file that a call of the page holds. Raises EvaluationError if it holds none."""
    try:
        return base64.b64decode(arguments["content"], validate=True)
    except (KeyError, TypeError, ValueError):
        raise EvaluationError("The file did not arrive whole.", "Choose it again.") from None


@dataclass(frozen=True)
class _Asked:
    line: int
    text: str
    answers: tuple[Mapping[str, Any], ...]


def read_questions(content: bytes, name: str, documents: Sequence[Document]) -> Dataset:
    """Return the questions with the spans of their answers. Raises EvaluationError with the line."""
    text = decode(content, name)[0] if content else ""
    rows = list(_of_jsonl(text) if text.lstrip("\ufeff \r\n").startswith("{") else _of_csv(text))
    if not rows:
        raise EvaluationError(f"{name} holds no question.", FORMAT)
    documents_by_id = {document.id: document for document in documents}
    questions = tuple(_question(item, documents_by_id) for item in rows)
    articles = {document.id: document.known("doc") or document.id for document in documents}
    return Dataset(Path(name), questions, articles, corpus_sha256="")


def _of_csv(text: str) -> Iterator[_Asked]:
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    heads = {(head or "").strip().casefold(): head for head in rows.fieldnames or ()}
    if not {"question", "answer"} <= heads.keys():
        raise EvaluationError("The file has no columns question and answer.", FORMAT)
    for row in rows:
        cells = {key: (row.get(head) or "").strip() for key, head in heads.items()}
        if cells["question"]:
            answer = {"text": cells["answer"], "doc": cells.get("document") or None}
            yield _Asked(rows.line_num, cells["question"], (answer,) if cells["answer"] else ())


def _of_jsonl(text: str) -> Iterator[_Asked]:
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json_value(line)
            answers = row.get("answers") or []
            sound = isinstance(row["question"], str) and all(isinstance(item["text"], str) for item in answers)
        except (ValueError, KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise _problem(number, "needs a question, and answers with a text each")
        none = row.get("answerable") is False or row.get("is_impossible") is True
        yield _Asked(number, row["question"], () if none else tuple(answers))


def _question(row: _Asked, documents_by_id: Mapping[str, Document]) -> Question:
    golds = [span for answer in row.answers for span in _places(row.line, answer, documents_by_id)]
    references = tuple(dict.fromkeys(str(answer["text"]) for answer in row.answers))
    relevant = {span.document_id: 1 for span in golds}
    group = golds[0].document_id if golds else f"line {row.line}"
    return Question(str(row.line), row.text, relevant, tuple(dict.fromkeys(golds)), references, not golds, group)


def _places(line: int, answer: Mapping[str, Any], documents_by_id: Mapping[str, Document]) -> list[Span]:
    text, name = str(answer["text"]), answer.get("doc") or answer.get("doc_id")
    if name is not None and name not in documents_by_id:
        raise _problem(line, f"names the document {name!r}, which is not in the index")
    start, end = answer.get("start"), answer.get("end")
    if name is not None and isinstance(start, int) and isinstance(end, int):
        if not 0 <= start < end or documents_by_id[name].text[start:end] != text:
            raise _problem(line, f"says that {name} reads {text!r} at {start} to {end}, which it does not")
        return [Span(name, start, end)]
    searched = [documents_by_id[name]] if name is not None else list(documents_by_id.values())
    spans = [span for document in searched for span in _occurrences(document, text)][:MAX_OCCURRENCES]
    if not spans:
        raise _problem(line, f"gives the answer {text!r}, which stands in no document")
    return spans


def _occurrences(document: Document, text: str) -> Iterator[Span]:
    at = document.text.find(text) if text else -1
    while at >= 0:
        yield Span(document.id, at, at + len(text))
        at = document.text.find(text, at + len(text))


def _problem(line: int, what: str) -> EvaluationError:
    return EvaluationError(f"Line {line} {what}.", FORMAT)
