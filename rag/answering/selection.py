"""Selects the answers to a question: copies become one answer, and answers that differ stand beside each other.

Statements and their relations are worked out once for a question. `select` makes them, `Selection` holds them, and all
later steps take them from there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NamedTuple

from rag.answering.answers import AnswerMaker, Candidate
from rag.answering.relations.agreement import Relations, agreement_of
from rag.answering.relations.polarity import is_demoted, polarity
from rag.answering.relations.statements import Statement, may_be_copy, same_statement
from rag.answering.values.quantities import quantities
from rag.core.citations import Citation
from rag.core.response import Answer, Doubt, Polarity, Remarks
from rag.core.settings import Settings
from rag.core.types import Chunk, Extraction, Hit, Span
from rag.retrieval.editions import Editions
from rag.retrieval.question_types import lacks_value, question_form

DENIED_SHARE, UNNAMED_NUMBER_SHARE, NO_VALUE_SHARE = 0.15, 0.5, 0.3
"""Factors of confidence: of a sentence that denies the question, of a passage without a number of the question, and of
a sentence without the amount or date that the question asks for.
Even a certain sentence that denies stays below the shipped threshold of a sure answer, but may be a possible one."""
MAX_COMPARED_EXTRACTIONS = 32
"""Best extractions that are searched for copies of an answer and for other figures than it gives."""
_NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*(?<![.,])(?!\w)")


@dataclass(frozen=True)
class Dropped:
    """An extraction that became no answer of its own, and why; `rank` is its position in the reader's order."""

    rank: int
    span: Span
    reason: str


@dataclass(frozen=True)
class StatedAnswer:
    """An answer and its statement; `extraction_rank` is the position of its extraction in the reader's order."""

    answer: Answer
    statement: Statement
    extraction_rank: int


