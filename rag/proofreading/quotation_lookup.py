"""Looks the quotations of a draft up in the documents: exact, changed by these words, or not in the sources."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.answering.relations.statements import CHANGING
from rag.core.text.stopwords import STOPWORDS
from rag.core.types import Document, Hit, Span
from rag.proofreading.comparing.alignment import Alignment, fit_quotation
from rag.proofreading.comparing.spelling import same_but_for
from rag.proofreading.comparing.words import GAP, Word, words
from rag.proofreading.quotations import DraftQuotation
from rag.proofreading.records import ProofFinding, SourcePassage
from rag.proofreading.source_passages import SourcePassages

SEARCHED_PASSAGES = 12
"""Passages in which a quotation is looked for word by word."""
MAX_QUOTED_WORDS = 600
"""Words of the longest quotation that is compared word by word."""
MIN_CHANGED_WORDS = 3
"""Words from which on a quotation may be a changed one; shorter ones resemble too much."""
MIN_SAME_SHARE = 0.6
"""Share of the words that must stand in the source in the same order for a quotation to count as changed."""
MIN_SAME_CONTENT_WORDS = 2
MAX_OTHER_PLACES = 3
"""Other documents with the same words that are listed."""
MAX_SCANNED_CHARACTERS = 20_000_000
"""Characters of all documents up to which every one is searched for a quotation that the passages do not hold."""
MIN_TELLING_CHARACTERS = 60
"""Characters from which on a quotation names its subject by itself."""
GAP_CHARACTERS = 1_500
"""Characters that a writer may leave out in the middle of a quotation."""


@dataclass(frozen=True)
class _Fit:
    """The best fit of a quotation in one stretch of a document."""

    document_id: str
    words: tuple[Word, ...]
    alignment: Alignment

    @property
    def span(self) -> Span:
        at = self.alignment
        return Span(self.document_id, self.words[at.start].start, self.words[at.end - 1].end)


class QuotationLookup:
    """Looks quotations of one draft up."""

    def __init__(self, draft: Document, passages: SourcePassages) -> None:
        """Search `passages`."""
        self._draft, self._passages = draft, passages

    def findings(self, quotations: Sequence[DraftQuotation]) -> list[ProofFinding]:
        """Return the finding of each quotation, in order."""
        queries = [self._draft.text[item.start : item.end] for item in quotations]
        around = [self._surroundings(item) for item in quotations]
        searched = (self._passages.about(texts, SEARCHED_PASSAGES) for texts in (queries, around))
        fits = [self._best(item, [*hits, *others]) for item, hits, others in zip(quotations, *searched, strict=True)]
        unsure = [i for i, best in enumerate(fits) if not best or best[0].alignment.changed]
        elsewhere = self._scanned([self._words(quotations[i]) for i in unsure])
        for i, exact in zip(unsure, elsewhere, strict=True):
            fits[i] = [exact] if exact else fits[i]
        return [self._finding(item, best) for item, best in zip(quotations, fits, strict=True)]

    def _surroundings(self, quotation: DraftQuotation) -> str:
        """Return the second query of a quotation: a short one with the words of the draft around it."""
        is_short = quotation.end - quotation.start < MIN_TELLING_CHARACTERS
        start = max(0, quotation.start - MIN_TELLING_CHARACTERS) if is_short else quotation.start
        return self._draft.text[start : quotation.end + (MIN_TELLING_CHARACTERS if is_short else 0)]

    def _words(self, quotation: DraftQuotation) -> list[Word]:
        """Return the words of a quotation; gaps at its ends leave nothing out."""
        items = words(self._draft.text, quotation.start, quotation.end, quoted=True)
        while items and items[0].form == GAP:
            items = items[1:]
        while items and items[-1].form == GAP:
            items = items[:-1]
        return items

    def _best(self, quotation: DraftQuotation, hits: Sequence[Hit]) -> list[_Fit]:
        """Return the fits of the fewest changes, the best passage first, one for each document."""
        quoted = self._words(quotation)
        if not 0 < len(quoted) <= MAX_QUOTED_WORDS:
            return []
        forms = [word.form for word in quoted]
        margin = quotation.end - quotation.start + 100 + GAP_CHARACTERS * (GAP in forms)
        fits: dict[str, _Fit] = {}
        for document_id, start, end in _stretches([hit.chunk.span for hit in hits], margin):
            text = self._passages.text(document_id)
            source = tuple(words(text, start, min(end, len(text))))
            alignment = fit_quotation(forms, [word.form for word in source])
            best = fits.get(document_id)
            if alignment.end > alignment.start and (best is None or alignment.changed < best.alignment.changed):
                fits[document_id] = _Fit(document_id, source, alignment)
        least = min((item.alignment.changed for item in fits.values()), default=0)
        return [item for item in fits.values() if item.alignment.changed == least]

    def _scanned(self, quoted: Sequence[Sequence[Word]]) -> list[_Fit | None]:
        """Return for each quotation the place where it stands word for word, from all documents of a small index."""
        places: list[_Fit | None] = [None] * len(quoted)
        summaries = self._passages.index.documents() if quoted and self._passages.selection.rows is None else []
        if sum(summary.length for summary in summaries) > MAX_SCANNED_CHARACTERS:
            return places
        patterns = [_pattern([word.form for word in items]) for items in quoted]
        for summary in summaries:
            text = self._passages.text(summary.id)
            for i, pattern in enumerate(patterns):
                match = pattern.search(text) if pattern and places[i] is None else None
                if match:
                    source = tuple(words(text, match.start(), match.end()))
                    alignment = fit_quotation([word.form for word in quoted[i]], [word.form for word in source])
                    places[i] = None if alignment.changed else _Fit(summary.id, source, alignment)
        return places

    def _finding(self, quotation: DraftQuotation, fits: Sequence[_Fit]) -> ProofFinding:
        text = self._draft.text[quotation.start : quotation.end]
        own = (quotation.start, quotation.end)
        quoted = self._words(quotation)
        if len(quoted) > MAX_QUOTED_WORDS:
            note = f"longer than {MAX_QUOTED_WORDS} words: only an exact copy was looked for"
            return ProofFinding("quotation", "not_found", text, *own, own, notes=(note,))
        best = fits[0] if fits else None
        if best is None or (best.alignment.changed and not _resembles(quoted, best.alignment)):
            return ProofFinding("quotation", "not_found", text, *own, own)
        if best.alignment.changed:
            mine = tuple(_range(quoted, item, own[1]) for item, _ in best.alignment.differences())
            differing = tuple((start, end) for start, end in mine if start < end)
            notes = tuple(_gap_notes(best))
            return ProofFinding("quotation", "changed", text, *own, own, differing, notes, (self._passage(best),))
        words_text, has_gaps = self._draft.text[quoted[0].start : quoted[-1].end], GAP in (item.form for item in quoted)
        notes = (*same_but_for(words_text, self._source_text(best), has_gaps), *_gap_notes(best))
        sources = tuple(map(self._passage, fits[: 1 + MAX_OTHER_PLACES]))
        return ProofFinding("quotation", "exact", text, *own, own, notes=notes, sources=sources)

    def _source_text(self, best: _Fit) -> str:
        return self._passages.document(best.document_id).slice(best.span)

    def _passage(self, best: _Fit) -> SourcePassage:
        span = best.span
        ranges = (_range(best.words, theirs, span.end) for _, theirs in best.alignment.differences())
        marks = ((start - span.start, end - span.start) for start, end in ranges if start < end)
        return SourcePassage(self._passages.citation(span), tuple(marks))


def _stretches(spans: Iterable[Span], margin: int) -> Iterator[tuple[str, int, int]]:
    """Yield the ranges of passages with a margin, those that overlap joined, in order of the best passage."""
    joined: dict[str, list[list[int]]] = {}
    for span in spans:
        ranges = joined.setdefault(span.document_id, [])
        start, end = max(0, span.start - margin), span.end + margin
        near = next((pair for pair in ranges if pair[0] <= end and start <= pair[1]), None)
        if near is None:
            ranges.append([start, end])
        else:
            near[:] = [min(near[0], start), max(near[1], end)]
    for document_id, ranges in joined.items():
        yield from ((document_id, start, end) for start, end in ranges)


def _range(items: Sequence[Word], indexes: range, end: int) -> tuple[int, int]:
    """Return the range of a text from the first to the last of some words, an empty one for no word."""
    if indexes:
        return items[indexes.start].start, items[indexes.stop - 1].end
    at = items[indexes.start].start if indexes.start < len(items) else end
    return at, at


def _resembles(quoted: Sequence[Word], alignment: Alignment) -> bool:
    """Tell whether a quotation is near enough to a source to be called a changed one."""
    forms = [word.form for word in quoted]
    same = [forms[i] for step, i, _ in alignment.steps if step == "same" and i is not None]
    size = len(forms) - forms.count(GAP)
    content = sum(form not in STOPWORDS for form in same)
    is_long = size >= MIN_CHANGED_WORDS and content >= MIN_SAME_CONTENT_WORDS
    return is_long and size - alignment.changed >= MIN_SAME_SHARE * size and _all_fragments_fit(forms, alignment)


def _all_fragments_fit(forms: Sequence[str], alignment: Alignment) -> bool:
    """Tell whether of each part between two gaps at least half of the words stand in the source."""
    same = {i for step, i, _ in alignment.steps if step == "same"}
    parts = [list(part) for is_gap, part in groupby(range(len(forms)), lambda i: forms[i] == GAP) if not is_gap]
    return all(2 * len(same.intersection(part)) >= len(part) for part in parts)


def _gap_notes(best: _Fit) -> Iterator[str]:
    for indexes in best.alignment.gaps():
        forms = [best.words[i].form for i in indexes]
        telling = sorted(CHANGING.intersection(forms))
        if telling:
            yield f"leaves out {len(forms)} words, among them {', '.join(map(repr, telling))}"


def _pattern(forms: Sequence[str]) -> "re.Pattern[str] | None":
    """Return the pattern of words that stand word for word, None for too few or too many of them."""
    if not 0 < len(forms) <= MAX_QUOTED_WORDS:
        return None
    parts = [re.escape(form).replace("'", "['’]").replace("\\-", "[-−–]") for form in forms if form != GAP]
    between = r"[\W_]*".join(parts)
    return None if GAP in forms else re.compile(rf"(?<!\w){between}(?!\w)", re.IGNORECASE)
