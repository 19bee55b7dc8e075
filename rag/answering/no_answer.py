"""Says why a question gets no sure answer, and shows possible answers and the closest passages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rag.answering.answers import AnswerMaker
from rag.answering.relations.polarity import is_outdated, polarity
from rag.answering.selection import StatedAnswer
from rag.core.response import Answer, Doubt, NoAnswer, NoAnswerReason, ranked
from rag.core.text.stopwords import QUALIFIERS, STOPWORDS
from rag.core.types import Chunk, Extraction, Hit
from rag.index.filters import DocumentSelection
from rag.index.index import Index
from rag.retrieval.question_types import QuestionTerms, needs_context, question_terms

MAX_CLOSEST = 3
"""Passages that a refusal shows."""
MAX_POSSIBLE = 3
"""Possible answers that a refusal shows."""
MAX_EXCERPT_CHARACTERS = 400
"""Length of the sentences that are quoted of the closest passage; its whole text is their context."""
MIN_RELATED_COSINE = 0.35
"""Similarity from which a passage that shares no word with the question is still about it."""
MAX_SCANNED_DOCUMENTS = 2_000
"""Documents up to which masked text is searched before a word is said to be in no document."""
RIVAL_SHARE = 0.8
"""Share of its confidence from which the next possible answer speaks against one."""
MESSAGES: Mapping[NoAnswerReason, str] = {
    "empty_question": "There is no question to answer.",
    "empty_index": "The index holds no passages.",
    "filtered_out": "The filter leaves no passage to look for an answer in.",
    "needs_context": "The question names nothing to look for. Say what it is about: each question stands alone.",
    "no_match": "No passage could be read for this question.",
    "low_confidence": "The documents do not seem to answer this: no passage reaches the confidence asked for.",
}
READS_ENGLISH = " The reader model reads English: for a question in another language look at the closest passages."
UNSURE = "No passage is sure enough to be an answer. What follows is possible, but unsure."


@dataclass(frozen=True)
class Thresholds:
    """The confidence that a sure answer needs, and a possible one."""

    answer: float
    possible: float


class MaskedWords:
    """The words that stand where nothing is searched: in masked text, and in titles and ids."""

    def __init__(self, index: Index) -> None:
        """Read nothing yet."""
        self._index = index

    @cached_property
    def stems(self) -> tuple[frozenset[str], frozenset[str]] | None:
        """Return the stems of masked text, and those of titles; None if the index has too many documents to look."""
        if self._index.info.documents > MAX_SCANNED_DOCUMENTS:
            return None
        masked, titles = set[str](), set[str]()
        for summary in self._index.documents():
            titles.update(self._index.words.terms(f"{summary.title or ''} {summary.id}"))
            document = self._index.document(summary.id) if summary.masked else None
            for mask in self._index.masks(summary.id) if document else ():
                masked.update(self._index.words.terms(document.slice(mask.span) if document else ""))
        return frozenset(masked), frozenset(titles)

    def absent(self, terms: QuestionTerms) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the words of a question that are in no document, then those that are in masked text only.

        Both are empty if that is not known.
        """
        stem_of = dict(zip(terms.written, terms.stems, strict=True))
        absent = [word for word in terms.missing() if word.lower() not in STOPWORDS | QUALIFIERS]
        if not absent or self.stems is None:
            return (), ()
        masked, titles = self.stems
        untitled = [word for word in absent if stem_of[word] not in titles]
        return (
            tuple(word for word in untitled if stem_of[word] not in masked),
            tuple(word for word in untitled if stem_of[word] in masked),
        )


def refused_unread(
    question: str, index: Index, documents: DocumentSelection, is_question: bool = True
) -> NoAnswer | None:
    """Return why nothing can answer, None if reading may tell; a search (`is_question` false) needs no context."""
    reason: NoAnswerReason
    if not question:
        reason = "empty_question"
    elif not index.manifest.chunks:
        reason = "empty_index"
    elif documents.rows is not None and not len(documents.rows):
        reason = "filtered_out"
    elif is_question and needs_context(question):
        reason = "needs_context"
    else:
        return None
    return NoAnswer(reason, MESSAGES[reason])


