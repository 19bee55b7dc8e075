"""Measures standing questions: events told rightly, false alarms, and the cost of a check.

    python tests/benchmarks/standing.py CORPUS.jsonl [--documents 2000] [--questions 200] [--edits 60]

The corpus has `_id`, `title` and `text` a line. Questions are made from its sentences by patterns, and kept if their
sentence comes back as the first answer. Then a script edits the sources: it rewords the sentence, changes its figure,
moves its paragraph, removes the article, or adds a newer article that gives another figure.
"""

import argparse
import json
import random
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.answering.assistant import Assistant
from rag.answering.values.quantities import quantities
from rag.chunking.sentences import blocks, sentences
from rag.core.types import Document
from rag.index.index import Index
from rag.server.page.sentence_questions import question_of
from rag.standing.questions import StandingQuestions
from rag.standing.records import Quotation, StandingQuestion

KINDS = ("reworded", "figure", "moved", "removed", "contradicted")
EXPECTED = {
    "reworded": {"changed"}, "figure": {"changed"}, "moved": {"moved"}, "removed": {"withdrawn", "moved"},
    "contradicted": {"contradicted"},
}  # fmt: skip
MAX_ARTICLE_CHARACTERS = 900
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Edit:
    """One edit of a source, for the question whose first answer it touches."""

    kind: str
    question: StandingQuestion
    document: Document | None
    removed: str | None = None


def articles(corpus: Path, count: int) -> list[Document]:
    """Return the beginnings of distinct articles, whole paragraphs of each."""
    documents: dict[str, Document] = {}
    for line in corpus.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = ""
        for paragraph in row["text"].split("\n\n"):
            if text and len(text) + len(paragraph) > MAX_ARTICLE_CHARACTERS:
                break
            text += ("\n\n" if text else "") + paragraph
        metadata = {"published_at": "2005-01-01"}
        documents.setdefault(text, Document(str(row["_id"]), text, row.get("title"), metadata=metadata))
    return list(documents.values())[:count]


def proposals(documents: Sequence[Document], seed: int) -> list[tuple[str, str, str]]:
    """Return question, sentence and document id: by patterns, then questions for the only figure of a sentence."""
    patterned, figures = [], []
    for document in documents:
        for block in blocks(document):
            for span in sentences(document, block):
                sentence = document.slice(span)
                if question := question_of(sentence):
                    patterned.append((question, sentence, document.id))
                elif question := figure_question(sentence):
                    figures.append((question, sentence, document.id))
    random.Random(seed).shuffle(figures)
    return patterned + figures


def figure_question(sentence: str) -> str | None:
    """Return `How much … ?` of a sentence with one amount of money or one percentage, with the words around it."""
    values = [value for value in quantities(sentence) if value.dimension in ("usd", "gbp", "eur", "percent")]
    if len(values) != 1 or not 40 <= len(sentence) <= 200:
        return None
    value = values[0]
    asked = "What percentage" if value.dimension == "percent" else "How much money"
    rest = " ".join(f"{sentence[: value.start]} {sentence[value.end :]}".split()).rstrip(".!?")
    return f"{asked}: {rest}?"


def another_figure(text: str) -> str:
    """Return the text with its first digit that is not a zero changed by three."""
    match = next(item for item in _DIGIT.finditer(text) if item.group() != "0")
    return text[: match.start()] + str((int(match.group()) + 2) % 9 + 1) + text[match.end() :]


def edited(kind: str, question: StandingQuestion, document: Document) -> Edit:
    """Return an edit of the document that the first answer of a question quotes."""
    top, text = question.answers[0], document.text
    end = top.start + len(top.sentence)
    if kind == "removed":
        return Edit(kind, question, None, document.id)
    if kind == "contradicted":
        words = top.sentence[: top.answer_start] + another_figure(top.answer) + top.sentence[top.answer_end :]
        later = {"published_at": "2006-06-01"}
        return Edit(kind, question, Document(f"later-{document.id}", words, document.title, metadata=later))
    if kind == "moved":
        new_text = f"This article was set again with another first paragraph.\n\n{text}"
    elif kind == "figure":
        start, stop = top.start + top.answer_start, top.start + top.answer_end
        new_text = text[:start] + another_figure(top.answer) + text[stop:]
    else:
        body = top.sentence.rstrip(".!?\"' ")
        new_text = f"{text[: top.start]}{body}, the paper wrote{top.sentence[len(body) :]}{text[end:]}"
    return Edit(kind, question, replace(document, text=new_text))


def edits(questions: Sequence[StandingQuestion], documents: dict[str, Document], count: int, seed: int) -> list[Edit]:
    """Return edits of as many documents, each kind as often; figures are changed only if the answer has one."""
    order, used, result = list(questions), set[str](), []
    random.Random(seed).shuffle(order)
    for i in range(count):
        kind = KINDS[i % len(KINDS)]
        for question in order:
            top = question.answers[0]
            numeric = bool(re.search(r"[1-9]", top.answer)) and bool(quantities(top.answer))
            if top.document_id not in used and (numeric or kind not in ("figure", "contradicted")):
                used.add(top.document_id)
                result.append(edited(kind, question, documents[top.document_id]))
                break
    return result


