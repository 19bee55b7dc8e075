"""Cuts blocks into sentences, as spans; the blocks themselves come from `rag.chunking.blocks`.

The segmenter is nupunkt. This module adds the sentence ends of other scripts, and corrections for words that nupunkt
takes for abbreviations of English law.
"""

import re
from collections.abc import Iterator

from rag.chunking.blocks import blocks, lines
from rag.core.types import Block, Document, Span

__all__ = ["blocks", "sentences"]

MIN_WINDOW_CHARACTERS = 4_000
"""Characters segmented at a time at least: the segmenter takes more than linear time on some long texts."""

ABBREVIATIONS = frozenset(
    """
    mr mrs ms mx dr prof st ste gen col maj capt cmdr lt sgt cpl pvt rev fr hon sen rep gov pres amb supt insp messrs
    jr sr mt ft mme mlle sra srta dra dott
    inc co corp ltd llc plc bros dept univ assn intl ave blvd rd bldg
    v vs cf fig figs no nos vol vols ed eds trans op cit ca circa approx sec ch chap p pp para eq eqs al etc viz ie eg
    bzw ggf evtl inkl exkl zzgl vgl usw nr str bd hrsg jh mio mrd sog geb av éd pág núm pag ud uds
    г ул им т д е руб тыс млн млрд стр гг см рис
    """.split()
)
"""Words before a full stop that may go on with a capital letter: there the segmenter decides. English, German, French,
Spanish, Italian, Russian."""
NUMBERED = frozenset(
    ["no", "nos", "fig", "figs", "vol", "p", "pp", "para", "eq", "art", "sec", "ch", "max", "min", "nr"]
)
"""Words before a full stop that go on with a figure."""

ENDING = frozenset(
    ["inc", "co", "corp", "ltd", "llc", "plc", "bros", "jr", "sr", "etc", "al", "st", "ave", "blvd", "rd"]
)
"""Abbreviations that end a sentence when one of STARTERS follows; initials and `U.S.` do too."""
STARTERS = frozenset(
    """
    the this that these those it its if in on at for from but and or however when while where what there he she they we
    you his her their our my some most many all as although because since after before both each another then now here
    """.split()
)
"""Words in capitals that start sentences and are no surname, so that an initial cannot belong to them."""

_CLOSERS = "\"'”’»›)\\]}」』）】》〉〗＂＇*_“"
_OPENERS = "\"'“‘«‹„‚(\\[{¿¡*_「『（"
_NOTE = r"\s{0,3}\[(?:\d{1,4}|[a-z][a-z\s]{0,30})\]"
# Each pattern starts only at the start of a run of marks, so that long runs take linear time.
_END = re.compile(rf"(?<![.!?…])[.!?…]++(?:[{_CLOSERS}]|\s{{1,3}}»)*+(?:{_NOTE})*+\s+")
_OTHER_END = re.compile(
    rf"(?<![。！？｡])[。！？｡]++(?:[{_CLOSERS}]++(?![\u3040-\u309f、，]))?+(?![{_CLOSERS}])"
    rf"|(?<![؟۔।॥։።፧။])[؟۔।॥։።፧။]++[{_CLOSERS}]*+(?=\s|$)"
)
_LEADERS = re.compile(r"\.{5,}$")
"""Dots that lead from a term to its value, as in a table of contents."""
_INNER_SPACE = re.compile(r"(?<=[^\W\d_])\s")
_NOTED = re.compile(rf"(?<=[.!?…]){_NOTE}")
_ENUMERATOR = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})[.)]\s*")
_SPEECH = re.compile(
    r"(?:[A-Z][\w.'’-]*\s+){1,3}(?:said|says|asked|asks|added|adds|replied|wrote|told|cried|shouted|explained|answered)\b"
)
_ROMAN = re.compile(r"(?:[IVXLC]{2,6}|[VX])\b(?!')")
_GERMAN_MONTH = re.compile(
    r"(?:Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)(?:uar|ruar|z|il|i|ust|tember|ober|ember)?\b"
)


def sentences(document: Document, block: Block) -> list[Span]:
    """Return the sentences of a block in order; together they hold every character that is not white space.

    A heading, a table row or front matter is one sentence; code has one for each line. Closing quotes and brackets
    stay with their sentence. A stretch without any sentence end is one sentence, however long.
    """
    if block.kind in ("heading", "table_header", "table_row", "metadata"):
        return [block.span]
    text = document.slice(block.span)
    ranges = _code_lines(text) if block.kind == "code" else _trimmed(text, _starts(text))
    offset = block.span.start
    return [Span(document.id, offset + start, offset + end) for start, end in ranges]


