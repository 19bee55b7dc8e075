"""Finds what is not content: comment forms, notices, share bars, menus, credits, repeated captions.

Nothing is cut: a mask is a span with a reason, and what is masked can be switched on again. To mask prose is the worse
fault, so one word never decides: a rule asks for a whole line of known wording, or for several signs in a notice, or
for the company of other such lines.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.boilerplate_phrases import CLOSING_CREDIT, CREDIT_SIGN, CREDITS, LINE_PATTERNS, NOTICES
from rag.types import Block, Document, Mask, Span

REASONS: dict[str, str] = {
    "account": "asks the reader to log in or to register",
    "advertisement": "advertising, or a mark of it",
    "comments": "part of a comment form or a comment list",
    "cookies": "cookie and privacy consent",
    "copyright": "copyright, licence or terms of use",
    "credit": "names who took or owns a picture",
    "disclaimer": "says whose views these are, or what they are not meant for",
    "front_matter": "metadata at the head of a Markdown file",
    "markup": "markup that a reader of the page never sees",
    "navigation": "a menu, a list of tags or a way to other pages",
    "repeated": "says again what another block of the document says",
    "separator": "a rule or another mark without a word",
    "share": "buttons for sharing and following",
    "subscribe": "offers a subscription or a newsletter",
    "widget": "feed, chat, player or another part of the page around the text",
}
"""What each reason code means."""

LONGEST_LINE = 200
"""Characters of a block that may be one known line."""
LONGEST_NOTICE = 1_500
"""Characters of a block that may be a notice."""
SHORT = 60
"""Characters of a line that is no sentence and belongs to whatever surrounds it."""
SHORTEST_REPEAT, LONGEST_REPEAT = 60, 1_000
"""Characters of a block that may be a repeated caption."""
REACH, REACH_EQUAL = 10, 2
"""Blocks from one copy of a caption to the other: with a credit glued to one, and without any such sign."""


@dataclass(frozen=True)
class _Seen:
    """A block with what the rules ask about it."""

    block: Block
    text: str
    reason: str | None
    company: str | None
    short: bool


def masks(document: Document, blocks: Sequence[Block]) -> list[Mask]:
    """Return the masks in order of place; each is a block, or a part of one where only that is not content.

    `blocks` are those of `rag.sentences.blocks`. The title is never masked. Reasons are the keys of REASONS.
    """
    seen = [_look(document, block, first=n == 0) for n, block in enumerate(blocks)]
    reasons: dict[int, str] = {n: item.reason for n, item in enumerate(seen) if item.reason}
    reasons = _without_headings_of_prose(seen, reasons)
    reasons = {**_in_company(seen, reasons), **reasons}
    reasons = {**_repeated(seen, reasons), **reasons}
    found = [Mask(blocks[n].span, reason) for n, reason in reasons.items()]
    found += [mask for n, item in enumerate(seen) if n not in reasons for mask in _closing_credit(document, item)]
    return sorted(found, key=lambda mask: mask.span)


def _look(document: Document, block: Block, first: bool) -> _Seen:
    text = document.slice(block.span)
    if block.kind == "metadata":
        return _Seen(block, text, "front_matter", None, False)
    if block.kind in ("code", "table_row") or (first and block.kind == "heading"):
        return _Seen(block, text, None, None, False)
    short = len(text) <= SHORT and not re.search(r"[.!?:;,。！？؟।]['\")\]]*$", text)
    line = _normal(text) if len(text) <= LONGEST_LINE else ""
    reason = _wordless(text) or _known_line(line, False) or _credit(text) or _notice(text)
    return _Seen(block, text, reason, None if reason else _known_line(line, True), short)


def _normal(text: str) -> str:
    """Return a private copy to match against: case folded, quotes straight, blanks single, no signs at the ends."""
    plain = " ".join(text.casefold().translate(_STRAIGHT).split())
    return re.sub(r"^[\W_]+|[\W_]+$", "", plain)


_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " ", "\u200b": None, "\ufeff": None})


def _wordless(text: str) -> str | None:
    """Return the reason of a block that has nothing to say: only marks, or markup that is never shown."""
    if len(text) <= LONGEST_LINE and re.fullmatch(r"[-–—_=~#*+•·.|>\s]+", text):
        return "separator"
    if text.startswith("<!--") and text.endswith("-->") and "-->" not in text[:-3]:
        return "markup"
    return None


@lru_cache(maxsize=20_000)
def _known_line(line: str, company: bool) -> str | None:
    if not line:
        return None
    return next((reason for reason, pattern in LINE_PATTERNS[company] if pattern.fullmatch(line)), None)


def _credit(text: str) -> str | None:
    if len(text) > 120 or not any(re.fullmatch(pattern, text.strip()) for pattern in CREDITS):
        return None
    return "credit"


def _notice(text: str) -> str | None:
    """Return the reason of a paragraph that opens like a notice and bears enough of its signs."""
    if len(text) > LONGEST_NOTICE:
        return None
    plain = " ".join(text.casefold().translate(_STRAIGHT).split())
    for reason, opening, signs, needed in NOTICES:
        if re.match(opening, plain) and sum(bool(re.search(sign, plain)) for sign in signs) >= needed:
            return reason
    return None


def _without_headings_of_prose(seen: Sequence[_Seen], reasons: dict[int, str]) -> dict[int, str]:
    """Return the reasons less those of headings above content: a chapter may be called `Comments` or `Subscribe`."""

    def heads_content(n: int) -> bool:
        return seen[n].block.kind == "heading" and n + 1 < len(seen) and n + 1 not in reasons and not seen[n + 1].short

    return {n: reason for n, reason in reasons.items() if not heads_content(n)}


def _in_company(seen: Sequence[_Seen], reasons: dict[int, str]) -> dict[int, str]:
    """Return reasons for short lines that stand among known ones.

    Weak wordings count beside a known line. At the end of a document, where nothing but short lines follows two known
    ones, and at least half of these lines are known, all of them are what is left of the page's furniture.
    """
    found: dict[int, str] = {}
    for start, end in _short_stretches(seen, reasons):
        known = [n for n in range(start, end) if n in reasons]
        if not known:
            continue
        found.update((n, item.company) for n in range(start, end) if (item := seen[n]).company)
        tail = range(known[0], end)
        if end == len(seen) and len(known) > 1 and 2 * sum(n in reasons or n in found for n in tail) >= len(tail):
            found.update((n, "widget") for n in tail if n not in found)
    return found


def _short_stretches(seen: Sequence[_Seen], reasons: dict[int, str]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of neighbouring blocks that are all short lines or known ones."""
    start = 0
    for n in range(len(seen) + 1):
        if n == len(seen) or not (seen[n].short or n in reasons):
            if start < n:
                yield start, n
            start = n + 1


