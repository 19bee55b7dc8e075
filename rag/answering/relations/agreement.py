"""Tells answers that say the same from answers that differ, and from those that speak of different things.

Numbers, dates and names are compared exactly (`rag.answering.values.quantities`). A text is a copy of another only if
it has the same words in the same order, but for a few that change nothing. If the words cannot tell, the relation is
`unrelated`, because a false disagreement must never be announced.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import combinations
from typing import Any, Literal

from rag.answering.relations.comparison import compare_quantities, same_noun
from rag.answering.relations.statements import (
    NEGATIONS,
    VALUE_MARK,
    Statement,
    may_be_copy,
    names_of,
    same_statement,
    stem,
    words_alike,
    words_of,
)
from rag.answering.values.quantities import Quantity, quantities
from rag.answering.values.units import CURRENCIES
from rag.core.response import Answer
from rag.core.text.stopwords import STOPWORDS
from rag.retrieval.question_types import question_form

Relation = Literal["agree", "differ", "unrelated"]

CLOSE, LOOSE, MANY_SHARED = 0.75, 0.5, 4
"""Share of a question's words that sentences must have for their figures to be of one thing; a smaller one will do for
sentences that have many words in common."""
MAX_LISTED_VALUES = 3
"""Most values of an answer that one with fewer values may agree with: a long list of figures has any figure."""
FILLER_VERBS = frozenset("do does did is are was were be been has have had will".split())
COMPASS = frozenset(
    "north south east west northern southern eastern western new old great central upper lower saint san".split()
)
"""First words that make another name of the one they stand before: North Korea is not Korea."""
VALUE_STEMS = frozenset(
    "worth shar percent percentag proportion fraction numb number much many amount rat old long year dat day month"
    " compan countr cit town person team state".split()
)
"""Stems of words that name the kind of value asked for, not its subject."""
MEASURE_STEMS = frozenset(
    "cost pric fee charg worth pay paid spend spent mone sum total euro dollar pound franc yen rubl cent eur usd gbp"
    " million billion thousand".split()
)
"""Stems of words of money and number: sentences that have only these in common speak of different things."""
AMOUNTS = frozenset(CURRENCIES.values())

_PERCENT = re.compile(r"\b(percent\w*|per cent|share|proportion|fraction|rate)\b")
_MONEY = re.compile(
    r"\b(worth|cost|costs|price|pay|paid|spend|spent|budget|fine|salary|revenue|profits?|invest\w*|aid|money)\b"
)
_NUMBER = re.compile(
    r"\b(how (many|much|old|long|far|tall|high|large|big|fast|deep|heavy|wide)|number|population|score)\b"
)
_HOW_MANY = re.compile(r"\bhow many (?:\w+ (?=people\b|men\b|women\b))?(\w+)")
_KINDS = (("percent", _PERCENT), ("money", _MONEY), ("number", _NUMBER))
_TIME = re.compile(
    r"\b(when|(what|which) (year|date|day|month|time)|wann|um wie viel uhr|quand|quelle (?:heure|année)|quel jour"
    r"|cuándo|qué (?:hora|año|día))\b"
)
_NAME = re.compile(
    r"\b(who|whom|where|(what|which) (\w+ )?(is|was|company|country|city|person|town|team|state)|capital)\b"
)


def statement_of(answer: Answer) -> Statement:
    """Return the statement of an answer: its quotation, a short one within its sentence."""
    if answer.answer_type == "span":
        return Statement(answer.context, *answer.context_offset)
    return Statement(answer.answer, 0, len(answer.answer))


class Relations:
    """The relations between the statements of one question; each pair is compared once."""

    def __init__(self, question: str) -> None:
        """Compare nothing yet."""
        self._question = question
        self.gives_value = lru_cache(maxsize=None)(partial(gives_value, question))
        self._relation = lru_cache(maxsize=None)(partial(relation, question))

    def between(self, one: Statement, other: Statement) -> Relation:
        """Return how two statements stand to each other; the order of the two makes no difference."""
        return self._relation(one, other)


def agreement_of(
    relations: Relations, statements: Sequence[Statement], documents: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return `groups` of ranks (from 1) that agree, in order of rank, and whether any two answers `differ`.

    An answer joins a group if it agrees with all its members. Two sentences of one document (`documents` are ids)
    differ only if they share all words but the figures: a file seldom contradicts itself.
    """
    groups: list[list[int]] = []
    for rank, statement in enumerate(statements, start=1):
        agreeing = (
            group
            for group in groups
            if all(relations.between(statements[member - 1], statement) == "agree" for member in group)
        )
        group = next(agreeing, None)
        if group is None:
            groups.append(group := [])
        group.append(rank)
    sources = documents or [str(i) for i in range(len(statements))]
    differ = any(
        relations.between(one, other) == "differ" and (source != other_source or _same_but_for_figures(one, other))
        for (one, source), (other, other_source) in combinations(zip(statements, sources, strict=True), 2)
    )
    return {"groups": groups, "differ": differ}


