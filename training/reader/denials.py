"""Makes examples of denied facts: generated ones, and free sentences with a `not` put in.

A sentence that denies what is asked is not an answer. Whether it is a reason is left open, so that it can be shown.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from training.reader.examples import Example, marked_example
from training.reader.made_columns import DEPARTMENTS, TOWNS, clock, date, hours, person, place, room, words

WITHOUT_ANSWER = 0.33
"""Share of the examples of structure that nothing answers."""
AUXILIARY = re.compile(r"\b(is|are|was|were|can|could|will|would|has|have|had|should|must)\b(?! not|n't)")
Fact = tuple[str, tuple[str, ...], Callable[[Random], str]]
"""A sentence with its subject, a place for `not` and a value; questions for the value; how it is drawn."""
FACTS: tuple[Fact, ...] = (
    ("{subject} is{no} held in {value}", words("Where is {subject} held?|Where does {subject} take place?"), room),
    ("{subject} is{no} located at {value}", words("Where is {subject}?|Where is {subject} located?"), place),
    (
        "{subject} is{no} led by {value}",
        words("Who leads {subject}?|By whom is {subject} led?|Who is in charge of {subject}?"),
        person,
    ),
    ("{subject} was{no} founded by {value}", words("Who founded {subject}?|By whom was {subject} founded?"), person),
    (
        "{subject} is{no} due to begin at {value}",
        words("When does {subject} begin?|At what time does {subject} start?"),
        clock,
    ),
    (
        "{subject} was{no} approved on {value}",
        words("When was {subject} approved?|On which date was {subject} approved?"),
        date,
    ),
    ("{subject} is{no} open {value}", words("When is {subject} open?|What are the opening hours of {subject}?"), hours),
    (
        "{subject} is{no} paid by {value}",
        words("Who pays for {subject}?|By whom is {subject} paid?"),
        lambda chance: f"the {chance.choice(DEPARTMENTS)}",
    ),
    ("{subject} may{no} be kept in {value}", words("Where may {subject} be kept?|Where can {subject} be kept?"), room),
    (
        "{subject} is{no} sent to {value}",
        words("Where is {subject} sent?|To which town is {subject} sent?|Where does {subject} go?"),
        lambda chance: chance.choice(TOWNS),
    ),
)
FACTS_FOR_MEASURING: tuple[Fact, ...] = (
    ("{subject} was{no} repaired by {value}", words("Who repaired {subject}?|By whom was {subject} repaired?"), person),
    ("{subject} is{no} stored in {value}", words("Where is {subject} stored?|In which room is {subject}?"), room),
    ("{subject} was{no} signed on {value}", words("When was {subject} signed?|On which day was it signed?"), date),
    ("{subject} can{no} be reached from {value}", words("From where can {subject} be reached?"), place),
)
"""Facts that the reader does not learn from."""
THINGS = words(
    "the meeting|the spring fair|the course|the choir|the museum|the pilot station|the archive"
    "|the repair café|the annual report"
    "|the swimming club|the ferry office|the workshop|the clinic|the council session|the exam|the market"
    "|the food bank"
    "|the night shift|the inspection|the safety training|the lost property office|the depot|the radio room"
    "|the auction"
)
BELOW = words(
    "It is staffed all year.|Visitors sign the book at the entrance.|It was rebuilt after the flood."
    "|Dogs are allowed on a lead."
    "|Members receive a letter beforehand.|It has two floors and a lift.|Please bring your card."
    "|Entry is free for children."
    "|The rules were last changed in spring.|Parking is limited.|Ask at the desk for a key."
    "|It is run by volunteers."
    "|The number of guests has grown.|Questions are answered by e-mail.|Coffee is served afterwards."
)


def heading_of_facts(chance: Random) -> Example:
    """Return a question about a section: its heading says where, when or who, the text below speaks of `it`."""
    subject, form, question, draw = _fact(chance)
    value = draw(chance)
    heading = form.format(subject=_capitalised(subject), no="", value=value)
    below = " ".join(chance.sample(BELOW, chance.randint(1, 3)))
    if chance.random() < WITHOUT_ANSWER:
        other = chance.choice([one for one in FACTS if one[1] != question])
        asked = chance.choice(other[1]).format(subject=subject)
        return marked_example(asked, f"{heading}. {below}", None, None, "heading")
    at = heading.index(value)
    asked = chance.choice(question).format(subject=subject)
    return marked_example(asked, f"{heading}. {below}", (at, at + len(value)), (0, len(heading) + 1), "heading")


def negated_fact(chance: Random, facts: Sequence[Fact] = FACTS) -> Example:
    """Return a question about a fact that one sentence denies; another affirms one in half of the examples.

    The affirming sentence alone makes a third of these, so that the question does not tell which kind it is.
    """
    subject, form, question, draw = _fact(chance, facts)
    value, other = draw(chance), draw(chance)
    no = chance.choice((" not", " not", " not", " no longer" if "is{no}" in form else " never"))
    denies = f"{form.format(subject=_capitalised(subject), no=no, value=value)}."
    affirms = f"{form.format(subject=chance.choice((_capitalised(subject), 'It')), no='', value=other)}."
    joined = f"{form.format(subject=_capitalised(subject), no=' not', value=value)} but {_tail(form, other)}."
    kind = chance.choices(("denied", "both", "but", "affirmed"), (0.42, 0.2, 0.13, 0.25))[0]
    if kind == "affirmed":
        affirms = f"{form.format(subject=_capitalised(subject), no='', value=other)}."
    own = {"denied": "", "both": affirms, "but": joined, "affirmed": affirms}[kind]
    sentences = [*([denies] if kind in ("denied", "both") else []), *([own] if own else [])]
    sentences += chance.sample(BELOW, chance.randint(0, 2))
    if kind != "both" or not affirms.startswith("It"):
        chance.shuffle(sentences)
    text = " ".join(sentences)
    asked = chance.choice(question).format(subject=subject)
    if not own or value == other:
        return replace(marked_example(asked, text, None, None, "negated"), reasons=False)
    begin = text.index(own)
    at = begin + own.rindex(other)
    return marked_example(asked, text, (at, at + len(other)), (begin, begin + len(own)), "negated")


def negated(example: Example) -> Example | None:
    """Return an example whose short answering sentence is denied by `not`, so that nothing answers; else None."""
    start, end = example.rationale[0]
    sentence, answer = example.text[start:end], example.text[slice(*example.golds[0])]
    verbs = list(AUXILIARY.finditer(sentence))
    rest = example.text[:start] + example.text[end:]
    simple = len(verbs) == 1 and len(sentence) < 130 and "," not in sentence and ";" not in sentence
    if not simple or answer.lower() in rest.lower() or re.search(r"\b(?:no|not|never|only|that|which|who)\b", sentence):
        return None
    at = start + verbs[0].end()
    text = f"{example.text[:at]} not{example.text[at:]}"
    return replace(
        example, text=text, golds=(), rationale=(), relevant=False, spans=True, reasons=False, origin="negated"
    )


def _fact(chance: Random, facts: Sequence[Fact] = FACTS) -> tuple[str, str, tuple[str, ...], Callable[[Random], str]]:
    form, question, draw = chance.choice(facts)
    return chance.choice(THINGS), form, question, draw


def _tail(form: str, value: str) -> str:
    """Return what follows the verb of a fact: `in Hall 3`."""
    return form.partition("{no} ")[2].split(" ", 1)[-1].format(value=value) if form.count(" ") > 3 else value


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
