"""Makes training examples of questions: cuts, distractors, hard negatives, near misses and noise, all from one seed."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.index.storage.lexical import TantivyStore
from training.reader.invented import invented
from training.reader.sources import SOURCES, TABLES, Asked, Passage, Source, passages, questions, sentence_ranges
from training.reader.tables import cell_at, table_of, written

SHARES = {"cut": 0.5, "retrieved": 0.22, "removed": 0.08, "edited": 0.14}
"""Share of answerable examples whose passage is cut to some sentences around the answer: more examples an hour. Share
of questions that give also: another passage that BM25 finds for it, its own without the sentence that answers, and a
question with a word changed that its passage does not answer."""
ASKED_BY_RULE = ("hotpot_val_sample", "nq_open_gold", "train/selqa_ass_devtest")
"""Sources of passages of Wikipedia, most of them asked about once or never, about which rules may invent questions."""
AMONG_OTHERS = (
    "train/squad_train_sentences",
    "train/squad2_train_nearmiss_sentences",
    "train/squad_train_nqg_sentences",
)
"""Sources of single sentences: each is read among some others of its source."""
SEARCHED = 12
MAX_RECORDS_CHARS = 1_100
"""Characters of the rows of a table that are read at a time."""
TYPOS, UNMARKED, UNTITLED = 0.06, 0.3, 0.25
OPPOSITES = {
    one: other
    for pair in (
        "first last|before after|most least|largest smallest|highest lowest|more less|increase decrease|north south"
        "|east west|oldest youngest|best worst|begin end|began ended|start finish|won lost|win lose|early late"
        "|longest shortest|northern southern|eastern western|above below|inside outside|allowed forbidden"
        "|same different|rich poor|high low|large small|greater fewer|join leave|joined left|support oppose"
        "|supported opposed|male female|public private|domestic foreign|rural urban|accept reject"
        "|accepted rejected|born buried"
    ).split("|")
    for one, other in (pair.split(), pair.split()[::-1])
}
NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'’-]+(?: (?:of |the )?[A-Z][\w'’-]+)*")
WORD = re.compile(r"\w+")
NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")


@dataclass(frozen=True)
class Example:
    """One input with what is to be learnt of it.

    `golds` are the ranges of the answer in `text`; none with `spans` means that nothing there answers. `rationale` are
    the sentences that answer. Without `spans` or `reasons` the example says nothing of the one or the other.
    """

    question: str
    title: str
    text: str
    golds: tuple[tuple[int, int], ...]
    rationale: tuple[tuple[int, int], ...]
    relevant: bool
    spans: bool = True
    reasons: bool = True
    origin: str = ""


class Maker:
    """Draws the examples of each pass over the data."""

    def __init__(
        self,
        data: Path,
        seed: int,
        shares: Mapping[str, float] = SHARES,
        sources: Sequence[Source] = SOURCES,
        by_rule: float = 0.0,
    ) -> None:
        """Read the sources, index their passages by words; `shares` are as `SHARES`.

        `by_rule` is the share of the passages of `ASKED_BY_RULE` that a pass invents questions about.
        """
        self._seed, self._share, self._sources = seed, shares, sources
        self._asked = {source.folder: list(questions(data, source)) for source in sources}
        by_source = {source: list(passages(data, source).values()) for source in sources}
        self.passages = [found for source in sources for found in by_source[source]]
        chosen = [source for source in sources if source.folder in ASKED_BY_RULE]
        self._unasked = [(found, replace(source, style="span")) for source in chosen for found in by_source[source]]
        self._invented = round(by_rule * len(self._unasked))
        self._by_id = {found.id: found for found in self.passages}
        self._singles = {source.folder: by_source[source] for source in sources if source.folder in AMONG_OTHERS}
        self._words = TantivyStore()
        everything = range(len(self.passages))
        texts, titles = ([getattr(found, key) for found in self.passages] for key in ("text", "title"))
        self._words.add(everything, texts, titles)
        self._words.commit()
        self._names = _names_by_title(self.passages)

    def draw(self, number: int) -> list[Example]:
        """Return the examples of pass `number`, in no order; the same seed and number give the same."""
        chance = random.Random(f"{self._seed}/{number}")
        found: list[Example] = []
        for source in self._sources:
            asked = self._asked[source.folder]
            for item in chance.sample(asked, round(len(asked) * source.share)):
                found += self._examples(item, chance)
        for passage, source in chance.sample(self._unasked, self._invented):
            for item in invented(passage, source, chance):
                found += self._examples(item, chance)
        chance.shuffle(found)
        return [noisy(example, chance) for example in found]

    def _examples(self, asked: Asked, chance: random.Random) -> Iterator[Example]:
        whole = in_records(asked, chance) if asked.source.folder in TABLES else plain(asked)
        if whole is None:
            return
        if asked.source.folder in AMONG_OTHERS:
            yield self._among_others(whole, chance)
        elif asked.source.folder not in TABLES and chance.random() < self._share["cut"]:
            yield cut(whole, chance) if asked.golds else narrowed(whole, chance)
        else:
            yield whole
        if not asked.golds:
            return
        if chance.random() < self._share["retrieved"]:
            yield from self._retrieved(asked, chance)
        if asked.source.style != "passage" and chance.random() < self._share["removed"]:
            yield from removed(whole)
        if asked.source.style == "span" and chance.random() < self._share["edited"]:
            yield from edited(whole, self._names.get(asked.passage.title, ()), chance)

    def _among_others(self, example: Example, chance: random.Random) -> Example:
        singles = self._singles[example.origin]
        before, after = ([chance.choice(singles).text for _ in range(chance.randint(0, 2))] for _ in range(2))
        head = "".join(f"{text} " for text in before)
        text = head + example.text + "".join(f" {text}" for text in after)
        moved = tuple((start + len(head), end + len(head)) for start, end in example.golds)
        own = ((len(head), len(head) + len(example.text)),) if moved else ()
        return replace(example, text=text, golds=moved, rationale=own)

    def _retrieved(self, asked: Asked, chance: random.Random) -> Iterator[Example]:
        answers = {asked.passage.text[start:end].lower() for start, end in asked.golds}
        found = (self.passages[row] for row, _ in self._words.search(asked.question, SEARCHED))
        wrong = [
            passage
            for passage in found
            if passage.id not in asked.relevant
            and not any(answer in passage.text.lower() for answer in answers)
            and passage.text[:80] != asked.passage.text[:80]
        ]
        if wrong:
            passage = chance.choice(wrong)
            text = _as_read(passage)
            text = text if len(text) < 1_200 else text[:1_200].rpartition(" ")[0]
            yield Example(asked.question, passage.title, text, (), (), False, origin="retrieved")


def plain(asked: Asked) -> Example:
    """Return the question with its passage as they are; of a very long passage the part around the answer."""
    text, golds = asked.passage.text, asked.golds
    if len(text) > 1_500:
        start = text.rfind(" ", 0, max(1, golds[0][0] - 300)) + 1 if golds else 0
        text = text[start : start + 1_500].rpartition(" ")[0]
        golds = tuple((a - start, min(b - start, len(text))) for a, b in golds if 0 <= a - start < len(text))
    style = asked.source.style
    rationale = _holding(text, golds) if style != "passage" else ()
    known = style == "span" or not golds
    return Example(
        asked.question, asked.passage.title, text, golds if style == "span" else (), rationale, bool(golds),
        spans=known, reasons=style != "passage", origin=asked.source.folder,
    )  # fmt: skip


def cut(example: Example, chance: random.Random) -> Example:
    """Return the example with only some sentences around those that answer."""
    found = sentence_ranges(example.text)
    inside = [
        place for place, (start, end) in enumerate(found) if any(start < b and a < end for a, b in example.rationale)
    ]
    if not inside or len(found) < 2:
        return example
    first, last = max(0, inside[0] - chance.randint(0, 2)), min(len(found) - 1, inside[-1] + chance.randint(0, 2))
    start, end = found[first][0], found[last][1]
    if any(not start <= a < b <= end for a, b in example.golds):
        return example
    golds, kept = (
        tuple((a - start, b - start) for a, b in spans if start <= a and b <= end)
        for spans in (example.golds, example.rationale)
    )
    return replace(example, text=example.text[start:end], golds=golds, rationale=kept)


def marked_example(
    question: str, text: str, gold: tuple[int, int] | None, sentence: tuple[int, int] | None, origin: str
) -> Example:
    """Return an example with one answer and the sentence that holds it, or with neither."""
    golds, rationale = ((gold,) if gold else ()), ((sentence,) if sentence else ())
    return Example(question, "", text, golds, rationale, gold is not None, origin=origin)


def narrowed(example: Example, chance: random.Random) -> Example:
    """Return an example without an answer with only some sentences around the one that is likest to the question.

    Passages without an answer must not be known by their length.
    """
    ranges = sentence_ranges(example.text)
    if len(ranges) < 2:
        return example
    asked = set(WORD.findall(example.question.lower()))
    shared = [len(asked.intersection(WORD.findall(example.text[start:end].lower()))) for start, end in ranges]
    likest = max(range(len(ranges)), key=lambda i: (shared[i], -i))
    first, last = max(0, likest - chance.randint(0, 2)), min(len(ranges) - 1, likest + chance.randint(0, 2))
    return replace(example, text=example.text[ranges[first][0] : ranges[last][1]])


def in_records(asked: Asked, chance: random.Random) -> Example | None:
    """Return a question about a table with some rows around that of the answer, read as records.

    None if the answer is no cell of a value.
    """
    table = table_of(asked.passage.text)
    cell = cell_at(asked.passage.text, asked.golds[0][0])
    if cell is None:
        return None
    row, column = cell
    first, last = row, row + 1
    for _ in range(chance.randint(2, 12)):
        grown = (max(0, first - 1), last) if chance.random() < 0.5 else (first, min(len(table.rows), last + 1))
        if len(written(table, range(*grown)).text) > MAX_RECORDS_CHARS:
            break
        first, last = grown
    records = written(table, range(first, last))
    gold = records.cells[row, column]
    line = [place for (number, _), place in records.cells.items() if number == row]
    rationale = ((line[0][0], line[-1][1]),)
    folder = asked.source.folder
    return Example(asked.question, asked.passage.title, records.text, (gold,), rationale, True, origin=folder)


def removed(example: Example) -> Iterator[Example]:
    """Yield the passage without the sentences that answer, if the answer does not stand elsewhere too."""
    if not example.rationale or not example.reasons:
        return
    start, end = example.rationale[0][0], example.rationale[-1][1]
    text = (example.text[:start].rstrip() + " " + example.text[end:].lstrip()).strip()
    answers = [example.text[a:b].lower() for a, b in example.golds]
    if len(text) > 60 and not any(answer in text.lower() for answer in answers):
        yield replace(example, text=text, golds=(), rationale=(), relevant=False, spans=True, origin="removed")


def edited(example: Example, names: Sequence[str], chance: random.Random) -> Iterator[Example]:
    """Yield the example with a question that its passage does not answer: another name, number or the opposite word."""
    answers = " ".join(example.text[a:b] for a, b in example.golds).lower()
    ways = [way for way in (_renamed, _renumbered, _opposite) if way(example, names, answers, chance)]
    if ways:
        question = chance.choice(ways)(example, names, answers, chance)
        yield replace(example, question=question or "", golds=(), rationale=(), relevant=False, origin="edited")


def noisy(example: Example, chance: random.Random) -> Example:
    """Return the example as a hurried person asks it: now and then with a slip, without its mark or its title."""
    question = example.question
    if chance.random() < UNMARKED:
        question = question.rstrip("? ")
    if chance.random() < TYPOS:
        words = question.split()
        long = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
        if long:
            place = chance.choice(long)
            at = chance.randrange(1, len(words[place]) - 2)
            word = words[place]
            words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            question = " ".join(words)
    return replace(example, question=question, title="" if chance.random() < UNTITLED else example.title)


def _as_read(passage: Passage) -> str:
    if not passage.id.startswith(TABLES):
        return passage.text
    table = table_of(passage.text)
    return written(table, range(len(table.rows))).text


def _holding(text: str, golds: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in sentence_ranges(text) if any(start < b and a < end for a, b in golds))


def _names_by_title(found: Sequence[Passage]) -> dict[str, list[str]]:
    names: dict[str, set[str]] = defaultdict(set)
    for passage in found:
        if passage.title:
            names[passage.title].update(NAME.findall(passage.text))
    return {title: sorted(held) for title, held in names.items()}


def _renamed(example: Example, names: Sequence[str], answers: str, chance: random.Random) -> str | None:
    asked = [name for name in NAME.findall(example.question) if name.lower() not in answers]
    others = sorted({*NAME.findall(example.text), *chance.sample(list(names), min(8, len(names)))})
    others = [name for name in others if name not in example.question and name.lower() not in answers]
    if not asked or not others:
        return None
    old = chance.choice(asked)
    alike = [name for name in others if name.count(" ") == old.count(" ")] or others
    return example.question.replace(old, chance.choice(alike))


def _renumbered(example: Example, names: Sequence[str], answers: str, chance: random.Random) -> str | None:
    asked = NUMBER.findall(example.question)
    if not asked:
        return None
    old = chance.choice(asked)
    others = [number for number in NUMBER.findall(example.text) if number != old and len(number) == len(old)]
    if others:
        return example.question.replace(old, chance.choice(others))
    return example.question.replace(old, f"{int(old) + chance.choice((-3, -2, 2, 5))}") if old.isdigit() else None


def _opposite(example: Example, names: Sequence[str], answers: str, chance: random.Random) -> str | None:
    words = example.question.split()
    places = [place for place, word in enumerate(words) if word.lower() in OPPOSITES]
    if not places:
        return None
    place = chance.choice(places)
    words[place] = OPPOSITES[words[place].lower()]
    return " ".join(words)
