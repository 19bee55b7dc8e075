"""Finds whole sentences around a span, across the edges of passages, and a contrast that follows them.

Sentences come from the passages of the index, so that nothing masked can be among them; a sentence that was cut to fit
two passages is joined again.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

from rag.chunking.blocks import blocks
from rag.chunking.sentences import sentences
from rag.core.types import Chunk, Document, Layout, Span
from rag.retrieval.question_types import after_enumerator

MAX_SENTENCE_CHARACTERS = 2_000
"""Characters up to which a sentence in several passages is joined; nobody reads a longer one as a sentence."""
MAX_CONTEXT_WORDS = 40
"""Words up to which neighbours are added to a sentence; the reader can have more."""
MAX_WARNING_CHARACTERS = 400
"""Characters that are shown of the next sentence."""

OPENING = re.compile(
    r"[\W_]*((?:and |or )?(?:but|yet|however|nevertheless|nonetheless|although|though|unless|except|instead|conversely"
    r"|still,|even so|even then|that said|by contrast|in contrast|on the other hand|on the contrary|only if|only when"
    r"|provided|whereas|despite|not)\b)",
    re.IGNORECASE,
)
"""A contrast or a condition that opens a sentence."""
ASIDE = re.compile(r"^(?:[^\s,;.]+\s+){0,7}?[^\s,;.]+,\s+(however|though|nevertheless|nonetheless|by contrast),", re.I)
CONDITION = re.compile(
    r"\b(unless|except (?:for|that|when|where|if|in)|only (?:if|when|where)|provided (?:that|they|it|he|she|the|you)"
    r"|on condition that)\b",
    re.IGNORECASE,
)
LIMIT_OPENING = re.compile(
    r"[\W_]*(nothing in (?:this|these|any|clauses?|sections?|articles?|paragraphs?"
    r"|the (?:agreement|contract|policy|terms|conditions|foregoing|above))|in no (?:case|event)|under no circumstances"
    r"|subject to|notwithstanding|excluding|no(?= (?:[\w’'-]+ ){1,6}?(?:is|are|will be|shall be"
    r"|may be|can be) (?:\w+ ){1,8}?(?:where|if|when|unless|until|once|in the case of|in respect of)\b)"
    r"|(?:this|these|that|those|it|they|such|the above)(?: [\w’'-]+){0,3}? (?:does|do|shall|will)(?: not|n['’]t)"
    r" (?:apply|cover|include|extend|affect))\b",
    re.IGNORECASE,
)
"""The opening of a sentence that limits the one before, as in terms and rules: `Nothing in this clause …`."""
LIMIT = re.compile(
    r"\b((?:does|do|shall|will)(?: not|n['’]t) (?:apply|extend) (?:to|if|where|when|in|for)"
    r"|(?:is|are|shall be|will be) (?:expressly |specifically )?(?:excluded|exempt(?:ed)?|excepted"
    r"|not (?:covered|included|refundable|refunded|eligible|payable|insured))"
    r"|with the exception of|other than (?:where|when|if)|save where)\b",
    re.IGNORECASE,
)
"""A limit inside a sentence."""
NOTICE_OPENING = re.compile(r"[\W_]*(?:copyright\b|permission is (?:hereby )?granted\b)", re.IGNORECASE)
"""The opening of a licence notice: its conditions are those of copying, not of the sentence before."""
AFTER_A_CUT = re.compile(
    r"\b(but|not|unless|except|however|although|though|yet|if|provided|only|whereas|while|until|never|rather than)\b",
    re.IGNORECASE,
)
CACHED_DOCUMENTS = 8
"""Documents whose sentences are kept in memory; only a sentence longer than a passage asks for them."""
ENDS = '.!?…"”’»)]'
"""Marks after which a new sentence begins, though now and then they end an abbreviation."""
_PARAGRAPH = re.compile(r"(?:\r\n|\r|\n)[^\S\r\n]*(?:\r\n|\r|\n)")
_START, _END = attrgetter("start"), attrgetter("end")


@dataclass(frozen=True)
class SentenceRun:
    """The sentences of neighbouring passages in order; `cut_ends` are the ends of pieces whose rest is apart."""

    spans: tuple[Span, ...]
    cut_ends: frozenset[int] = frozenset()


def whole_sentences(document: Document, chunks: Sequence[Chunk]) -> SentenceRun:
    """Return the sentences of neighbouring chunks in order, and join those that the edge of a passage cut in two.

    Pieces stay apart if the text is not a list of sentences, such as 10,000 characters without a full stop.
    """
    spans: list[Span] = []
    cut_ends: set[int] = set()
    pieces = 0  # of the passage before
    for chunk in chunks:
        for i, (start, end) in enumerate(chunk.sentences):
            piece = chunk.locate(start, end)
            # A passage is cut inside a sentence only if it holds nothing but a piece of it (`chunking.chunks`).
            last = spans[-1] if i == 0 and pieces == 1 else None
            if last is None or not _is_cut(document, last, piece):
                spans.append(piece)
            elif piece.end - last.start <= MAX_SENTENCE_CHARACTERS:
                spans[-1] = Span(document.id, last.start, piece.end)
            else:
                cut_ends.add(last.end)
                spans.append(piece)
        pieces = len(chunk.sentences)
    return SentenceRun(tuple(spans), frozenset(cut_ends))


def context_of(document: Document, sentences: Sequence[Span], span: Span, neighbours: int) -> Span:
    """Return the sentences that hold `span`; a short one that is all answer gets up to `neighbours` on each side.

    Neighbours stand in the same paragraph, and all is at most `MAX_CONTEXT_WORDS` long; those before come first.
    """
    first = bisect_right(sentences, span.start, key=_END)
    touched = sentences[first : bisect_left(sentences, span.end, key=_START)]
    low = min([span.start, *(sentence.start for sentence in touched[:1])])
    high = max([span.end, *(sentence.end for sentence in touched[-1:])])
    around = _trimmed(document.text, low, high, span)
    if (around.start, around.end) != (span.start, span.end):
        return around
    for before, after in ((1, 0), (0, 1)) * neighbours:
        wider = widened(document, sentences, around, before, after, within_paragraph=True)
        if len(document.slice(wider).split()) <= MAX_CONTEXT_WORDS:
            around = wider
    return around


def widened(
    document: Document, sentences: Sequence[Span], span: Span, before: int, after: int, within_paragraph: bool = False
) -> Span:
    """Return `span` with up to `before` and `after` more sentences; a heading or a masked part ends it."""
    low, high = span.start, span.end
    first = bisect_right(sentences, low, key=_END)
    for sentence in reversed(sentences[max(0, first - before) : first] if before else []):
        if _parted(document.text[sentence.end : low], within_paragraph):
            break
        low = sentence.start
    last = bisect_left(sentences, high, key=_START)
    for sentence in sentences[last : last + after]:
        if _parted(document.text[high : sentence.start], within_paragraph):
            break
        high = sentence.end
    return Span(document.id, low, high)


def continues(document: Document, run: SentenceRun, context: Span) -> tuple[str, str] | None:
    """Return (marker, text) if the source goes on, right after `context`, with a contrast, condition or limit.

    That is the next sentence of the paragraph, or the rest of a sentence that had to be cut. The next paragraph counts
    only if that is its first word, as in news of one sentence a paragraph and in numbered clauses.
    """
    position = bisect_left(run.spans, context.end, key=_START)
    if position == len(run.spans):
        return None
    following = run.spans[position]
    gap, text = document.text[context.end : following.start], document.slice(following)
    if _parted(gap, within_paragraph=False):
        return None
    if context.end in run.cut_ends:
        marker = AFTER_A_CUT.search(text)
    else:
        marker = _warning(text, within_paragraph=not _PARAGRAPH.search(gap))
    return None if marker is None else (marker[1].lower().rstrip(","), _shortened(text))


def _warning(text: str, within_paragraph: bool) -> re.Match[str] | None:
    """Return the words that make a whole sentence a contrast, a condition or a limit, None if there are none."""
    start = after_enumerator(text)
    if NOTICE_OPENING.match(text, start):
        return None
    opening = OPENING.match(text, start) or LIMIT_OPENING.match(text, start)
    if opening or not within_paragraph:
        return opening
    return ASIDE.match(text[start:]) or CONDITION.search(text) or LIMIT.search(text)


def _is_cut(document: Document, first: Span, second: Span) -> bool:
    """Tell whether two pieces are of one sentence, which was cut inside a word or at white space."""
    gap = document.text[first.end : second.start]
    if not gap:
        return document.text[first.end - 1].isalnum() and document.text[second.start].isalnum()
    if gap.strip() or _PARAGRAPH.search(gap) or document.text[first.end - 1] in ENDS:
        return False
    # Only the sentences of the whole block tell: a part by itself may be parted otherwise.
    starts, ends = _edges(document.text, document.title, document.format, document.layout)
    i = bisect_right(starts, first.end - 1) - 1
    return i >= 0 and second.start < ends[i]


@lru_cache(maxsize=CACHED_DOCUMENTS)
def _edges(text: str, title: str | None, kind: str, layout: Layout) -> tuple[list[int], list[int]]:
    """Return the starts and the ends of a document's sentences, in order; several answers ask of one document."""
    document = Document("parted", text, title, kind, layout=layout)
    spans = [sentence for block in blocks(document) for sentence in sentences(document, block)]
    return [span.start for span in spans], [span.end for span in spans]


def _trimmed(text: str, low: int, high: int, span: Span) -> Span:
    """Return the range without white space at its ends, never less than `span`."""
    while high > span.end and text[high - 1].isspace():
        high -= 1
    while low < span.start and text[low].isspace():
        low += 1
    return Span(span.document_id, low, high)


def _parted(gap: str, within_paragraph: bool) -> bool:
    return bool(gap.strip()) or (within_paragraph and bool(_PARAGRAPH.search(gap)))


def _shortened(text: str) -> str:
    """Return the text, a long one cut after a word."""
    return text if len(text) <= MAX_WARNING_CHARACTERS else text[:MAX_WARNING_CHARACTERS].rsplit(None, 1)[0]