def touched(quotation: Quotation, made: Sequence[Edit]) -> bool:
    """Tell whether an edit changed the document of a quotation."""
    ids = {edit.removed or (edit.document.id if edit.document else "") for edit in made}
    return quotation.document_id in ids


def applied(index: Index, made: Sequence[Edit]) -> None:
    """Write the edits to the index."""
    index.add([edit.document for edit in made if edit.document is not None])
    for edit in made:
        if edit.removed is not None:
            index.remove(edit.removed)


def report(standing: StandingQuestions, made: Sequence[Edit], total: int) -> Iterator[str]:
    """Yield the figures of a check after the edits."""
    targets = {edit.question.id for edit in made}
    # By the answers from before the check: those after it are no longer of the articles that were removed.
    untouched = {
        item.id for item in standing.state().questions
        if item.id not in targets and not any(touched(quotation, made) for quotation in item.answers)
    }  # fmt: skip
    begun = time.process_time()
    result = standing.check()
    yield f"check after {len(made)} edits: {result.asked} of {total} asked, {time.process_time() - begun:.1f} CPU s"
    by_id: dict[str, set[str]] = {}
    for question, event in result.events:
        by_id.setdefault(question.id, set()).add(event.kind)
    right = Counter(edit.kind for edit in made if by_id.get(edit.question.id, set()) & EXPECTED[edit.kind])
    for kind in KINDS:
        yield f"  {kind}: {right[kind]} of {sum(edit.kind == kind for edit in made)} told rightly"
    yield f"  all: {right.total()} of {len(made)}"
    for edit in made:
        if not by_id.get(edit.question.id, set()) & EXPECTED[edit.kind]:
            yield f"    missed {edit.kind}: {edit.question.text!r} {by_id.get(edit.question.id)}"
    alarms = [(question, event) for question, event in result.alarms() if question.id in untouched]
    false = {question.id for question, _ in alarms}
    yield f"  false alarms: {len(false)} of {len(untouched)} untouched questions"
    for question, event in alarms:
        yield f"    {event.kind}: {question.text!r} -> {event.after and event.after.sentence!r}"


def cost(standing: StandingQuestions, index: Index, documents: Sequence[Document], seed: int) -> Iterator[str]:
    """Yield the cost of a check after 10 documents were reworded, beside that of asking all questions."""
    questions = standing.state().questions
    begun = time.process_time()
    standing._pipeline().ask_many([item.text for item in questions])
    asking = time.process_time() - begun
    chosen = random.Random(seed).sample(list(documents), 10)
    index.add([replace(item, text=item.text.replace(". ", ", the paper wrote. ", 1)) for item in chosen])
    begun = time.process_time()
    result = standing.check()
    check = time.process_time() - begun
    yield (
        f"10 of {len(documents):,} documents changed: {result.asked} of {len(questions)} questions asked"
        f" ({result.asked / len(questions):.1%}), {check:.2f} CPU s against {asking:.2f} for all ({check / asking:.0%})"
    )


def main() -> None:
    """Build, ask, edit, check, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--edits", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--index", type=Path, help="A folder to keep the index in, so that it is built once.")
    options = parser.parse_args()
    documents = articles(options.corpus, options.documents)
    with TemporaryDirectory() as scratch:
        kept = options.index or Path(scratch) / "kept"
        if not kept.exists():
            Index.build(documents, kept).close()
        for name in ("edits", "cost"):
            shutil.copytree(kept, Path(scratch) / name)
        assistant = Assistant.open(Path(scratch) / "cost")
        standing = StandingQuestions(assistant)
        wanted = proposals(documents, options.seed)[: 3 * options.questions]
        responses = assistant.ask_many([question for question, _, _ in wanted])
        good = [
            question
            for (question, sentence, document_id), response in zip(wanted, responses, strict=True)
            if response.answers
            and response.answers[0].citation.span.document_id == document_id
            and response.answers[0].context == sentence
        ]
        standing.add_many(good[: options.questions])
        questions = standing.state().questions
        write(f"{len(documents):,} documents, {len(questions)} questions, {len(wanted)} proposed")
        shutil.copy(Path(scratch) / "cost" / "standing.json", Path(scratch) / "edits")
        for line in cost(standing, Index.open(Path(scratch) / "cost"), documents, options.seed):
            write(line)
        by_id = {document.id: document for document in documents}
        made = edits(questions, by_id, options.edits, options.seed)
        applied(Index.open(Path(scratch) / "edits"), made)
        for line in report(StandingQuestions(Assistant.open(Path(scratch) / "edits")), made, len(questions)):
            write(line)


def write(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
