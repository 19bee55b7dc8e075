"""Finds what is not content: comment forms, notices, share bars, menus, credits, repeated captions.

Nothing is cut: a mask is a span with a reason, and what is masked can be switched on again. To mask prose is the worse
fault, so one word never decides: a rule asks for a whole line of known wording, or for several signs in a notice, or
for the company of other such lines.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.chunking.boilerplate_patterns import wordings
from rag.core.types import Block, Document, Mask, Span

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
    "not_main_text": "outside the main text of its web page",
    "repeated": "says again what another block says, of this document or of many others",
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
SIGNS_OF_A_NOTICE = 2
"""Signs that a paragraph must bear, besides opening like a notice."""
LONGEST_SIGNATURE = 120
"""Characters of a line that only names an owner."""
SHORT = 60
"""Characters of a line that is no sentence and belongs to whatever surrounds it."""
SHORTEST_REPEAT, LONGEST_REPEAT = 60, 1_000
"""Characters of a block that may be a repeated caption."""
LONGEST_GLUE = 100
"""Characters around a caption that another copy of it may lack: a credit, the name of the paper."""
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

    `blocks` are those of `rag.chunking.sentences.blocks`. The title is never masked, nor is a document that would keep
    nothing:
    it is about what it says. Reasons are the keys of REASONS.
    """
    title = (document.title or "").casefold()
    topics = {notice.reason for notice in wordings().notices if notice.topic.search(title)}
    seen = [_look(document, block, topics, first=n == 0) for n, block in enumerate(blocks)]
    reasons: dict[int, str] = {n: item.reason for n, item in enumerate(seen) if item.reason}
    reasons = {**_in_company(seen, reasons), **reasons}
    if document.format == "markdown" or document.layout.blocks:
        reasons = _without_headings_of_content(seen, reasons)
    reasons = {**_repeated(seen, reasons), **reasons}
    reasons = {**{n: block.reason for n, block in enumerate(blocks) if block.reason}, **reasons}
    if all(n in reasons or item.block.kind == "heading" for n, item in enumerate(seen)):
        reasons = {n: reason for n, reason in reasons.items() if reason in _NEVER_CONTENT}
    found = [Mask(blocks[n].span, reason) for n, reason in reasons.items()]
    found += [mask for n, item in enumerate(seen) if n not in reasons for mask in _closing_credit(document, item)]
    return sorted(found, key=lambda mask: mask.span)


_NEVER_CONTENT = ("front_matter", "markup", "separator")


def _look(document: Document, block: Block, topics: set[str], first: bool) -> _Seen:
    text = document.slice(block.span)
    if block.kind == "metadata":
        return _Seen(block, text, "front_matter", None, False)
    if block.kind in ("code", "table_header", "table_row") or (first and block.kind == "heading"):
        return _Seen(block, text, None, None, False)
    short = len(text) <= SHORT and not re.search(r"(?<!\.)[.!?:;,。！？؟।]['\")\]]*$", text)
    line = normal(text) if len(text) <= LONGEST_LINE else ""
    reason = _wordless(text) or _known_line(line, "lines") or _signature(text, topics) or _notice(text, topics)
    return _Seen(block, text, reason, None if reason else _known_line(line, "company"), short)


def normal(text: str) -> str:
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
    bare = _MARKUP.sub("", text) if len(text) <= LONGEST_NOTICE and text[0] in "<[" else text
    return None if bare is text or any(map(str.isalnum, bare)) else "markup"


# Comments, tags, badges (pictures that are links) and the targets of links.
_MARKUP = re.compile(
    r"<!--.*?-->|</?[a-zA-Z][\w-]*(?:\s[^<>]*)?/?>"
    r"|\[!\[[^\[\]]*\]\([^()]*\)\]\([^()]*\)"
    r"|^\[[^\[\]]+\]:[ \t]+\S+[^\n]*$",
    re.DOTALL | re.MULTILINE,
)


def _known_line(line: str, table: str) -> str | None:
    if not line:
        return None
    return next((reason for reason, pattern in wordings().lines[table] if pattern.fullmatch(line)), None)