class Refusal:
    """Makes the no-answer of one question."""

    def __init__(
        self, index: Index, maker: AnswerMaker, question: str, masked: MaskedWords, reads_english: bool
    ) -> None:
        """Share the maker of the question's answers; `reads_english` tells that the reader knows no other language."""
        self._reads_english = reads_english
        self._index, self._maker, self._question, self._masked = index, maker, question, masked
        self._terms = question_terms(question, index.words)

    def no_answer(
        self,
        read: Sequence[StatedAnswer],
        thresholds: Thresholds,
        best_hit: Hit | None,
        extractions: Sequence[Extraction],
    ) -> NoAnswer:
        """Return the no-answer of a question whose answers (`read`, best of `extractions`) do not reach the threshold.

        `best_hit` is the top passage of a search; if it is about the question, `closest` begins with it.
        """
        possible = self._possible(read, thresholds)
        closest = self._closest(read, extractions, best_hit)
        missing_terms, skipped_terms = self._masked.absent(self._terms)
        if not read:
            message = MESSAGES["no_match"]
            return NoAnswer(
                "no_match", message, thresholds.answer, None, closest, missing_terms, skipped_terms=skipped_terms
            )
        return NoAnswer(
            "low_confidence",
            (UNSURE if possible else MESSAGES["low_confidence"]) + self._language_note(),
            thresholds.answer,
            max(item.answer.confidence for item in read),
            closest,
            missing_terms,
            possible,
            thresholds.possible,
            skipped_terms,
        )

    def _language_note(self) -> str:
        """Return that the reader knows one language only, if the question is in another; `empty` holds its words."""
        return READS_ENGLISH if self._reads_english and self._terms.empty else ""

    def _possible(self, read: Sequence[StatedAnswer], thresholds: Thresholds) -> tuple[Answer, ...]:
        likely = [item for item in read if item.answer.confidence >= thresholds.possible][:MAX_POSSIBLE]
        rivals = [*likely[1:], None][: len(likely)]
        return ranked(
            [
                replace(item.answer, remarks=replace(item.answer.remarks, doubts=self._doubts(item, rival, thresholds)))
                for item, rival in zip(likely, rivals, strict=True)
            ]
        )

    def _doubts(self, item: StatedAnswer, rival: StatedAnswer | None, thresholds: Thresholds) -> tuple[Doubt, ...]:
        answer = item.answer
        figures = f"Its confidence is {answer.confidence:.0%}; an answer needs {thresholds.answer:.0%}."
        doubts = [Doubt("low_confidence", figures), *answer.doubts]
        kind, marker = polarity(self._question, item.statement)
        if kind == "conditional" and not is_outdated(marker):
            doubts.append(Doubt("condition", f"It holds under a condition: “{marker}”."))
        if not any(doubt.kind == "missing_words" for doubt in doubts) and (words := self._not_beside(answer)):
            doubts.append(Doubt("missing_words", f"The text beside it does not name {', '.join(words)}."))
        if rival is not None and rival.answer.confidence >= RIVAL_SHARE * answer.confidence:
            doubts.append(Doubt("rival", "Another possible answer is about as likely."))
        return tuple(doubts)

    def _not_beside(self, answer: Answer) -> list[str]:
        """Return the names and numbers of the question that stand neither in the context nor in title and headings."""
        source, headings = answer.citation.source, answer.citation.place.headings
        terms = self._terms
        texts = (answer.context, source.title or "", *headings, answer.citation.span.document_id)
        beside = set(self._index.words.terms(" ".join(texts), terms.language))
        return [
            word
            for word, stem in zip(terms.written, terms.stems, strict=True)
            if stem in terms.names and stem not in beside
        ]

    def _closest(
        self, read: Sequence[StatedAnswer], extractions: Sequence[Extraction], best_hit: Hit | None
    ) -> tuple[Answer, ...]:
        """Return the best passage of a search, then those in which the reader found the likeliest words."""
        passages = {best_hit.row: self._excerpt(best_hit)} if best_hit is not None and self._is_about(best_hit) else {}
        likeliest = [extractions[item.extraction_rank - 1] for item in read]
        for item in (*likeliest, *extractions):
            if len(passages) == MAX_CLOSEST:
                break
            if item.hit.row not in passages:
                passages[item.hit.row] = self._maker.passage(item.hit, _sentences_around(item))
        return ranked(list(passages.values()))

    def _is_about(self, hit: Hit) -> bool:
        stems = frozenset(self._index.words.terms(_searched_text(hit.chunk), self._terms.language))
        return self._terms.share_in(stems) > 0 or hit.scores.get("dense", 0.0) >= MIN_RELATED_COSINE

    def _excerpt(self, hit: Hit) -> Answer:
        return self._maker.passage(hit, _best_sentences(hit.chunk, self._terms, self._index))


def _sentences_around(item: Extraction) -> tuple[int, int]:
    """Return the range of the sentences of its passage that an extraction overlaps, its own if there are none."""
    ranges = [(start, end) for start, end in item.hit.chunk.sentences if start < item.end and item.start < end]
    return min([item.start, *(start for start, _ in ranges)]), max([item.end, *(end for _, end in ranges)])


def _best_sentences(chunk: Chunk, terms: QuestionTerms, index: Index) -> tuple[int, int] | None:
    """Return the range of neighbouring sentences that hold most of the question's words, None for the whole passage."""
    if len(chunk.text.strip()) <= MAX_EXCERPT_CHARACTERS or not chunk.sentences:
        return None
    best: tuple[float, int, tuple[int, int]] | None = None
    for i, (start, _) in enumerate(chunk.sentences):
        for _, end in chunk.sentences[i : i + 3]:
            if end - start > MAX_EXCERPT_CHARACTERS and end != chunk.sentences[i][1]:
                break
            share = terms.share_in(frozenset(index.words.terms(chunk.text[start:end], terms.language)))
            entry = (share, start - end, (start, end))
            best = entry if best is None or entry[:2] > best[:2] else best
    return best[2] if best else None


def _searched_text(chunk: Chunk) -> str:
    return re.sub(r"\s+", " ", " ".join((chunk.title or "", *chunk.headings, chunk.text)))
