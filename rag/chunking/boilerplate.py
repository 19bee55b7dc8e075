"""Masks text that is not content: comment forms, notices, share bars, menus, credits, repeated captions.

Nothing is cut: a mask is a span with a reason, and masked text can be switched on again. Masking prose is the worse
fault, so one word never decides: a rule asks for a whole line of known wording, for several signs in a notice, or for
other such lines around it.
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
    "running_head": "the head, foot or number of a page",
    "separator": "a rule or another mark without a word",
    "share": "buttons for sharing and following",
    "subscribe": "offers a subscription or a newsletter",
    "widget": "feed, chat, player or another part of the page around the text",
}
"""The meaning of each reason code."""

MAX_LINE_CHARACTERS = 200
"""Characters of a block that may be one known line."""
MAX_NOTICE_CHARACTERS = 1_500
"""Characters of a block that may be a notice."""
MIN_NOTICE_SIGNS = 2
"""Signs that a paragraph must bear, besides opening like a notice."""
MAX_SIGNATURE_CHARACTERS = 120
"""Characters of a line that only names an owner."""
MAX_SHORT_CHARACTERS = 60
"""Characters of a line that is no sentence and belongs to whatever surrounds it."""
MIN_REPEAT_CHARACTERS, MAX_REPEAT_CHARACTERS = 60, 1_000
"""Characters of a block that may be a repeated caption."""
MAX_GLUE_CHARACTERS = 100
"""Characters around a caption that another copy of it may lack: a credit, the name of the paper."""
MAX_BLOCKS_BETWEEN, MAX_BLOCKS_BETWEEN_EQUAL = 10, 2
"""Blocks from one copy of a caption to the other: with a credit glued to one, and without any such sign."""


@dataclass(frozen=True)
class _ExaminedBlock:
    """A block with the findings that the rules share."""

    block: Block
    text: str
    reason: str | None
    company: str | None
    short: bool


def masks(document: Document, blocks: Sequence[Block]) -> list[Mask]:
    """Return the masks in order of place; each is a block, or the part of a block that is not content.

    `blocks` are those of `rag.chunking.sentences.blocks`. The title is never masked. If masks would cover the whole
    document, there are none, because it is about these things. Reasons are the keys of REASONS.
    """
    title = (document.title or "").casefold()
    topics = {notice.reason for notice in wordings().notices if notice.topic.search(title)}
    examined = [_look(document, block, topics, first=i == 0) for i, block in enumerate(blocks)]
    reasons: dict[int, str] = {i: item.reason for i, item in enumerate(examined) if item.reason}
    reasons = {**_in_company(examined, reasons), **reasons}
    if document.format == "markdown" or document.layout.blocks:
        reasons = _without_headings_of_content(examined, reasons)
    reasons = {**_repeated(examined, reasons), **reasons}
    reasons = {**{i: block.reason for i, block in enumerate(blocks) if block.reason}, **reasons}
    if all(i in reasons or item.block.kind == "heading" for i, item in enumerate(examined)):
        reasons = {i: reason for i, reason in reasons.items() if reason in _NEVER_CONTENT}
    all_masks = [Mask(blocks[i].span, reason) for i, reason in reasons.items()]
    all_masks += [
        mask for i, item in enumerate(examined) if i not in reasons for mask in _closing_credit(document, item)
    ]
    return sorted(all_masks, key=lambda mask: mask.span)


_NEVER_CONTENT = ("front_matter", "markup", "separator")


def _look(document: Document, block: Block, topics: set[str], first: bool) -> _ExaminedBlock:
    text = document.slice(block.span)
    if block.kind == "metadata":
        return _ExaminedBlock(block, text, "front_matter", None, False)
    if block.kind in ("code", "table_header", "table_row") or (first and block.kind == "heading"):
        return _ExaminedBlock(block, text, None, None, False)
    short = len(text) <= MAX_SHORT_CHARACTERS and not re.search(r"(?<!\.)[.!?:;,。！？؟।]['\")\]]*$", text)
    line = normal(text) if len(text) <= MAX_LINE_CHARACTERS else ""
    reason = (
        _wordless(text, document.format)
        or _known_line(line, "lines")
        or _signature(text, topics)
        or _notice(text, topics)
    )
    return _ExaminedBlock(block, text, reason, None if reason else _known_line(line, "company"), short)


def normal(text: str) -> str:
    """Return a private copy to match against: case folded, quotes straight, blanks single, no signs at the ends."""
    plain = " ".join(text.casefold().translate(_STRAIGHT).split())
    return re.sub(r"^[\W_]+|[\W_]+$", "", plain)


_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " ", "\u200b": None, "\ufeff": None})


def _wordless(text: str, kind: str) -> str | None:
    """Return the reason of a block without words: only marks, or markup that is never shown.

    A web page shows `<name>` if it is in its text: it stands for a name that the reader fills in.
    """
    if len(text) <= MAX_LINE_CHARACTERS and re.fullmatch(r"[-–—_=~#*+•·.|>\s]+", text):
        return "separator"
    if kind == "html":
        return None
    if text.startswith("<!--") and text.endswith("-->") and "-->" not in text[:-3]:
        return "markup"
    bare = _MARKUP.sub("", text) if len(text) <= MAX_NOTICE_CHARACTERS and text[0] in "<[" else text
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
    if len(text) > MAX_SIGNATURE_CHARACTERS:
        return None
    rows = wordings().lines["signatures"]
    return next((reason for reason, row in rows if reason not in topics and row.fullmatch(text)), None)


def _notice(text: str, topics: set[str]) -> str | None:
    """Return the reason of a paragraph that opens like a notice and bears enough of its signs; not one of `topics`."""
    if len(text) > MAX_NOTICE_CHARACTERS:
        return None
    plain = " ".join(text.casefold().translate(_STRAIGHT).split())
    for notice in wordings().notices:
        if notice.reason in topics or not notice.opening.match(plain) or not notice.must.search(plain):
            continue
        if sum(bool(sign.search(plain)) for sign in notice.signs) >= MIN_NOTICE_SIGNS:
            return notice.reason
    return None


def _without_headings_of_content(examined: Sequence[_ExaminedBlock], reasons: dict[int, str]) -> dict[int, str]:
    """Return the reasons less those of headings above content: a chapter may be called `Comments` or `Subscribe`."""

    def heads_content(i: int) -> bool:
        return (
            examined[i].block.kind == "heading"
            and i + 1 < len(examined)
            and i + 1 not in reasons
            and not examined[i + 1].short
        )

    return {i: reason for i, reason in reasons.items() if not heads_content(i)}


def _in_company(examined: Sequence[_ExaminedBlock], reasons: dict[int, str]) -> dict[int, str]:
    """Return reasons for short lines that stand among known ones.

    Weak wordings count beside a known line. At the end of a document, if only short lines follow two known
    ones, and at least half of these lines are known, all of them belong to the frame of the page.
    """
    more_reasons: dict[int, str] = {}
    for start, end in _short_stretches(examined, reasons):
        marked = [i for i in range(start, end) if reasons.get(i, "separator") not in _NEVER_CONTENT]
        if not marked:
            continue
        more_reasons.update((i, item.company) for i in range(start, end) if (item := examined[i]).company)
        tail = range(marked[0], end)
        if (
            end == len(examined)
            and len(marked) > 1
            and 2 * sum(i in reasons or i in more_reasons for i in tail) >= len(tail)
        ):
            more_reasons.update((i, "widget") for i in tail if i not in more_reasons)
    return more_reasons


def _short_stretches(examined: Sequence[_ExaminedBlock], reasons: dict[int, str]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of neighbouring blocks that are all short lines or known ones."""
    start = 0
    for i in range(len(examined) + 1):
        if i == len(examined) or not (examined[i].short or i in reasons):
            if start < i:
                yield start, i
            start = i + 1


