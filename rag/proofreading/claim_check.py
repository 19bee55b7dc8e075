"""Compares the figures, dates and names of a draft with the statements that documents make about the same thing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.answering.relations.statements import stem
from rag.answering.values.quantities import Quantity
from rag.core.types import Document, Hit, Span
from rag.proofreading.claims import Claim, DraftSentence, name_words, value_range
from rag.proofreading.comparing.statement_match import StatementMatch, rarity, word_position
from rag.proofreading.quantity_check import Verdict, check_quantity, stated_figures
from rag.proofreading.records import FindingStatus, ProofFinding, SourcePassage
from rag.proofreading.source_passages import SourcePassages

CLAIM_PASSAGES = 8
"""Passages whose sentences are compared with a sentence of the draft."""
MAX_SOURCE_CHARACTERS = 1_000
"""Characters of the longest source sentence that is compared; a longer one is a list or a table."""
COSINE_WEIGHT = 2.0
"""Weight of the cosine of two sentences beside the shares of words that they have in common."""
MIN_SUPPORT = 1.6
"""Likeness (`_Statement.likeness`) from which on a sentence with the same figure supports a claim."""
MIN_REFUTE = 1.8
"""Likeness from which on a sentence with another figure contradicts a claim. Chosen on the planted drafts."""
MIN_REFUTE_UNNAMED = 2.4
"""The same for a sentence that names nothing, if its source lacks the names before it in the draft."""
MAX_RIVAL_SHARE = 0.9
"""A claim is not contradicted if a sentence that allows it has this share of the likeness of the one that does not."""
AGREEING_BONUS = 0.3
"""Likeness for each other figure or date of the draft's sentence that a source's sentence shows."""
MIN_SHARED_WORDS = 1
MIN_NAMES_BEFORE = 0.5
"""Share of the names just before a sentence that its source must have, if the sentence itself has none."""
MAX_CLAIM_SOURCES = 3
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class _Statement:
    """A sentence of a source, and how it matches the sentence of the draft."""

    span: Span
    text: str
    match: StatementMatch
    cosine: float
    min_refute: float | None
    """Likeness from which on it may refute the draft, None if it does not speak of the draft's subject."""

    def likeness(self, at: float, there: float, without: Sequence[str] = ()) -> float:
        """Return how much two sentences speak of one thing, around their words `at` and `there`; at most 4."""
        shares = self.match.coverage(without) + self.match.nearness(at, there, without)
        return shares + COSINE_WEIGHT * self.cosine


@dataclass(frozen=True)
class Evidence:
    """What the range `start:end` of a source's sentence says of a claim, and how like the two sentences are."""

    verdict: Verdict
    likeness: float
    statement: _Statement
    start: int
    end: int


class ClaimCheck:
    """Checks the claims of one draft."""

    def __init__(self, draft: Document, passages: SourcePassages) -> None:
        """Search `passages`."""
        self._draft, self._passages = draft, passages
        self._weight = lru_cache(maxsize=None)(self._rarity)
        self._document_words = lru_cache(64)(self._words_of_document)

    def findings(self, sentences: Sequence[DraftSentence]) -> Iterator[ProofFinding]:
        """Yield the finding of each claim, in order."""
        for sentence, statements in self._matched(sentences):
            for claim in sentence.claims:
                evidence = list(evidence_of(sentence, claim, statements))
                status, best = verdict_of(evidence)
                yield self._finding(sentence, claim, status, best)

    def _matched(self, sentences: Sequence[DraftSentence]) -> Iterator[tuple[DraftSentence, list[_Statement]]]:
        """Yield each sentence with the statements of the sources about it."""
        queries = [sentence.text if name_words(sentence.text) else f"{sentence.before} {sentence.text}"
                   for sentence in sentences]  # fmt: skip
        vectors = self._passages.vectors([sentence.text for sentence in sentences])
        searched = self._passages.about(queries, CLAIM_PASSAGES)
        for sentence, vector, hits in zip(sentences, vectors, searched, strict=True):
            cosines = self._passages.sentence_cosines(hits, vector)
            yield (
                sentence,
                [
                    statement
                    for hit, hit_cosines in zip(hits, cosines, strict=True)
                    for statement in self._statements(sentence, hit, hit_cosines)
                ],
            )

    def _statements(self, sentence: DraftSentence, hit: Hit, cosines: Sequence[float]) -> Iterator[_Statement]:
        chunk, before = hit.chunk, ""
        around = " ".join(filter(None, (chunk.title, *chunk.headings)))
        min_refute = self._min_refute(sentence, chunk.span.document_id)
        for (start, end), cosine in zip(chunk.sentences, cosines, strict=True):
            text = chunk.text[start:end]
            if len(text) <= MAX_SOURCE_CHARACTERS:
                match = StatementMatch(sentence.text, text, f"{around} {before}", self._weight)
                least = min_refute if match.shared() >= MIN_SHARED_WORDS else None
                yield _Statement(chunk.locate(start, end), text, match, cosine, least)
            before = text

    def _min_refute(self, sentence: DraftSentence, document_id: str) -> float | None:
        """Return how like a sentence of a document must be to refute one of the draft, by the names of both."""
        words = self._document_words(document_id)
        own, before = name_words(sentence.text), name_words(sentence.before)
        if own:
            return MIN_REFUTE if own <= words else None
        return MIN_REFUTE if len(before & words) >= MIN_NAMES_BEFORE * len(before) else MIN_REFUTE_UNNAMED

    def _rarity(self, word: str) -> float:
        terms = self._passages.index.words.terms(word)
        frequency = self._passages.index.words.document_frequency(terms[0]) if terms else 0
        return rarity(len(self._passages.index.words), frequency)

    def _words_of_document(self, document_id: str) -> frozenset[str]:
        return frozenset(word.lower() for word in _LETTERS.findall(self._passages.text(document_id)))

    def _finding(
        self, sentence: DraftSentence, claim: Claim, status: FindingStatus, evidence: Sequence[Evidence]
    ) -> ProofFinding:
        start, end = sentence.start + claim.start, sentence.start + claim.end
        own = (sentence.start, sentence.start + len(sentence.text))
        is_wrong = status == "contradicted"
        sources = tuple(
            SourcePassage(self._passages.citation(item.statement.span), ((item.start, item.end),) if is_wrong else ())
            for item in evidence[: 1 if is_wrong else MAX_CLAIM_SOURCES]
        )
        text, differing = self._draft.text[start:end], ((start, end),) if is_wrong else ()
        return ProofFinding(claim.kind, status, text, start, end, own, differing, (), sources)