@dataclass(frozen=True)
class Selection:
    """The answers to a question, best first, and the extractions that could stand beside them (`others`)."""

    relations: Relations
    answers: tuple[StatedAnswer, ...]
    others: tuple[StatedAnswer, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    def first(self, top_k: int) -> "Selection":
        """Return the selection of at most `top_k` answers; the rest may still stand beside them."""
        if len(self.answers) <= top_k:
            return self
        rest = self.answers[top_k:]
        late = [Dropped(item.extraction_rank, item.answer.citation.span, _after(top_k)) for item in rest]
        earlier = [
            replace(item, reason=_after(top_k)) if item.reason.startswith("after") else item for item in self.dropped
        ]
        valued = [item for item in (self.answers[0], *rest) if self.relations.gives_value(item.statement)]
        others = (*valued[1:], *self.others) if valued[:1] == [self.answers[0]] else self.others
        ordered = sorted((*earlier, *late), key=lambda item: item.rank)
        return Selection(self.relations, self.answers[:top_k], tuple(others), tuple(ordered))

    def shown(self, settings: Settings, threshold: float) -> list[StatedAnswer]:
        """Return the answers that reach a threshold; if no sureness is set, also the answers beside the first."""
        sure = [item for item in self.answers if item.answer.confidence >= threshold]
        if not sure or settings.min_confidence is not None or settings.min_precision is not None:
            return sure
        return [*sure, *self._beside(sure[0], (*self.answers[len(sure) :], *self.others))][: settings.top_k]

    def differing(self, shown: Sequence[StatedAnswer], usually_shown: Iterable[StatedAnswer]) -> int:
        """Return how many of the answers that are usually shown contradict the first one shown, and are left out now.

        Asking more strictly must not make a disagreement go away unsaid.
        """
        spans = {item.answer.citation.span for item in shown}
        return sum(
            item.answer.citation.span not in spans
            and self.relations.between(shown[0].statement, item.statement) == "differ"
            for item in usually_shown
        )

    def agreement(self, shown: Sequence[StatedAnswer]) -> dict[str, Any]:
        """Return `groups` of the ranks 1, 2, 3 … of the shown answers, and whether any two `differ`."""
        documents = [item.answer.citation.span.document_id for item in shown]
        return agreement_of(self.relations, [item.statement for item in shown], documents)

    def _beside(self, first: StatedAnswer, others: Iterable[StatedAnswer]) -> list[StatedAnswer]:
        """Return the answers that give the same figure or date as the first one, or contradict it.

        A contradiction is worth seeing even if it is less sure to be an answer.
        """
        if not self.relations.gives_value(first.statement):
            return []
        return [item for item in others if self.relations.between(first.statement, item.statement) != "unrelated"]


@dataclass
class _Draft:
    """An answer while copies of it are still being found."""

    answer: Answer
    statement: Statement
    rank: int
    copies: list[Citation] = field(default_factory=list)

    @property
    def document_id(self) -> str:
        return self.answer.citation.span.document_id

    def spans(self) -> list[Span]:
        return [self.answer.citation.span, *(citation.span for citation in self.copies)]

    def renew(self, answer: Answer, statement: Statement) -> None:
        """Cite a later edition; the earlier one is cited beside it."""
        self.copies.insert(0, self.answer.citation)
        self.answer, self.statement = answer, statement

    def finished(self) -> StatedAnswer:
        return StatedAnswer(replace(self.answer, also_in=tuple(self.copies)), self.statement, self.rank)


def select(maker: AnswerMaker, question: str, extractions: Sequence[Extraction], top_k: int) -> Selection:
    """Return at most `top_k` answers; a copy of one goes to its `also_in`, an overlapping one is dropped.

    A sentence gives one answer, except for questions that ask for a list. Of editions of one document the latest is
    cited, the others are in its `also_in`. Confidence never rises down the list: a lower answer with a higher figure
    would deny the order it stands in.
    """
    relations, editions = Relations(question), Editions(maker.document, question)
    several = question_form(question) == "list"
    drafts: list[_Draft] = []
    others: list[StatedAnswer] = []
    losers: list[Dropped] = []
    ceiling = 1.0
    for rank, candidate, confidence, remarks in _ordered(maker, question, extractions[:MAX_COMPARED_EXTRACTIONS]):
        original, reason = _repeated(drafts, candidate, several)
        if reason is None:
            original, reason = _of_other_edition(drafts, candidate, remarks, editions)
        if original is not None and editions.supersedes(candidate.span.document_id, original.document_id):
            original.renew(maker.answer(candidate, original.answer.confidence, remarks), candidate.statement)
        elif original is not None:
            original.copies.append(maker.citation(candidate.item.hit.chunk, candidate.span))
        if reason is None:
            ceiling = min(ceiling, confidence)
            if len(drafts) < top_k:
                drafts.append(_Draft(maker.answer(candidate, ceiling, remarks), candidate.statement, rank))
                continue
            reason = _after(top_k)
            if relations.gives_value(drafts[0].statement) and relations.gives_value(candidate.statement):
                others.append(StatedAnswer(maker.answer(candidate, ceiling, remarks), candidate.statement, rank))
        losers.append(Dropped(rank, candidate.span, reason))
    return Selection(relations, tuple(draft.finished() for draft in drafts), tuple(others), tuple(losers))


class _Judged(NamedTuple):
    """A candidate with the rank that the reader gave it, its confidence, and what speaks against it."""

    rank: int
    candidate: Candidate
    confidence: float
    remarks: Remarks


def _ordered(maker: AnswerMaker, question: str, extractions: Sequence[Extraction]) -> list[_Judged]:
    """Return candidates in the reader's order, demoted ones further down.

    A demoted candidate stands after those that affirm and are as sure as it is now.
    """
    ordered: list[tuple[float, int, _Judged]] = []
    surest = 1.0
    for rank, item in enumerate(extractions, start=1):
        candidate = maker.candidate(item)
        remarks, share = _judged(question, candidate)
        confidence = round(maker.confidence(item) * share, 4)
        if share == 1.0:
            surest = min(surest, confidence)
        judged = _Judged(rank, candidate, confidence, remarks)
        ordered.append((-(surest if share == 1.0 else confidence), rank, judged))
    ordered.sort(key=lambda entry: entry[:2])
    return [judged for _, _, judged in ordered]


def _judged(question: str, candidate: Candidate) -> tuple[Remarks, float]:
    """Return the polarity of a candidate and what speaks against it, and the factor of its confidence."""
    kind, marker = polarity(question, candidate.statement)
    doubts: list[Doubt] = []
    share = 1.0
    if is_demoted(question, kind, marker):
        share = DENIED_SHARE
        doubts.append(_polarity_doubt(kind, marker))
    numbers = absent_numbers(question, candidate.item.hit.chunk)
    if numbers:
        share *= UNNAMED_NUMBER_SHARE
        doubts.append(Doubt("missing_words", f"Its passage does not name {', '.join(numbers)}."))
    if lacks_value(question, candidate.statement.sentence):
        share *= NO_VALUE_SHARE
        doubts.append(Doubt("missing_words", "Its sentence gives no amount or date."))
    return Remarks(polarity=kind, doubts=tuple(doubts)), share


def _polarity_doubt(kind: Polarity, marker: str) -> Doubt:
    if kind == "denies":
        return Doubt("denies", f"Its sentence says “{marker}”, so it may deny what is asked.")
    return Doubt("outdated", f"Its sentence says “{marker}”, so it may hold no more.")


def absent_numbers(question: str, chunk: Chunk) -> list[str]:
    """Return the numbers of a question, as written, that neither its passage nor the headings above it name.

    >>> absent_numbers("What was the budget in 2022?", Chunk(Span("d", 0, 8), "In 2023."))
    ['2022']
    """
    numbers = _NUMBER.findall(question)
    if not numbers:
        return []
    text = " ".join((chunk.title or "", *chunk.headings, chunk.text, chunk.span.document_id))
    written = {_digits(number) for number in _NUMBER.findall(text)}
    absent = [number for number in numbers if _digits(number) not in written]
    spelt = {value.low for value in quantities(text)} if absent else set()
    return [number for number in absent if Fraction(_digits(number)) not in spelt]


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)