def _repeated(examined: Sequence[_ExaminedBlock], reasons: dict[int, str]) -> dict[int, str]:
    """Return reasons for captions that stand twice: the later of equal ones, the one with a credit glued to it."""
    order = [
        i
        for i, item in enumerate(examined)
        if i not in reasons
        and item.block.kind == "paragraph"
        and MIN_REPEAT_CHARACTERS <= len(item.text) <= MAX_REPEAT_CHARACTERS
    ]
    ends = {
        i: examined[i].text[:MIN_REPEAT_CHARACTERS] + " " + examined[i].text[-MIN_REPEAT_CHARACTERS:] for i in order
    }
    signed = {i for i in order if _signs_credit(ends[i])}
    letters = {i: _letters(examined[i].text) for i in order} if signed else {}
    more_reasons: dict[int, str] = {}
    for at, i in enumerate(order):
        for other in order[at + 1 : at + 1 + MAX_BLOCKS_BETWEEN]:
            if other - i > MAX_BLOCKS_BETWEEN or i in more_reasons:
                break
            if other - i <= MAX_BLOCKS_BETWEEN_EQUAL and _is_again(examined[i : other + 1]):
                more_reasons[other] = "repeated"
            elif {i, other} & signed:
                glued = _with_glued_credit((examined[i].text, letters[i]), (examined[other].text, letters[other]))
                more_reasons.update({} if glued is None else {(i, other)[glued]: "repeated"})
    return more_reasons