def _repeated(seen: Sequence[_Seen], reasons: dict[int, str]) -> dict[int, str]:
    """Return reasons for captions that stand twice: the later of equal ones, the one with a credit glued to it."""
    order = [
        n
        for n, item in enumerate(seen)
        if n not in reasons and item.block.kind == "paragraph" and SHORTEST_REPEAT <= len(item.text) <= LONGEST_REPEAT
    ]
    found: dict[int, str] = {}
    for at, n in enumerate(order):
        for other in order[at + 1 : at + 1 + REACH]:
            if other - n > REACH or n in found:
                break
            extra = _extra_copy(seen[n].text, seen[other].text, other - n <= REACH_EQUAL)
            if extra is not None:
                found[(n, other)[extra]] = "repeated"
    return found


def _extra_copy(one: str, two: str, near: bool) -> int | None:
    """Return 1 where `two` is `one` again, 0 or 1 for the one that is the other with a credit, None for neither."""
    if near and one.split() == two.split():
        return 1
    signed = [_signs_credit(text[:SHORTEST_REPEAT] + " " + text[-SHORTEST_REPEAT:]) for text in (one, two)]
    return _with_glued_credit(one, two) if any(signed) else None


def _with_glued_credit(one: str, two: str) -> int | None:
    """Return 0 or 1 for the text that is the other one with a picture credit glued to an end, None where neither is.

    They must share one run of letters that is nine tenths of the shorter; what is left may only stand at the ends.
    """
    key, other = _letters(one), _letters(two)
    start, other_start, length = _shared_run(key, other)
    if length < max(0.9 * min(len(key), len(other)), SHORTEST_REPEAT / 2):
        return None
    left = [_ends(one, start, start + length), _ends(two, other_start, other_start + length)]
    signs = [_signs_credit(rest) and len(rest) <= LONGEST_LINE for rest in left]
    return signs.index(True) if signs.count(True) == 1 else None


def _signs_credit(text: str) -> bool:
    return bool(re.search(CREDIT_SIGN, text.casefold()))


def _letters(text: str) -> str:
    """Return the letters and digits of `text`, each as one lower-case character."""
    return "".join(character.lower()[0] for character in text if character.isalnum())


def _shared_run(key: str, other: str) -> tuple[int, int, int]:
    """Return where a run that both share starts in each, and its length; found from the middle of the shorter one."""
    if len(key) > len(other):
        start, other_start, length = _shared_run(other, key)
        return other_start, start, length
    third = len(key) // 3
    at = other.find(key[third : 2 * third])
    if at < 0:
        return 0, 0, 0
    before = _equal_start(key[:third][::-1], other[:at][::-1])
    after = _equal_start(key[2 * third :], other[at + third :])
    return third - before, at - before, before + third + after


def _equal_start(one: str, two: str) -> int:
    shorter = min(len(one), len(two))
    return next((n for n in range(shorter) if one[n] != two[n]), shorter)


def _ends(text: str, start: int, end: int) -> str:
    """Return what `text` holds before its letter number `start` and from letter number `end` on."""
    places = [n for n, character in enumerate(text) if character.isalnum()]
    head = text[: places[start]] if start else ""
    return head + " " + (text[places[end] :] if end < len(places) else "")


def _closing_credit(document: Document, item: _Seen) -> Iterator[Mask]:
    """Yield the mask of a credit in brackets that ends a caption."""
    if item.block.kind != "paragraph" or len(item.text) > LONGEST_NOTICE:
        return
    match = re.search(CLOSING_CREDIT, item.text)
    if match and match.start():
        start = item.block.span.start + match.start()
        yield Mask(Span(document.id, start, item.block.span.end), "credit")