def _same_but_for_figures(one: Statement, other: Statement) -> bool:
    """Tell whether two sentences have the same content words."""
    mine, theirs = _content(one.sentence), _content(other.sentence)
    return _matching(mine, theirs) == len(mine) and _matching(theirs, mine) == len(theirs)


def compare_answers(question: str, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the agreement of answers in order of rank (`agreement_of`)."""
    return agreement_of(
        Relations(question),
        [statement_of(answer) for answer in answers],
        [answer.citation.span.document_id for answer in answers],
    )


def relation(question: str, one: Statement, other: Statement) -> Relation:
    """Return how two answers to a question stand to each other; the order of the two makes no difference.

    >>> same, more = (Statement(f"Sales rose {share}.", 0, 14) for share in ("5 %", "6 %"))
    >>> relation("How much did sales rise?", same, more)
    'differ'
    """
    if same_statement(one, other):
        return "agree"
    if _contradict_word_for_word(one.sentence, other.sentence):
        return "differ"
    mine, theirs = _asked_values(question, one), _asked_values(question, other)
    if mine and theirs:
        verdict = _compare_values(mine, theirs)
        needed = _related(question, one, other, strict=verdict == "differ")
        return verdict if needed else "unrelated"
    if mine or theirs or not (one.is_span and other.is_span):
        return "unrelated"
    return _compare_phrases(question, one, other)


def gives_value(question: str, statement: Statement) -> bool:
    """Tell whether an answer has a value of the kind that the question asks for."""
    return bool(_asked_values(question, statement))


def _contradict_word_for_word(one: str, other: str) -> bool:
    """Tell whether the two say the same but for a negation."""
    if not may_be_copy(one, other):
        return False
    mine, theirs = ([word for word in words_of(text) if word not in FILLER_VERBS] for text in (one, other))
    negated = [sum(word in NEGATIONS or word.endswith("n't") for word in words) % 2 for words in (mine, theirs)]
    bare = [[stem(word) for word in words if word not in NEGATIONS and not word.endswith("n't")]
            for words in (mine, theirs)]  # fmt: skip
    return negated[0] != negated[1] and bare[0] == bare[1]


def _asked_values(question: str, statement: Statement) -> list[Quantity]:
    """Return the values of an answer that are of the kind asked for."""
    in_answer = quantities(statement.sentence)
    if statement.is_span:
        in_answer = tuple(value for value in in_answer if value.start < statement.end and statement.start < value.end)
    kind = _kind(question.lower())
    if kind == "time":
        return [value for value in in_answer if value.dimension in ("date", "decade", "clock")]
    amounts = [value for value in in_answer if value.dimension not in ("date", "decade", "ordinal")]
    if kind == "percent":
        return [value for value in amounts if value.dimension == "percent"]
    if kind == "money":
        amounts = [replace(value, dimension="gbp") if value.dimension == "pound" else value for value in amounts]
        return [value for value in amounts if value.dimension in AMOUNTS] or (amounts if statement.is_span else [])
    if kind == "number" and not statement.is_span:
        return _counted(question, amounts)
    return amounts if statement.is_span else []


def _counted(question: str, amounts: Sequence[Quantity]) -> list[Quantity]:
    """Return the numbers that count the noun of the question; if there are none, the numbers without a noun."""
    match = _HOW_MANY.search(question.lower())
    if match is None:
        return list(amounts)
    alike = [value for value in amounts if words_alike(stem(value.noun or value.dimension), stem(match[1]))]
    return alike or [value for value in amounts if value.dimension == "number"]


def _kind(lowered: str) -> str | None:
    """Return the kind of value asked for: percentages before amounts of money before other numbers."""
    when = _TIME.search(lowered)
    matches = [(match.start(), kind) for kind, pattern in _KINDS if (match := pattern.search(lowered))]
    if when and all(when.start() <= start for start, _ in matches):
        return "time"
    return matches[0][1] if matches else None


def _compare_values(mine: Sequence[Quantity], theirs: Sequence[Quantity]) -> Relation:
    """Return `agree` if each value of the shorter answer is in the other, `differ` if none can be."""
    verdicts = [[_compare_counted(one, other) for other in theirs] for one in mine]
    covers = all("equal" in row for row in verdicts), all("equal" in column for column in zip(*verdicts, strict=True))
    if all(covers) or (any(covers) and max(len(mine), len(theirs)) <= MAX_LISTED_VALUES):
        return "agree"
    comparable = {verdict for row in verdicts for verdict in row if verdict != "other"}
    if comparable == {"compatible"} and all(
        _refines(one, other) or _refines(other, one) for one in mine for other in theirs
    ):
        return "agree"
    return "differ" if comparable == {"contradict"} else "unrelated"


def _refines(one: Quantity, other: Quantity) -> bool:
    """Tell whether a date says all that another says, and more: March 2012 refines 2012."""
    if one.date is None or other.date is None:
        return False
    return all(part in (None, own) for own, part in zip(one.date, other.date, strict=True))


def _compare_counted(one: Quantity, other: Quantity) -> str:
    if one.dimension == other.dimension == "count" and not same_noun(one.noun, other.noun):
        return "other"
    return compare_quantities(_bare(one), _bare(other))


def _bare(value: Quantity) -> Quantity:
    """Return a count as a number, because the question names the counted thing."""
    is_count = value.dimension == "count"
    return Quantity(value.start, value.end, "number", value.low, value.high, value.bound) if is_count else value


def _related(question: str, one: Statement, other: Statement, strict: bool) -> bool:
    """Tell whether both sentences speak of the question's subject."""
    topics = [word for word in _content(question) if word not in VALUE_STEMS]
    subject = [word for word in topics if word not in MEASURE_STEMS]
    topics = subject or topics
    mine, theirs = list(_content(one.sentence)), list(_content(other.sentence))
    if subject:
        mine, theirs = ([word for word in words if word not in MEASURE_STEMS] for words in (mine, theirs))
    shared = _matching(mine, theirs)
    covered = min(_matching(topics, mine), _matching(topics, theirs)) / max(1, len(topics))
    if not strict:
        return covered > 0 and shared >= 1
    figures = quantities(question)
    figures_match = all(_holds(value, statement.sentence) for value in figures for statement in (one, other))
    if one.is_span and other.is_span:  # the reader found both to answer, to the word
        return figures_match and covered >= LOOSE and shared >= 1
    names = [stem(name) for name in names_of(question)]
    names_match = min(_matching(names, mine), _matching(names, theirs)) == len(names)
    return figures_match and names_match and (covered >= CLOSE or (covered >= LOOSE and shared >= MANY_SHARED))


def _holds(value: Quantity, sentence: str) -> bool:
    return any(
        compare_quantities(_bare(value), _bare(other)) in ("equal", "compatible") for other in quantities(sentence)
    )


@lru_cache(maxsize=4_096)
def _content(text: str) -> tuple[str, ...]:
    words = {stem(word) for word in words_of(text) if word not in STOPWORDS and word[0] != VALUE_MARK}
    return tuple(sorted(word for word in words if len(word) > 1))


def _matching(words: Iterable[str], others: Iterable[str]) -> int:
    candidates = tuple(others)
    return sum(any(words_alike(word, other) for other in candidates) for word in words)


def _compare_phrases(question: str, one: Statement, other: Statement) -> Relation:
    """Compare spans without values: equal words agree, other names differ, other words say nothing of each other."""
    mine, theirs = words_of(one.answer), words_of(other.answer)
    names = _is_name(one.answer) and _is_name(other.answer)
    if mine == theirs or (names and _surname_of(mine, theirs)):
        return "agree" if _related(question, one, other, strict=False) else "unrelated"
    inside = set(mine) <= set(theirs) or set(theirs) <= set(mine)
    single = bool(_NAME.search(question.lower())) and question_form(question) != "list"
    differ = names and single and not inside and _related(question, one, other, strict=True)
    return "differ" if differ else "unrelated"


def _is_name(text: str) -> bool:
    words = [word for word in re.findall(r"[^\W_]+", text) if word.lower() not in STOPWORDS]
    return bool(words) and all(word[0].isupper() for word in words)


def _surname_of(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    short, long = sorted((tuple(mine), tuple(theirs)), key=len)
    return len(short) == 1 < len(long) <= 3 and long[-1:] == short and long[0] not in COMPASS
