"""Reads passages for a question and takes out the words that may answer it, each inside a sentence.

A sentence is judged by its cosine to the question, by the question's words in it and in its passage, by its kind of
value, its position and the score of its passage, and by the reader model (`rag.reading.reader_model`), which also finds
the words that answer. The few coefficients are fitted on public data by `training/fit.py`, with the model and without
it.

The vector of a sentence is the mean of its tokens' vectors as the passage's own encoding gave them, which the index
holds. Embedding the sentences by themselves, which costs as much as ten questions, was measured to add nothing (the
best sentence right for .731 of 435 held-out questions without, .729 with it).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from heapq import nlargest
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.text.hyphenation import unhyphenated
from rag.core.types import AnswerType, Extraction, Hit
from rag.index.storage.sentence_vectors import cosine
from rag.reading.fitting import has_wanted_form
from rag.reading.layout_lines import is_picture
from rag.reading.lookup.cell_lookup import LOOKUP_DOUBT, LOOKUP_RELEVANCE, LOOKUP_SCORE, matching_cell
from rag.reading.lookup.enumerations import whole_enumeration
from rag.reading.lookup.numbered_lookup import asked_number, own_number
from rag.reading.lookup.term_lookup import asked_column, asks_term, is_in_question
from rag.reading.reading_copy import ReadableUnit, ReadingCopy
from rag.reading.records import reading_copy
from rag.reading.span_decoding import SpanScore
from rag.reading.whole_spans import whole_span
from rag.retrieval.default_questions import by_default
from rag.retrieval.identifiers import identifiers, missing_identifiers
from rag.retrieval.question_types import (
    AnswerKind,
    QuestionForm,
    QuestionTerms,
    after_enumerator,
    answer_kind,
    as_question,
    as_read,
    holds_kind,
    question_form,
    question_terms,
)

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Floats2d, LexicalStore
    from rag.reading.reader_model import PassageReader, PassageReading

MODELS = Path(__file__).parents[1] / "models"
WEIGHTS, WEIGHTS_WITH_MODEL = MODELS / "sentence_reader.json", MODELS / "span_reader.json"
CACHED_TEXTS = 20_000
MIN_STATEMENT_LETTERS = 3
MARGINS = ("ahead_of_next", "ahead_of_fourth")
"""Figures of confidence alone: they follow from the order."""
RANKED_FEATURE = "fused"
"""The figure that says how the passage stands among those found."""
WIDEST_MARGIN: Mapping[bool, float] = {False: 3.0, True: 6.0}
"""By whether a model reads; beyond it being ahead says no more: chosen by the likelihood of right first answers."""
MARGIN_OF_FEW = 3.0
"""Margin over others that are not there: a small index is no reason to be sure."""
MIN_FIGURE, MAX_FIGURE = -12.0, 12.0
"""Bounds of the model's figures: beyond them a doubt is no greater."""
STATEMENTS: frozenset[QuestionForm] = frozenset(["keywords", "other"])
"""Forms that may be a claim or a subject to read about, which whole sentences answer, unless the model is sure."""
MAX_SPANS = 3
"""Spans looked at of one sentence, and taken of it if a list is asked for."""
MAX_DOUBT_OF_WIDER = 4.0
"""How much likelier no answer may be than a span whose edges are looked at again: no less likely span is shown."""
FITTING_GAIN = 2.0
"""Score that a statement of the form that the question asks for gains (`rag.reading.fitting`); by hand, as no data set
has such questions to fit it."""
IDENTIFIER_COST = 2.0
"""Score that a statement loses if it is about another thing than the identifier of the question; by hand, as above."""
HEADING_COST = 3.0
"""Score that a heading loses if all its words are in the question, or if a reason or a procedure is asked for."""
RIVAL_IDENTIFIER = 0.5
"""Share of it that a statement loses if it names other identifiers and the text above it names that of the question."""
ECHO_COST = 4.0
"""Cost of a span that only repeats the question against another of its sentence, in logarithms of probability. Words
that ask themselves, as "How many seconds", or only qualify, as "normally", cost as much if a number, a time or a name
is asked for."""
_ASKING = re.compile(
    r"(?:how (?:many|much|often|long|old|far)|which|what|who|whose|when|where|whether)\b"
    r"|(?!(?:dai|week|month|year|quarter|night|hour)ly)(?-i:[a-z]+ly)\Z|often\Z|sometimes\Z|always\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ReadQuestion:
    """A question with all that reading needs of it."""

    vector: "Floats1d"
    terms: QuestionTerms
    kind: AnswerKind
    form: QuestionForm
    stems: frozenset[str]
    number: str | None
    """The number of the item whose text is asked for."""
    text: str
    of_term: bool
    stems_of: Callable[[str], frozenset[str]]
    """Returns the stems of a text in the language of the question."""


class SentenceReader:
    """Takes one answer of each sentence: with a `model` the words that answer, without it the whole sentence.

    `embed` gives the unit vectors of questions, `stored` those that the index holds of the sentences of the passages
    of rows.
    """

    def __init__(
        self,
        embed: "Callable[[Sequence[str]], Sequence[Floats1d]]",
        stored: "Callable[[Sequence[int]], Sequence[Floats2d]]",
        words: "LexicalStore",
        weights: Mapping[str, float] | None = None,
        model: "Callable[[], PassageReader] | None" = None,
    ) -> None:
        """Read the shipped coefficients if none are given; the model is loaded when it first reads."""
        self._embed, self._stored, self._words, self._model = embed, stored, words, model
        shipped = WEIGHTS_WITH_MODEL if model else WEIGHTS
        self._widest = WIDEST_MARGIN[model is not None]
        self._weights = weights or json.loads(shipped.read_text(encoding="utf-8"))["weights"]
        self._stems_of = lru_cache(maxsize=CACHED_TEXTS)(lambda language, text: frozenset(words.terms(text, language)))

    def read(self, questions: Sequence[str], hits: Sequence[Sequence[Hit]]) -> list[list[Extraction]]:
        """Return for each question its sentences, best first, ties in order of document and place."""
        vectors = self._embed(questions)
        questions = [by_default(as_read(text)) for text in questions]
        readings: Sequence[Sequence[PassageReading | None]] = [[None] * len(question_hits) for question_hits in hits]
        if self._model:
            full_questions = [as_question(text) for text in questions]
            readings = self._model().read(
                full_questions, [[hit.chunk for hit in question_hits] for question_hits in hits]
            )
        return [
            self._read(self._question(text, vector), question_hits, reading)
            for text, vector, question_hits, reading in zip(questions, vectors, hits, readings, strict=True)
        ]

    def _question(self, text: str, vector: "Floats1d") -> ReadQuestion:
        terms = question_terms(text, self._words)
        stems = partial(self._stems_of, terms.language)
        return ReadQuestion(
            vector,
            terms,
            answer_kind(text),
            question_form(text),
            stems(text),
            asked_number(text),
            text,
            asks_term(text),
            stems,
        )

    def _read(
        self, question: ReadQuestion, hits: Sequence[Hit], readings: "Sequence[PassageReading | None]"
    ) -> list[Extraction]:
        stored = self._stored([hit.row for hit in hits])
        extractions = [
            item
            for hit, vectors, reading in zip(hits, stored, readings, strict=True)
            for item in self._statements(question, hit, vectors, reading)
        ]
        extractions.sort(key=lambda item: (-item.score, item.span))
        # The score of the passage is left out: it compares with the index, and would count twice.
        scores = [
            item.score - self._weights.get(RANKED_FEATURE, 0.0) * item.features[RANKED_FEATURE] for item in extractions
        ]
        keys = [statement_key(item.hit.chunk.text[item.start : item.end]) for item in extractions]
        ahead = margins(scores, keys, self._widest)
        return [
            replace(item, features={**item.features, **dict(zip(MARGINS, values, strict=True))})
            for item, values in zip(extractions, ahead, strict=True)
        ]

    def _statements(
        self, question: ReadQuestion, hit: Hit, vectors: "Floats2d", reading: "PassageReading | None"
    ) -> Iterator[Extraction]:
        text, copy = hit.chunk.text, reading_copy(hit.chunk)
        # The figures of the passage are the same for all its statements.
        passage = self._passage_features(question, hit)
        likeness = cosine(vectors, question.vector)
        for number, statement in enumerate(copy.statements):
            words = unhyphenated(text[statement.start : statement.end])
            if sum(map(str.isalnum, words)) < MIN_STATEMENT_LETTERS or is_picture(words):
                continue
            likest = max((likeness[i] for i in statement.sentences), default=passage["passage_cosine"])
            features = {
                **passage,
                "sentence_cosine": likest,
                "sentence_words": question.terms.share_in(question.stems_of(f"{statement.context} {words}".strip())),
                "kind": holds_kind(words, question.kind),
                "is_question": float(words.rstrip("\"'”’)").endswith("?")),
                "earliness": 1.0 / (1 + number),
                "fitting": float(has_wanted_form(question.text, question.form, words, statement.is_list)),
                "heading": 0.0 if statement.sentences else _heading_cost(question, words),
                "identified": 1.0 - (_lacking(question, hit, statement) if identifiers(question.text) else 0.0),
            }
            if reading is None:
                yield self._extraction(hit, statement.start, statement.end, True, features)
            else:
                yield from self._spans(question, hit, reading, statement, features)

    def _spans(
        self,
        question: ReadQuestion,
        hit: Hit,
        reading: "PassageReading",
        statement: ReadableUnit,
        features: Mapping[str, float],
    ) -> Iterator[Extraction]:
        """Yield the statement with the words that answer best; if a list is asked for, others that may do too."""
        text, copy, end = hit.chunk.text, reading_copy(hit.chunk), statement.end
        # The number of a clause or an item names it and answers nothing.
        start = statement.start + after_enumerator(text[statement.start : end])
        cell = matching_cell(question.terms, question.stems_of, text, copy.cells_in(start, end))
        is_item = question.number is not None and own_number(text[statement.start : end]) == question.number
        is_looked_up = cell is not None or is_item
        none, relevance = reading.none, reading.relevance
        if is_looked_up:
            none, relevance = min(none, LOOKUP_DOUBT), max(relevance, LOOKUP_RELEVANCE)
            features = {**features, "sentence_words": 1.0, "passage_words": 1.0, "subject_words": 1.0}
            start, end = (cell.start, cell.end) if cell else (start, end)
        spans = _wide(reading, self._ranked(question, text, reading.best(start, end, MAX_SPANS)), start, end)
        if is_looked_up:
            spans = [(span._replace(score=max(span.score, LOOKUP_SCORE)), 0.0) for span, _ in spans[:1]]
        ranges: list[tuple[int, int]] = []
        for rank, (span, echo) in enumerate(spans if question.form == "list" else spans[:1]):
            if rank and span.score < none:
                return
            whole, first, last = True, start, end
            term = self._described_term(question, hit, copy, statement) if not rank and span.score < none else None
            if term is not None and not is_looked_up:
                whole, first, last = False, *term
            elif not is_item:
                whole, first, last = _range(question, copy, text, statement, (start, end), span, none)
            if any(first < other_last and other_first < last for other_first, other_last in ranges):
                continue
            ranges.append((first, last))
            cost = _asking_cost(question, text[first:last])
            reason = reading.reason(statement.start, end) - cost
            figures = {**features, **_model_figures(span.score, none, reason, relevance - cost), "echo": -echo}
            yield self._extraction(hit, first, last, whole, figures, none - span.score)

    def _described_term(
        self, question: ReadQuestion, hit: Hit, copy: ReadingCopy, statement: ReadableUnit
    ) -> tuple[int, int] | None:
        """Return the range of the name that a question describes in the words of a statement, None if it does not."""
        text, term = hit.chunk.text, statement.term
        if term is None:
            cell = asked_column(question.text, question.stems_of, copy.cells_in(statement.start, statement.end))
            term = (cell.start, cell.end) if cell else None
        elif not question.of_term:
            return None
        return None if term is None or is_in_question(text[slice(*term)], question.text, question.stems_of) else term

    def _ranked(self, question: ReadQuestion, text: str, spans: Sequence[SpanScore]) -> list[tuple[SpanScore, float]]:
        """Return spans, likeliest first, with the share of their words that the question says already."""
        if question.kind != "any":
            costs = [_asking_cost(question, text[span.start : span.end]) for span in spans]
            spans = [span._replace(score=span.score - cost) for span, cost in zip(spans, costs, strict=True)]
        echoes = [_echo(question, text[span.start : span.end]) for span in spans]
        ranked = sorted(zip(spans, echoes, strict=True), key=lambda item: item[1] * ECHO_COST - item[0].score)
        return [(span, echo) for span, echo in ranked]

    def _extraction(
        self,
        hit: Hit,
        start: int,
        end: int,
        whole: bool,
        features: Mapping[str, float],
        no_answer: float | None = None,
    ) -> Extraction:
        score = sum(self._weights.get(name, 0.0) * value for name, value in features.items())
        score += hand_score(features)
        whole = whole or (start, end) in hit.chunk.sentences
        kind: AnswerType = "sentence" if whole else "span"
        return Extraction(hit, start, end, kind, score, -score if no_answer is None else no_answer, features)

    def _passage_features(self, question: ReadQuestion, hit: Hit) -> dict[str, float]:
        """Return the figures that a passage is judged by, each of the same scale in any index."""
        chunk = hit.chunk
        stems = question.stems_of(f"{chunk.title or ''} {' '.join(chunk.headings)} {chunk.text}")
        # The name of a file or a folder is often all that says what its text is about.
        stems |= question.stems_of(chunk.span.document_id)
        return {
            "passage_cosine": hit.scores.get("dense", 0.0),
            "passage_words": question.terms.share_in(stems),
            "subject_words": question.terms.share_of_subject_in(stems),
            "passage_names": question.terms.share_of_names_in(stems),
            RANKED_FEATURE: max(-3.0, min(3.0, hit.scores.get("fused", 0.0))),
        }


def hand_score(features: Mapping[str, float]) -> float:
    """Return the part of a statement's score that no data set fits: its form, its identifiers, and being a heading."""
    fitting = FITTING_GAIN * features.get("fitting", 0.0)
    return fitting - IDENTIFIER_COST * (1.0 - features.get("identified", 1.0)) - features.get("heading", 0.0)


def _heading_cost(question: ReadQuestion, words: str) -> float:
    """Return the score that a heading loses, because it names the question rather than answers it."""
    is_no_answer = question.form in ("reason", "procedure")
    return HEADING_COST * (1.0 if is_no_answer else max(0.0, 2.0 * _echo(question, words) - 1.0))


def _echo(question: ReadQuestion, words: str) -> float:
    """Return the share of words that the question says already."""
    stems = question.stems_of(words)
    return len(stems & question.stems) / len(stems) if stems else 0.0


def _lacking(question: ReadQuestion, hit: Hit, statement: ReadableUnit) -> float:
    """Return how much a statement is about other things than the identifiers of a question, 0 to 1."""
    chunk, asked = hit.chunk, identifiers(question.text)
    words = f"{statement.context} {chunk.text[statement.start : statement.end]}"
    missing = missing_identifiers(asked, words)
    if not missing:
        return 0.0
    above = " ".join((chunk.span.document_id, chunk.title or "", *chunk.headings, chunk.text[: statement.start]))
    nowhere = missing_identifiers(missing, above)
    rivals = RIVAL_IDENTIFIER * bool(identifiers(words))
    return (len(nowhere) + rivals * (len(missing) - len(nowhere))) / len(asked)


def _model_figures(span: float, none: float, reason: float, relevance: float) -> dict[str, float]:
    figures = {"span": span, "span_margin": span - none, "reason": reason, "relevance": relevance}
    return {name: _within(value, MIN_FIGURE, MAX_FIGURE) for name, value in figures.items()}


def _range(
    question: ReadQuestion,
    copy: ReadingCopy,
    text: str,
    statement: ReadableUnit,
    bounds: tuple[int, int],
    span: SpanScore,
    none: float,
) -> tuple[bool, int, int]:
    """Return whether the whole statement is the answer, and the range of the answer."""
    if question.form == "procedure":
        return True, *_step(copy, text, statement)
    if question.form in STATEMENTS and span.score < none:
        return True, *bounds
    if question.form == ("list" if statement.is_list else "yes_no"):
        return True, *bounds
    first, last = _whole(copy, text, span, bounds)
    if question.form == "list":
        first, last = whole_enumeration(text, first, last, *bounds)
    return False, first, last


def _wide(
    reading: "PassageReading", spans: Sequence[tuple[SpanScore, float]], start: int, end: int
) -> list[tuple[SpanScore, float]]:
    """Return spans with the unsure edges moved outward; too unlikely spans stay as they are."""
    worst = reading.none - MAX_DOUBT_OF_WIDER
    return [(reading.widened(span, start, end) if span.score > worst else span, echo) for span, echo in spans]


def _step(copy: ReadingCopy, text: str, statement: ReadableUnit) -> tuple[int, int]:
    """Return the range of a statement with the command that its colon, or its first word "This", points to."""
    first, last = statement.start, statement.end
    if text[first:last].startswith(("This ", "The above ")):
        before = [other for other in copy.statements if other.end <= first][-1:]
        first = next((other.start for other in before if not text[other.start : other.end].endswith(".")), first)
    if text[:last].rstrip().endswith(":"):
        last = next((other.end for other in copy.statements if other.start >= last), last)
    return first, last


def _whole(copy: ReadingCopy, text: str, span: SpanScore, bounds: tuple[int, int]) -> tuple[int, int]:
    """Return the cell that holds a span, else the span as a whole thing inside its unit."""
    cell = copy.whole_cell(span.start, span.end)
    if cell is not None:
        return cell.start, cell.end
    return whole_span(text, span.start, span.end, *copy.unit_bounds(span.start, span.end, *bounds))


def _asking_cost(question: ReadQuestion, words: str) -> float:
    return ECHO_COST if question.kind != "any" and _ASKING.match(words) else 0.0


def statement_key(text: str) -> str:
    """Return the letters and digits of a text: copies of a sentence have the same."""
    return "".join(filter(str.isalnum, text.casefold()))


def margins(scores: Sequence[float], keys: Sequence[str], widest: float) -> list[tuple[float, float]]:
    """Return how far each score is above that of the best and of the fourth best other statement, within `widest`.

    Equal `keys` are copies of one statement, which does not compete with itself. If there are fewer others, the
    margin is `MARGIN_OF_FEW`.

    >>> margins([9.0, 4.5, 4.0], ["a", "a", "b"], widest=4.0)
    [(4.0, 3.0), (0.5, 3.0), (-4.0, 3.0)]
    """
    best: dict[str, float] = {}
    for score, key in zip(scores, keys, strict=True):
        best[key] = max(score, best.get(key, score))
    # The five best are enough to find four others of any.
    highest = nlargest(5, best.items(), key=itemgetter(1))
    gaps_of_each = []
    for score, key in zip(scores, keys, strict=True):
        others = [value for other, value in highest if other != key]
        gaps = [score - others[i] if i < len(others) else MARGIN_OF_FEW for i in (0, 3)]
        gaps_of_each.append((_within(gaps[0], -widest, widest), _within(gaps[1], -widest, widest)))
    return gaps_of_each


def _within(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))