def _signature(text: str, topics: set[str]) -> str | None:
    """Return the reason of a line that only names an owner, as `© 2024 The Paper`; not one of `topics`."""
    if len(text) > LONGEST_SIGNATURE:
        return None
    rows = wordings().lines["signatures"]
    return next((reason for reason, row in rows if reason not in topics and row.fullmatch(text)), None)


def _notice(text: str, topics: set[str]) -> str | None:
    """Return the reason of a paragraph that opens like a notice and bears enough of its signs; not one of `topics`."""
    if len(text) > LONGEST_NOTICE:
        return None
    plain = " ".join(text.casefold().translate(_STRAIGHT).split())
    for notice in wordings().notices:
        if notice.reason in topics or not notice.opening.match(plain) or not notice.must.search(plain):
            continue
        if sum(bool(sign.search(plain)) for sign in notice.signs) >= SIGNS_OF_A_NOTICE:
            return notice.reason
    return None


def _without_headings_of_content(seen: Sequence[_Seen], reasons: dict[int, str]) -> dict[int, str]:
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
        known = [n for n in range(start, end) if reasons.get(n, "separator") not in _NEVER_CONTENT]
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
    ends = {n: seen[n].text[:SHORTEST_REPEAT] + " " + seen[n].text[-SHORTEST_REPEAT:] for n in order}
    signed = {n for n in order if _signs_credit(ends[n])}
    letters = {n: _letters(seen[n].text) for n in order} if signed else {}
    found: dict[int, str] = {}
    for at, n in enumerate(order):
        for other in order[at + 1 : at + 1 + REACH]:
            if other - n > REACH or n in found:
                break
            if other - n <= REACH_EQUAL and _is_again(seen[n : other + 1]):
                found[other] = "repeated"
            elif {n, other} & signed:
                glued = _with_glued_credit((seen[n].text, letters[n]), (seen[other].text, letters[other]))
                found.update({} if glued is None else {(n, other)[glued]: "repeated"})
    return found


def _is_again(stretch: Sequence[_Seen]) -> bool:
    """Tell whether the last block says what the first says, in the same section."""
    same = stretch[0].text.split() == stretch[-1].text.split()
    return same and all(item.block.kind != "heading" for item in stretch)


def _with_glued_credit(one: tuple[str, str], two: tuple[str, str]) -> int | None:
    """Return 0 or 1 for the text that is the other one with a picture credit glued to an end, None where neither is.

    Each is a text with its letters. They must share one run of letters, nearly all of the shorter; what is left
    may only stand at the ends.
    """
    start, other_start, length = _shared_run(one[1], two[1])
    if length < max(0.85 * min(len(one[1]), len(two[1])), SHORTEST_REPEAT / 2):
        return None
    left = [_ends(one[0], start, start + length), _ends(two[0], other_start, other_start + length)]
    for glued, plain in ((0, 1), (1, 0)):
        if _signs_credit(left[glued]) and _names_the_site(left[plain]) and len(left[glued]) <= LONGEST_GLUE:
            return glued
    return None


def _names_the_site(rest: str) -> bool:
    """Tell whether what is left of a caption is nothing, or what pages add to titles: ` - The Paper`."""
    return not any(map(str.isalnum, rest)) or bool(re.match(r"\W*\s[-–—|]\s[^-–—|]*$", rest))


def _signs_credit(text: str) -> bool:
    return bool(wordings().credit_sign.search(text.casefold()))


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
    """Return what `text` holds before its letter number `start` and after the one before letter number `end`."""
    places = [n for n, character in enumerate(text) if character.isalnum()]
    return text[: places[start]] + " " + text[places[end - 1] + 1 :]


def _closing_credit(document: Document, item: _Seen) -> Iterator[Mask]:
    """Yield the mask of a credit in brackets that ends a caption."""
    if item.block.kind in ("code", "table_header", "table_row", "metadata") or len(item.text) > LONGEST_NOTICE:
        return
    match = wordings().closing_credit.search(item.text)
    if match and match.start():
        start = item.block.span.start + match.start()
        yield Mask(Span(document.id, start, item.block.span.end), "credit")
