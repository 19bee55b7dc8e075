"""Reads numbers that are written in words, in English, German, French and Spanish.

text2num 3.1 was tried for this; it refuses `a hundred and one` and `eine Million`, and gives no offsets.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_GERMAN = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn"
    " achtzehn neunzehn"
)
_FRENCH = "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
_SPANISH = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete"
    " dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete"
    " veintiocho veintinueve"
)
_GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig"
SMALL = {
    **{word: i for words in (_SPANISH, _FRENCH, _GERMAN, _ENGLISH) for i, word in enumerate(words.split())},
    **{word: 10 * (i + 2) for words in (
        "twenty thirty forty fifty sixty seventy eighty ninety", _GERMAN_TENS,
        "vingt trente quarante cinquante soixante",
        "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    ) for i, word in enumerate(words.split())},
    **{word: 100 * (i + 2) for i, word in enumerate(
        "doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos".split())},
    "vingts": 20, "une": 1, "veintiún": 21, "ciento": 100, "cien": 100,
}  # fmt: skip
SCALES = {
    "dozen": 12, "dutzend": 12, "docena": 12, "docenas": 12, "douzaine": 12, "douzaines": 12,
    "hundred": 100, "hundert": 100, "cent": 100, "cents": 100, "thousand": 10**3, "tausend": 10**3, "mille": 10**3,
    "mil": 10**3, "million": 10**6, "millions": 10**6, "millionen": 10**6, "millón": 10**6, "millones": 10**6,
    "mio": 10**6, "mn": 10**6, "billion": 10**9, "billions": 10**9, "milliarde": 10**9, "milliarden": 10**9,
    "milliard": 10**9, "milliards": 10**9, "mrd": 10**9, "bn": 10**9, "trillion": 10**12, "trillions": 10**12,
    "tn": 10**12, "billionen": 10**12, "billón": 10**12, "billones": 10**12,
}  # fmt: skip
SINGLE = frozenset("a an one un une uno una ein eine einen einer eines".split())
"""Words that are one only before a scale (`a million`); alone they are articles."""
_JOINING = frozenset(("and", "et", "y", "und"))
_TOKEN = re.compile(r"[^\W\d_]+")
_FRENCH_WORDS = frozenset((*_FRENCH.split(), "vingt", "trente", "quarante", "cinquante", "soixante", "quatre"))
_COMPOUND_UNIT = {**{word: i for i, word in enumerate(_GERMAN.split())}, "ein": 1, "eine": 1}
_COMPOUND_TENS = {word: 10 * (i + 2) for i, word in enumerate(_GERMAN_TENS.split())}


def spelt_numbers(text: str) -> Iterator[tuple[int, int, int | Fraction]]:
    """Yield (start, end, number) of each number that is written in words.

    >>> [number for _, _, number in spelt_numbers("two thousand five hundred; deux mille; zweihundertfünfzig")]
    [2500, 2000, 250]
    """
    run: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text):
        if run and not _joins(text, run[-1], token):
            yield from _numbers(run)
            run = []
        if _is_number_word(token.group().lower()) or (run and token.group().lower() in _JOINING):
            run.append(token)
        else:
            yield from _numbers(run)
            run = []
    yield from _numbers(run)


def _joins(text: str, last: re.Match[str], token: re.Match[str]) -> bool:
    return bool(re.fullmatch(r"\s+|-", text[last.end() : token.start()]))


def _is_number_word(word: str) -> bool:
    return word in SMALL or word in SCALES or word in SINGLE or word == "half" or _compound(word) is not None


def _numbers(run: list[re.Match[str]]) -> Iterator[tuple[int, int, int | Fraction]]:
    """Yield the numbers of a run of number words; a word that cannot go on with a number begins the next."""
    position = 0
    while position < len(run):
        end, number = _number(run, position)
        if number is not None:
            yield run[position].start(), run[end - 1].end(), number
        position = end


def _number(run: list[re.Match[str]], start: int) -> tuple[int, int | Fraction | None]:
    """Return the end of the number that begins at `start`, and the number; None if these words are none."""
    words = [token.group().lower() for token in run]
    if words[start] == "half":
        return _half_of_scale(words, start)
    if not _begins(words, start):
        return start + 1, None
    total: int | Fraction = 0
    current: int | Fraction = 0
    end, scaled, i = start, False, start
    while i < len(words):
        word = words[i]
        value = SMALL.get(word, 1 if word in SINGLE else _compound(word))
        if current and words[i : i + 3] == ["and", "a", "half"]:
            current += Fraction(1, 2)
            i += 2
        elif word in _JOINING and start < i < len(words) - 1:
            i += 1
            continue
        elif word in SCALES:
            total, current = _scaled(total, current, SCALES[word])
            scaled = True
        elif value is None or not _continues(current, value, words[i - 1] if i > start else ""):
            break
        else:
            current += 76 if word.startswith("vingt") and current % 100 == 4 else value
        i += 1
        end = i
    only_article = end == start + 1 and words[start] in SINGLE
    return max(end, start + 1), None if end == start or (only_article and not scaled) else total + current


def _half_of_scale(words: Sequence[str], start: int) -> tuple[int, int | None]:
    """Return end and number of `half a million` and `half million`."""
    scale = start + 2 if words[start + 1 : start + 2] == ["a"] else start + 1
    if scale < len(words) and words[scale] in SCALES:
        return scale + 1, SCALES[words[scale]] // 2
    return start + 1, None


def _begins(words: Sequence[str], start: int) -> bool:
    """Tell whether a number may begin here: `cent` is a coin but for French, and `bn` needs digits."""
    if words[start] in ("cent", "cents"):
        return start + 1 < len(words) and words[start + 1] in _FRENCH_WORDS
    return words[start] not in _JOINING and words[start] not in ("mn", "bn", "tn", "mio", "mrd")


def _scaled(total: int | Fraction, current: int | Fraction, scale: int) -> tuple[int | Fraction, int | Fraction]:
    if scale in (12, 100):
        return total, max(1, current) * scale
    if current == 0 and 0 < total < scale:
        return total * scale, 0  # dos mil millones
    return total + max(1, current) * scale, 0


def _continues(current: int | Fraction, value: int, before: str) -> bool:
    """Tell whether a number goes on with a value: 20 with 5, 200 with 15, 60 with 12 (soixante-douze)."""
    rest = current % 100
    if current == 0 or (rest == 0 and value < 100):
        return True
    if value == 20 and rest == 4 and before == "quatre":
        return True
    return (rest >= 20 and rest % 10 == 0 and value < 10) or (rest in (60, 80) and value < 20)


def _compound(word: str) -> int | None:
    """Return the number of a German compound such as `zweitausendfünfhundert`, None if it is none."""
    for part, scale in (("tausend", 1_000), ("hundert", 100)):
        head, separator, tail = word.partition(part)
        if separator:
            first = 1 if not head else _compound(head)
            rest = 0 if not tail else _compound(tail.removeprefix("und"))
            return None if first is None or rest is None or first >= scale * 10 else first * scale + rest
    if word in _COMPOUND_UNIT:
        return _COMPOUND_UNIT[word]
    if word in _COMPOUND_TENS:
        return _COMPOUND_TENS[word]
    head, separator, tail = word.partition("und")
    if separator and head in _COMPOUND_UNIT and tail in _COMPOUND_TENS:
        return _COMPOUND_UNIT[head] + _COMPOUND_TENS[tail]
    return None
