"""Makes examples of what stands in manuals and office files: rows, fields, definitions, lists, headings, negations.

Tables, fields and lists are drawn from `made_columns`, real tables from the training sets. Definitions, headings and
part of the negations are made of free texts that the reader is trained on anyway. About a third has no answer: the row
is not there, the column is not there, or the sentence denies what is asked.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from training.reader.denials import WITHOUT_ANSWER, heading_of_facts, negated, negated_fact
from training.reader.examples import Example, marked_example
from training.reader.made_columns import (
    COLUMNS,
    KINDS,
    TOWNS,
    Column,
    Kind,
    item,
    words,
)
from training.reader.sources import sentence_ranges
from training.reader.tables import Table, stopped, table_of, written

MAX_ROWS = 11
MAX_CELL_CHARS = 60
MAX_HEADING_CHARS = 110
ASKED_OF_CELLS = words(
    "What is the {header} of {row}?|What {header} does {row} have?|Which {header} is given for {row}?"
    "|{row} {header}"
    "|{header} of {row}|What is the {header} for {row}?|What was the {header} of {row}?"
    "|Tell me the {header} of {row}."
)
ASKED_OF_ROWS = words(
    "Which {key} has the {header} {value}?|Which {key} has a {header} of {value}?"
    "|For which {key} is the {header} {value}?"
    "|What {key} has {value} as {header}?|{key} with {header} {value}"
)
DEFINITION = re.compile(
    r"^(?:(?:A|An|The) )?([A-Z][\w' -]{2,40}?) (?:is|was|are|were|means|refers to) ((?:a|an|the|any) .{20,160})[.]$"
)
NO_TERM = re.compile(
    r"\b(?:they|these|those|this|that|she|he|it|there|one|what|who|we|and|or|in|of|among)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Look:
    """A table with the columns that people ask about, by number of the column."""

    table: Table
    columns: tuple[Column | None, ...]


def structured(chance: Random, count: int, texts: Sequence[Example], tables: Sequence[str]) -> list[Example]:
    """Return examples of all kinds: `texts` are answered examples of prose, `tables` passages of real tables."""
    usable = [example for example in texts if example.golds and example.rationale]
    real = [table for table in map(table_of, tables) if _distinct(table)]
    ways: list[tuple[float, Callable[[], Example | None]]] = [
        (0.30, lambda: looked_up(made_table(chance, chance.choice(KINDS)), chance)),
        (0.17, lambda: looked_up(real_table(chance.choice(real), chance), chance) if real else None),
        (0.12, lambda: fields(chance, chance.choice(KINDS))),
        (0.06, lambda: option(chance)),
        (0.05, lambda: definition(chance, usable)),
        (0.05, lambda: listed(chance)),
        (0.05, lambda: headed(chance.choice(usable)) if usable else None),
        (0.04, lambda: heading_of_facts(chance)),
        (0.10, lambda: negated_fact(chance)),
        (0.06, lambda: negated(chance.choice(usable)) if usable else None),
    ]
    examples: list[Example] = []
    shares = [share for share, _ in ways]
    while len(examples) < count:
        made = chance.choices(ways, shares)[0][1]()
        if made is not None:
            examples.append(made)
    return examples


def made_table(chance: Random, kind: Kind) -> Look:
    """Return a table of a kind: some of its columns in any order, things that are alike in name."""
    names = chance.sample(kind.columns, chance.randint(2, min(5, len(kind.columns))))
    columns = [COLUMNS[name] for name in names]
    things = _things(chance, kind, chance.randint(2, MAX_ROWS))
    header = (chance.choice(kind.headers), *(chance.choice(column.headers) for column in columns))
    rows = tuple((thing, *(column.value(chance) for column in columns)) for thing in things)
    caption = chance.choice(kind.captions) if chance.random() < 0.6 else ""
    caption = caption.format(year=chance.randint(2012, 2031), town=chance.choice(TOWNS))
    return Look(Table(caption, (header,) * len(rows), rows), (None, *columns))


def real_table(table: Table, chance: Random) -> Look:
    """Return some rows of a real table that stand one below the other."""
    first = chance.randrange(len(table.rows))
    last = min(len(table.rows), first + chance.randint(2, MAX_ROWS))
    part = Table(table.caption, table.headers[first:last], table.rows[first:last])
    return Look(part, (None,) * max(map(len, part.rows)))


def looked_up(look: Look, chance: Random) -> Example | None:
    """Return a question for one cell of a table: by its row, or by another cell of it; or one that no cell answers."""
    table = look.table
    row = chance.randrange(len(table.rows))
    columns = [i for i in range(1, len(table.rows[row])) if _asked_about(table, row, i)]
    if not columns or not table.rows[row][0]:
        return None
    column = chance.choice(columns)
    values = [cells[column] for cells in table.rows if column < len(cells)]
    if look.columns[0] is None and chance.random() < 0.18 and values.count(table.rows[row][column]) == 1:
        question, cell = _asked_backwards(table, row, column, chance), (row, 0)
    else:
        question, cell = _asked(look, row, column, chance), (row, column)
    rows, dropped = list(range(len(table.rows))), None
    if chance.random() < WITHOUT_ANSWER:
        if chance.random() < 0.6 and len(rows) > 1:
            rows.remove(row)
        else:
            dropped = cell[1]
        cell = (-1, -1)
    shown = _without_column(table, dropped)
    length = sum(map(len, shown.rows[0]))
    if length > 400:
        return None
    records = written(shown, _near(rows, row, 900 // (length + 40)), chance.random() < 0.7)
    return _example(question, records.text, records.cells.get(cell), chance, "table")


def fields(chance: Random, kind: Kind) -> Example | None:
    """Return a question about a thing whose facts stand below each other as `Key: value`."""
    names = chance.sample(kind.columns, min(len(kind.columns), chance.randint(3, 7)))
    headers = [chance.choice(COLUMNS[name].headers) for name in names]
    values = [COLUMNS[name].value(chance) for name in names]
    thing = kind.things(chance)
    parts = [chance.choice((stopped(thing), f"{chance.choice(kind.headers)}: {thing}."))]
    ranges = []
    for header, value in zip(headers, values, strict=True):
        begin = sum(len(part) + 1 for part in parts) + len(header) + 2
        ranges.append((begin, begin + len(value)))
        parts.append(stopped(f"{header}: {value}"))
    asked = chance.randrange(len(names))
    name = names[asked]
    gold: tuple[int, int] | None = ranges[asked]
    if chance.random() < WITHOUT_ANSWER:
        others = [other for other in COLUMNS if other not in names and not _alike(other, names)]
        name, gold = chance.choice(others), None
    header = headers[asked] if gold else chance.choice(COLUMNS[name].headers)
    question = chance.choice(COLUMNS[name].questions).format(row=_in_question(thing), header=header.lower())
    return _example(question, " ".join(parts), gold, chance, "fields")


def option(chance: Random) -> Example:
    """Return a question about one of some options: what it does, which one does something, its default."""
    form = chance.choice(("--{}", "-{}", "{}", "{}", "{}()"))
    joined = chance.choice(("-", "_", ".")) if form == "{}" else "-" if form.startswith("-") else "_"
    made: dict[str, tuple[str, str, str, str]] = {}
    for subject in chance.sample(SUBJECTS, chance.randint(2, 7)):
        verb, ask = chance.choice(VERBS)
        name = form.format(joined.join(subject.split()[-2:]))
        default = chance.choice((str(chance.randint(1, 5000)), "off", "on", f"{chance.randint(1, 90)} seconds", "none"))
        made[name] = (verb, ask, subject, default)
    names = list(made)
    right = chance.choice(names)
    verb, ask, subject, default = made[right]
    shown = [name for name in names if name != right] if chance.random() < WITHOUT_ANSWER else names
    texts, with_default = {}, chance.random() < 0.6
    for name, (does, _, what, usual) in made.items():
        texts[name] = f"{does} the {what}." + (f" The default is {usual}." if with_default else "")
    asked = chance.choice(("what", "which", "default" if with_default else "what"))
    if asked == "what":
        question = chance.choice(("What does {} do?", "What is {} for?", "{} meaning", "What is the effect of {}?"))
        question, answer = question.format(right), f"{verb} the {subject}"
    elif asked == "which":
        kind = chance.choice(("option", "setting", "parameter", "flag"))
        question = chance.choice((f"Which {kind} {ask} the {subject}?", f"What {kind} {ask} the {subject}?"))
        answer = right
    else:
        question = chance.choice(("What is the default of {}?", "What is the default value of {}?", "default of {}"))
        question, answer = question.format(right), default
    text = " ".join(f"{name}: {texts[name]}" for name in shown)
    if right not in shown:
        return marked_example(question, text, None, None, "option")
    begin = text.index(f"{right}: {texts[right]}")
    own = f"{right}: {texts[right]}"
    at = begin + (own.index(f"default is {answer}") + 11 if asked == "default" else own.index(answer))
    return marked_example(question, text, (at, at + len(answer)), (begin, begin + len(own)), "option")


def definition(chance: Random, texts: Sequence[Example]) -> Example | None:
    """Return a question about one of some terms, defined as `term: description.`, taken from free sentences."""
    terms: dict[str, str] = {}
    for example in chance.sample(texts, min(60, len(texts))):
        for start, end in sentence_ranges(example.text):
            match = DEFINITION.match(example.text[start:end])
            if match and not NO_TERM.search(match[1]):
                terms.setdefault(match[1], match[2])
    if len(terms) < 2:
        return None
    names = chance.sample(sorted(terms), min(len(terms), chance.randint(2, 4)))
    right = chance.choice(names)
    question = chance.choice(
        ("What is {}?", "What does {} mean?", "Define {}.", "meaning of {}", "What is meant by {}?")
    )
    shown = [name for name in names if name != right] if chance.random() < WITHOUT_ANSWER else names
    text = " ".join(f"{name}: {terms[name]}." for name in shown)
    gold = None
    if right in shown:
        at = text.index(f"{right}: {terms[right]}.") + len(right) + 2
        gold = (at, at + len(terms[right]))
    return _example(question.format(right), text, gold, chance, "definition")


def listed(chance: Random) -> Example:
    """Return a question about a list with the sentence that leads in before it: of things, or of steps."""
    purpose = chance.choice(PURPOSES)
    if chance.random() < 0.5:
        items = list(dict.fromkeys(item(chance).lower() for _ in range(chance.randint(2, 6))))
        lead, question = chance.choice(THINGS_LISTED)
        right = chance.randrange(len(items))
        chosen = list(range(len(items)))
        asked = question.format(purpose)
    else:
        items = chance.sample(STEPS, chance.randint(3, 6))
        lead, right = f"To {purpose}:", chance.randrange(1, len(items))
        before = items[right - 1]
        asked = chance.choice(
            (
                f"What do I do after I {before[0].lower()}{before[1:]} to {purpose}?",
                f'How do I {purpose}: what comes after "{before}"?',
            )
        )
        chosen = [right]
    each = chance.random() < 0.4
    text, ranges = ("" if each else lead.format(purpose)), []
    for one in items:
        text += (" " if text else "") + (f"{lead.format(purpose)} " if each else "")
        ranges.append((len(text), len(text) + len(one)))
        text += f"{one}."
    if chance.random() < WITHOUT_ANSWER:
        other = chance.choice([name for name in PURPOSES if name != purpose])
        return marked_example(asked.replace(purpose, other), text, None, None, "list")
    golds = tuple(ranges[i] for i in chosen)
    return replace(marked_example(asked, text, golds[0], (0, len(text)), "list"), golds=golds)


def headed(example: Example) -> Example | None:
    """Return an example whose answering sentence stands above the others, as a heading that no other says again."""
    start, end = example.rationale[0]
    sentence = example.text[start:end]
    gold = example.golds[0]
    rest = (example.text[:start] + example.text[end:].lstrip()).strip()
    answer = example.text[slice(*gold)]
    if len(sentence) > MAX_HEADING_CHARS or not rest or not start <= gold[0] < gold[1] <= end or answer in rest:
        return None
    moved = (gold[0] - start, gold[1] - start)
    text = f"{stopped(sentence)} {rest}"
    return replace(example, text=text, golds=(moved,), rationale=((0, len(stopped(sentence))),), origin="heading")


SUBJECTS = words(
    "maximum number of connections|retry count|log level|cache size|output folder|time limit|proxy address"
    "|page width"
    "|font size|session timeout|search path|upload limit|backup interval|password length"
    "|temporary directory|user name"
    "|compression level|sampling rate|default language|line length|number of workers|key file|buffer size"
    "|target host"
    "|dry run|colour output|verbose mode|polling interval|memory limit|certificate check"
)
VERBS = (
    ("Sets", "sets"),
    ("Limits", "limits"),
    ("Prints", "prints"),
    ("Overrides", "overrides"),
    ("Disables", "disables"),
    ("Changes", "changes"),
    ("Shows", "shows"),
)
PURPOSES = words(
    "replace the filter|reset the router|prepare the boat|clean the boiler|apply for a visa|join the library"
    "|start the pump|close the accounts|mount the shelf|report a fault|return a book|calibrate the scale"
    "|bake the bread"
    "|register a car|drain the tank|install the update|book a berth|light the stove"
)
THINGS_LISTED = (
    ("To {} you need:", "What do I need to {}?"),
    ("Bring the following to {}:", "What must be brought to {}?"),
    ("These are required to {}:", "What is required to {}?"),
    ("Before you {}, have at hand:", "What should be at hand before I {}?"),
)
STEPS = words(
    "Switch off the power|Open the cover|Unscrew the four bolts|Pull out the old cartridge|Rinse the housing"
    "|Insert the new part|Tighten the screws by hand|Close the lid|Press the button for five seconds"
    "|Wait for the lamp"
    "|Fill in the form|Sign both copies|Send the form to the office|Pay the fee|Keep the receipt"
    "|Check the oil level"
    "|Write down the number|Call the duty officer|Remove the label|Turn the valve to the left"
    "|Let it cool down"
)


def _things(chance: Random, kind: Kind, count: int) -> list[str]:
    """Return names of rows, no two the same; the generator of a small kind gives fewer."""
    return list(dict.fromkeys(kind.things(chance) for _ in range(count)))


def _distinct(table: Table) -> bool:
    """Tell whether the first column names the rows of a table."""
    names = [cells[0] for cells in table.rows if len(cells) > 1]
    return len(names) > 2 and len(set(names)) == len(names) and len({len(header) for header in table.headers}) == 1


def _asked_about(table: Table, row: int, column: int) -> bool:
    cells, header = table.rows[row], table.headers[row]
    value = cells[column] if column < len(cells) else ""
    named = column < len(header) and header[column] and header.count(header[column]) == 1
    return bool(named and value and len(value) <= MAX_CELL_CHARS and value != cells[0])


def _asked(look: Look, row: int, column: int, chance: Random) -> str:
    header, own = look.table.headers[row][column], look.columns[column]
    forms = own.questions if own and chance.random() < 0.85 else ASKED_OF_CELLS
    header = header.lower() if chance.random() < 0.7 else header
    return chance.choice(forms).format(row=_in_question(look.table.rows[row][0]), header=header)


def _asked_backwards(table: Table, row: int, column: int, chance: Random) -> str:
    header, cells = table.headers[row], table.rows[row]
    key = (header[0] or "row").lower()
    return chance.choice(ASKED_OF_ROWS).format(key=key, header=header[column].lower(), value=cells[column])


def _in_question(name: str) -> str:
    """Return the name of a row as it stands within a sentence."""
    return name[0].lower() + name[1:] if name[1:].islower() and " " not in name and name.lower() in _COMMON else name


_COMMON = frozenset(
    words("rope|lamp|bucket|ladder|pump|filter|valve|cable|battery|anchor|tent|stove|blanket|drill|saw")
)


def _without_column(table: Table, column: int | None) -> Table:
    if column is None:
        return table
    headers, rows = (
        tuple((*line[:column], *line[column + 1 :]) for line in lines) for lines in (table.headers, table.rows)
    )
    return Table(table.caption, headers, rows)


def _near(rows: Sequence[int], row: int, count: int) -> Sequence[int]:
    """Return at most `count` rows, those around `row` among them."""
    before = [i for i in rows if i < row][-max(1, count // 2) :]
    return (before + [i for i in rows if i >= row])[: max(2, count)]


def _alike(name: str, names: Sequence[str]) -> bool:
    """Tell whether a question about one column may be answered by another."""
    groups = (
        {"place", "team", "platform"},
        {"date", "inspected", "day", "departs", "arrives", "hours", "born"},
        {"person", "teacher", "mayor"},
        {"length", "power", "weight", "capacity", "stock"},
        {"sown", "harvest"},
    )
    return any(name in group and group.intersection(names) for group in groups)


def _example(question: str, text: str, gold: tuple[int, int] | None, chance: Random, origin: str) -> Example:
    """Return an example whose answering sentence is the record that holds the answer."""
    if gold is None:
        return marked_example(question, text, None, None, origin)
    begin = max(text.rfind(". ", 0, gold[0]) + 2, 0) if ". " in text[: gold[0]] else 0
    end = text.find(". ", gold[1])
    return marked_example(question, text, gold, (begin, len(text) if end < 0 else end + 1), origin)