def _after(top_k: int) -> str:
    return f"after the first {top_k}"


def _repeated(drafts: Sequence[_Draft], candidate: Candidate, several: bool) -> tuple[_Draft | None, str | None]:
    """Return the answer that a candidate copies, if any, and why the candidate is no answer of its own."""
    for number, draft in enumerate(drafts, start=1):
        if any(candidate.span.overlaps(span) for span in draft.spans()):
            return None, f"overlaps answer {number}"
        is_part = candidate.item.answer_type == "span" and candidate.span.overlaps(draft.answer.context_span)
        if is_part and not several:
            return None, f"in the sentence of answer {number}"
        if same_statement(draft.statement, candidate.statement):
            return draft, f"a copy of answer {number}, in its also_in"
    return None, None


def _of_other_edition(
    drafts: Sequence[_Draft], candidate: Candidate, remarks: Remarks, editions: Editions
) -> tuple[_Draft | None, str | None]:
    """Return the answer whose document has an earlier or a later edition that says the candidate, and why it is none.

    Two sentences of editions say the same thing, perhaps with another figure, if they share half of their words.
    """
    for number, draft in enumerate(drafts, start=1):
        if remarks.polarity == draft.answer.polarity and may_be_copy(
            draft.statement.sentence, candidate.statement.sentence
        ):
            if editions.supersedes(draft.document_id, candidate.span.document_id):
                return draft, f"an earlier edition of answer {number}, in its also_in"
            if editions.supersedes(candidate.span.document_id, draft.document_id):
                return draft, f"a later edition, cited as answer {number}"
    return None, None


def with_copies(
    maker: AnswerMaker, question: str, answers: Sequence[StatedAnswer], hits: Iterable[Hit]
) -> list[StatedAnswer]:
    """Return the answers with their copies in the passages of `hits`, which the reader may not have reached.

    A copy of a part of a sentence is cited as that part if the sentence is the same to the letter, else whole; so is
    the sentence of an earlier edition.
    """
    editions = Editions(maker.document, question)
    spans = [[item.answer.citation.span, *(copy.span for copy in item.answer.also_in)] for item in answers]
    wholes = [replace(item.statement, start=0, end=len(item.statement.sentence)) for item in answers]
    copies: list[list[Citation]] = [[] for _ in answers]
    for hit in hits:
        for start, end in hit.chunk.sentences:
            sentence = hit.chunk.text[start:end]
            for i, item in enumerate(answers):
                if not may_be_copy(item.statement.sentence, sentence):
                    continue
                inner = _copy(item.statement, wholes[i], sentence)
                if inner is None:
                    is_earlier = editions.supersedes(item.answer.citation.span.document_id, hit.chunk.span.document_id)
                    inner = (0, len(sentence)) if is_earlier else None
                copy = hit.chunk.locate(start + inner[0], start + inner[1]) if inner else None
                if copy and not any(copy.overlaps(span) for cited in spans for span in cited):
                    spans[i].append(copy)
                    copies[i].append(maker.citation(hit.chunk, copy))
    return [
        replace(item, answer=replace(item.answer, also_in=_latest_first((*item.answer.also_in, *more), editions)))
        for item, more in zip(answers, copies, strict=True)
    ]


def _latest_first(copies: Sequence[Citation], editions: Editions) -> tuple[Citation, ...]:
    return tuple(sorted(copies, key=lambda copy: editions.order(copy.span.document_id), reverse=True))


def _copy(statement: Statement, whole: Statement, sentence: str) -> tuple[int, int] | None:
    """Return the range of a sentence that copies a statement, None if none does."""
    if statement.sentence == sentence:
        return statement.start, statement.end
    whole_sentence = 0, len(sentence)
    return whole_sentence if same_statement(whole, Statement(sentence, *whole_sentence)) else None
