"""Makes answers of what a reader took out: whole sentences around it, confidence, and copies of it as one answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rag.answering.agreement import gives_value, relation, statement
from rag.answering.citation import cite
from rag.answering.confidence import Calibration
from rag.answering.context import context_of, continues, whole_sentences, widened
from rag.answering.statements import Statement, may_be_copy, same_statement
from rag.core.errors import IndexCorrupt
from rag.core.response import Answer, Citation
from rag.core.settings import Settings
from rag.core.types import Chunk, Document, Extraction, Hit, Span
from rag.index.index import Index
from rag.retrieval.question_types import question_form

NEIGHBOURS = 2
"""Passages on each side in which the rest of a sentence is looked for."""
COMPARED = 32
"""Best extractions that are looked through for copies of an answer and for other figures than it gives."""


@dataclass(frozen=True)
class Dropped:
    """An extraction that became no answer of its own, and why; `rank` is its place in the reader's order."""

    rank: int
    span: Span
    reason: str


@dataclass(frozen=True)
class Selection:
    """The answers to a question, best first; `others` are extractions left that could stand beside them."""

    answers: tuple[Answer, ...]
    others: tuple[Answer, ...]
    dropped: tuple[Dropped, ...]


def select(
    index: Index, question: str, extractions: Sequence[Extraction], settings: Settings, calibration: Calibration
) -> Selection:
    """Return at most `top_k` answers; a copy of one goes to its `also_in`, what overlaps one is dropped.

    A sentence gives one answer, but for questions that ask for a list. Confidence never rises down the list: a lower
    answer with a higher figure would deny the order it stands in.
    """
    make = _Maker(index, settings, calibration)
    several = question_form(question) == "list"
    kept: list[Answer] = []
    others: list[Answer] = []
    dropped: list[Dropped] = []
    ceiling = 1.0
    compared = False
    for rank, item in enumerate(extractions[:COMPARED], start=1):
        found = make.candidate(item)
        compared = compared or (rank == 1 and gives_value(question, found.stated))
        copied, reason = _known(kept, found, several)
        if copied is not None:
            kept[copied] = replace(kept[copied], also_in=(*kept[copied].also_in, make.citation(found)))
        if reason is None:
            ceiling = min(ceiling, make.confidence(item))
            if len(kept) < settings.top_k:
                kept.append(make.answer(found, ceiling))
                continue
            reason = f"after the first {settings.top_k}"
            if compared and gives_value(question, found.stated):
                others.append(make.answer(found, ceiling))
        dropped.append(Dropped(rank, found.span, reason))
    return Selection(tuple(kept), tuple(others), tuple(dropped))


def beside(question: str, kept: Sequence[Answer], others: Sequence[Answer]) -> Iterator[Answer]:
    """Yield the answers among `others` that give the same figure or date as the first one kept, or contradict it.

    What contradicts an answer is worth seeing also where it is less sure to be one.
    """
    if not kept or not gives_value(question, statement(kept[0])):
        return
    for answer in others:
        if relation(question, statement(kept[0]), statement(answer)) != "unrelated":
            yield answer


def shown(question: str, selected: Selection, settings: Settings, threshold: float) -> list[Answer]:
    """Return the answers that reach a threshold; where no sureness is asked for, with what stands beside the first."""
    kept = [answer for answer in selected.answers if answer.confidence >= threshold]
    if kept and settings.min_confidence is None and settings.min_precision is None:
        others = (*selected.answers[len(kept) :], *selected.others)
        kept = [*kept, *beside(question, kept, others)][: settings.top_k]
    return kept


def withheld_differing(
    index: Index,
    question: str,
    extractions: Sequence[Extraction],
    settings: Settings,
    calibration: Calibration,
    kept: Sequence[Answer],
) -> int:
    """Return how many answers that contradict the first one kept are left out for how few or how sure ones are asked.

    Asking more strictly must not make a disagreement go away unsaid.
    """
    usual = replace(settings, top_k=max(settings.top_k, Settings().top_k), min_confidence=None, min_precision=None)
    if not kept or usual == settings:
        return 0
    selected = select(index, question, extractions, usual, calibration)
    seen = {answer.citation.span for answer in kept}
    first = statement(kept[0])
    return sum(
        answer.citation.span not in seen and relation(question, first, statement(answer)) == "differ"
        for answer in shown(question, selected, usual, calibration.threshold)
    )


def with_copies(index: Index, answers: Sequence[Answer], found: Iterable[Hit]) -> list[Answer]:
    """Return the answers with what copies them in other passages found, also where the reader did not get to these.

    A copy of a part of a sentence is cited at the same place of a sentence that is the same to the letter, else whole.
    """
    known = [[answer.citation.span, *(copy.span for copy in answer.also_in)] for answer in answers]
    copies: list[list[Citation]] = [[] for _ in answers]
    for hit in found:
        for start, end in hit.chunk.sentences:
            span, text = hit.chunk.locate(start, end), hit.chunk.text[start:end]
            for place, answer in enumerate(answers):
                copied = _copied(answer, span, text)
                if copied and not any(copied.overlaps(other) for spans in known for other in spans):
                    known[place].append(copied)
                    copies[place].append(cite(_document(index, span.document_id), hit.chunk, copied, 1))
    return [
        replace(answer, also_in=(*answer.also_in, *more)) for answer, more in zip(answers, copies, strict=True)
    ]  # fmt: skip