def _code_lines(text: str) -> list[tuple[int, int]]:
    return [(line.start, line.end) for line in lines(text) if line]


def _trimmed(text: str, starts: list[int]) -> Iterator[tuple[int, int]]:
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        words = text[start:end].rstrip()
        if words:
            yield start, start + len(words)


def _starts(text: str) -> list[int]:
    """Return the starts of the sentences, 0 first, each at a character that is not white space."""
    starts = {_skip_blank(text, end) for end in _segmented(text)}
    starts -= {_skip_blank(text, match.start()) for match in _NOTED.finditer(text)}
    starts |= {_skip_blank(text, match.end()) for match in _OTHER_END.finditer(text)}
    sentence = 0
    for match in _END.finditer(text):
        start = match.end()
        verdict = _verdict(text, sentence, match)
        if verdict is not None:
            (starts.add if verdict else starts.discard)(start)
        sentence = start if start in starts else sentence
    return sorted(starts - {len(text)} | {0})


def _segmented(text: str) -> Iterator[int]:
    """Yield the ends of the sentences that nupunkt finds, but for the last."""
    import nupunkt

    for start, stop in _windows(text):
        yield from (start + end for _, end in nupunkt.sent_spans(text[start:stop])[:-1])


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Yield pieces of `text`, cut at a space after a letter if one is in reach, because no sentence ends there."""
    start = 0
    while len(text) - start > MIN_WINDOW_CHARACTERS:
        space = _INNER_SPACE.search(text, start + MIN_WINDOW_CHARACTERS, start + 2 * MIN_WINDOW_CHARACTERS)
        stop = space.start() if space else min(start + 2 * MIN_WINDOW_CHARACTERS, len(text))
        yield start, stop
        start = stop
    yield start, len(text)


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _verdict(text: str, sentence: int, match: re.Match[str]) -> bool | None:
    """Tell whether one sentence, which starts at `sentence`, ends with `match`; None if the segmenter decides."""
    following = text[match.end() : match.end() + 60]
    mark = match.group().strip()
    before = text[max(sentence, match.start() - 30) : match.start()]
    word = re.split(rf"[\s{_OPENERS}/]", before)[-1]
    if not following or following[0] in ",;:)]" or _ENUMERATOR.fullmatch(text[sentence : match.end()][:10]):
        return False
    if _LEADERS.match(mark):
        return False
    first = following.lstrip("\"'“‘«‹„‚([{¿¡*_「『（")[:1]
    if first.islower():
        return _verdict_lower(text, sentence, word, mark)
    if first.isdigit():
        return False if word.lower() in NUMBERED and mark == "." else None
    if mark[0] in "!?" and len(mark) > 1 and first.isupper():
        return not _SPEECH.match(following)
    if word.isdigit() and len(word) <= 2 and _GERMAN_MONTH.match(following):
        return False
    if not first.isupper() or mark[0] != "." or mark[:2] == ".." or _ROMAN.match(following):
        return None
    return True if len(mark) > 1 or _is_plain(word) or _may_end(word, following) else None


def _verdict_lower(text: str, sentence: int, word: str, mark: str) -> bool | None:
    """Return False before a small letter if the mark belongs to a name (`Wham! have`) or an abbreviation."""
    if mark[0] in "!?":
        return None if text[sentence].islower() else False
    ordinal = word.isdigit() and len(word) <= 2
    capitals = word.isupper() and len(word) > 1
    return False if "." in word or capitals or ordinal or _is_abbreviation(word) else None


def _is_plain(word: str) -> bool:
    """Tell whether `word` is no abbreviation, initial or number, so that a full stop after it ends a sentence."""
    return len(word) > 1 and word.replace("'", "").replace("’", "").isalpha() and not _is_abbreviation(word)


def _may_end(word: str, following: str) -> bool:
    """Tell whether an initial or an abbreviation ends its sentence, because the next word is sure to start one."""
    starts = re.match(r"[\W_]*([^\W\d_]+)", following)
    short = (
        (len(word) == 1 and word.isupper()) or re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word) or word.lower() in ENDING
    )
    return bool(short and starts and starts[1].lower() in STARTERS and word not in ("e.g", "i.e"))


def _is_abbreviation(word: str) -> bool:
    """Tell whether `word` is a known one; in capitals (`the SEC`, `patients with MS`) it is a name."""
    return word.lower() in ABBREVIATIONS and not (word.isupper() and len(word) > 1)