def evidence_of(sentence: DraftSentence, claim: Claim, statements: Sequence[_Statement]) -> Iterator[Evidence]:
    """Yield the evidence of each statement for a claim or against it."""
    at = word_position(sentence.text, claim.start)
    others = [other.quantity for other in sentence.claims if other.quantity is not None and other != claim]
    for statement in statements:
        bonus = AGREEING_BONUS * sum(_shows(sentence.text, other, statement) for other in others)
        if claim.quantity is not None:
            yield from _figure_evidence(sentence.text, claim.quantity, at, statement, bonus)
        else:
            yield from _name_evidence(sentence.text, claim, at, statement, bonus)


def _shows(draft: str, own: Quantity, statement: _Statement) -> bool:
    return any(check_quantity(own, draft, other, statement.text) == "shows" for other in stated_figures(statement.text))


def _figure_evidence(draft: str, own: Quantity, at: float, statement: _Statement, bonus: float) -> Iterator[Evidence]:
    for other in stated_figures(statement.text):
        verdict = check_quantity(own, draft, other, statement.text)
        if verdict != "other":
            likeness = statement.likeness(at, word_position(statement.text, other.start)) + bonus
            yield Evidence(verdict, likeness, statement, *value_range(statement.text, other))


def _name_evidence(draft: str, claim: Claim, at: float, statement: _Statement, bonus: float) -> Iterator[Evidence]:
    own = [word.lower() for word in _LETTERS.findall(draft[claim.start : claim.end])]
    without = [stem(word) for word in own]
    for match in re.finditer(rf"(?i)\b{re.escape(own[-1])}", statement.text) if own else ():
        likeness = statement.likeness(at, word_position(statement.text, match.start()), without) + bonus
        yield Evidence("shows", likeness, statement, match.start(), match.end())


def verdict_of(evidence: Sequence[Evidence]) -> tuple[FindingStatus, list[Evidence]]:
    """Return the status of a claim and the evidence for it, the sentence most like it first."""
    ordered = sorted(evidence, key=lambda item: -item.likeness)
    showing = [item for item in _one_each(ordered) if item.verdict == "shows" and item.likeness >= MIN_SUPPORT]
    if showing:
        return "supported", showing
    refuting = [item for item in ordered if _refutes(item)]
    if refuting:
        rivals = (item.likeness for item in ordered if item.verdict in ("shows", "allows"))
        if max(rivals, default=0.0) < MAX_RIVAL_SHARE * refuting[0].likeness:
            return "contradicted", refuting
    return "not_found", []


def _refutes(item: Evidence) -> bool:
    least = item.statement.min_refute
    return item.verdict == "refutes" and least is not None and item.likeness >= least


def _one_each(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    """Yield the first evidence of each statement that shows the claim."""
    spans: set[Span] = set()
    for item in evidence:
        if item.verdict == "shows" and item.statement.span not in spans:
            spans.add(item.statement.span)
            yield item