def _copied(answer: Answer, span: Span, sentence: str) -> Span | None:
    stated = statement(answer)
    if not may_be_copy(stated.sentence, sentence):
        return None
    if stated.sentence == sentence:
        return Span(span.document_id, span.start + stated.start, span.start + stated.end)
    whole = replace(stated, start=0, end=len(stated.sentence))
    return span if same_statement(whole, Statement(sentence, 0, len(sentence))) else None


def widen(index: Index, answer: Answer, before: int, after: int) -> Answer:
    """Return the answer with a context of more sentences, as far as nothing masked and no heading lies between."""
    document = _document(index, answer.context_span.document_id)
    sentences = whole_sentences(document, index.chunks(document.id))
    context = widened(document, sentences, answer.context_span, before, after)
    return replace(
        answer,
        context=document.slice(context),
        context_span=context,
        continues=continues(document, sentences, context),
    )


def passage(index: Index, hit: Hit) -> Answer:
    """Return a hit as a quotation of type `passage`, which claims to answer nothing."""
    text = hit.chunk.text
    span = hit.chunk.locate(len(text) - len(text.lstrip()), len(text.rstrip()))
    citation = cite(_document(index, span.document_id), hit.chunk, span, 1)
    return Answer(1, "passage", round(hit.score, 6), 0.0, citation.quote, span, citation, _rounded(hit.scores))


def cited_documents(index: Index, answers: Sequence[Answer]) -> dict[str, Document]:
    """Return the documents that the answers cite, by id."""
    citations = [citation for answer in answers for citation in (answer.citation, *answer.also_in)]
    return {key: _document(index, key) for key in {citation.span.document_id for citation in citations}}


def context_span(chunk: Chunk, start: int, end: int, neighbours: int) -> Span:
    """Return the context of the range `start:end` of a chunk, as far as the chunk goes (`context.context_of`)."""
    alone = Document(chunk.span.document_id, chunk.text)
    sentences = [Span(alone.id, *pair) for pair in chunk.sentences]
    found = context_of(alone, sentences, Span(alone.id, start, end), neighbours)
    return chunk.locate(found.start, found.end)


@dataclass(frozen=True)
class _Candidate:
    """An extraction with the sentences around it, before it is worth a citation."""

    item: Extraction
    span: Span
    context: Span
    stated: Statement
    continues: tuple[str, str] | None


class _Maker:
    """Makes answers; the sentences around a passage are looked up once."""

    def __init__(self, index: Index, settings: Settings, calibration: Calibration) -> None:
        self._index, self._neighbours, self._calibration = index, settings.context_sentences, calibration
        self._rows = lru_cache(index.store.rows_of)
        self._around = lru_cache(self._find_around)

    def candidate(self, item: Extraction) -> _Candidate:
        document = _document(self._index, item.span.document_id)
        sentences = self._around(document.id, item.hit.row)
        whole = item.answer_type == "sentence"
        span = context_of(document, sentences, item.span, 0) if whole else item.span
        context = context_of(document, sentences, span, self._neighbours)
        around = span if whole else context
        stated = Statement(document.slice(around), span.start - around.start, span.end - around.start)
        return _Candidate(item, span, context, stated, continues(document, sentences, context))

    def confidence(self, item: Extraction) -> float:
        return round(self._calibration.probability(item.features), 4)

    def citation(self, found: _Candidate) -> Citation:
        return cite(_document(self._index, found.span.document_id), found.item.hit.chunk, found.span, 1)

    def answer(self, found: _Candidate, confidence: float) -> Answer:
        item = found.item
        return Answer(
            rank=1,
            answer_type=item.answer_type,
            score=round(item.score, 6),
            confidence=confidence,
            context=_document(self._index, found.context.document_id).slice(found.context),
            context_span=found.context,
            citation=self.citation(found),
            continues=found.continues,
            scores=_rounded({**item.hit.scores, "reader": item.score, "no_answer": item.no_answer}),
        )

    def _find_around(self, document_id: str, row: int) -> list[Span]:
        rows = self._rows(document_id)
        place = rows.index(row)
        near = self._index.store.chunks(rows[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1])
        return whole_sentences(_document(self._index, document_id), near)


def _known(kept: Sequence[Answer], found: _Candidate, several: bool) -> tuple[int | None, str | None]:
    """Return the place of the answer that a candidate copies, if there is one, and why it is no answer of its own."""
    for place, answer in enumerate(kept):
        known = (answer.citation.span, *(citation.span for citation in answer.also_in))
        if any(found.span.overlaps(one) for one in known):
            return None, f"overlaps answer {place + 1}"
        if not several and found.item.answer_type == "span" and found.span.overlaps(answer.context_span):
            return None, f"in the sentence of answer {place + 1}"
        if same_statement(statement(answer), found.stated):
            return place, f"a copy of answer {place + 1}, in its also_in"
    return None, None


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: round(value, 6) for key, value in scores.items()}


def _document(index: Index, document_id: str) -> Document:
    document = index.document(document_id)
    if document is None:
        raise IndexCorrupt(f"The document store lacks {document_id!r}.", "Build the index again.")
    return document