def _is_again(stretch: Sequence[_ExaminedBlock]) -> bool:
    """Tell if the last block repeats the first, in the same section."""
    same = stretch[0].text.split() == stretch[-1].text.split()
    return same and all(item.block.kind != "heading" for item in stretch)


def _with_glued_credit(one: tuple[str, str], two: tuple[str, str]) -> int | None:
    """Return 0 or 1 for the text that is the other one with a picture credit glued to an end, None if neither is.

    Each is a text with its letters. They must share one run of letters, nearly all of the shorter; the rest may
    only stand at the ends.
    """
    start, other_start, length = _shared_run(one[1], two[1])
    if length < max(0.85 * min(len(one[1]), len(two[1])), MIN_REPEAT_CHARACTERS / 2):
        return None
    rests = [_ends(one[0], start, start + length), _ends(two[0], other_start, other_start + length)]
    for glued, plain in ((0, 1), (1, 0)):
        if _signs_credit(rests[glued]) and _names_the_site(rests[plain]) and len(rests[glued]) <= MAX_GLUE_CHARACTERS:
            return glued
    return None


def _names_the_site(rest: str) -> bool:
    """Tell if the rest of a caption is empty, or a name that pages add to titles: ` - The Paper`."""
    return not any(map(str.isalnum, rest)) or bool(re.match(r"\W*\s[-–—|]\s[^-–—|]*$", rest))


def _signs_credit(text: str) -> bool:
    return bool(wordings().credit_sign.search(text.casefold()))


def _letters(text: str) -> str:
    """Return the letters and digits of `text`, each as one lower-case character."""
    return "".join(character.lower()[0] for character in text if character.isalnum())


def _shared_run(key: str, other: str) -> tuple[int, int, int]:
    """Return the start of a shared run in each text, and its length; searched from the middle of the shorter one."""
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
    return next((i for i in range(shorter) if one[i] != two[i]), shorter)


def _ends(text: str, start: int, end: int) -> str:
    """Return what `text` holds before its letter number `start` and after the one before letter number `end`."""
    places = [i for i, character in enumerate(text) if character.isalnum()]
    return text[: places[start]] + " " + text[places[end - 1] + 1 :]


def _closing_credit(document: Document, item: _ExaminedBlock) -> Iterator[Mask]:
    """Yield the mask of a credit in brackets that ends a caption."""
    if item.block.kind in ("code", "table_header", "table_row", "metadata") or len(item.text) > MAX_NOTICE_CHARACTERS:
        return
    match = wordings().closing_credit.search(item.text)
    if match and match.start():
        start = item.block.span.start + match.start()
        yield Mask(Span(document.id, start, item.block.span.end), "credit")
