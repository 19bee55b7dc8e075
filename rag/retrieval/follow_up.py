"""Completes a question that only makes sense after another one, by rules and with the words of the two alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.retrieval.question_phrases import (
    COPULA,
    DETERMINERS,
    PREPOSITIONS,
    WORD,
    Phrase,
    kind_of,
    names_and_numbers,
    nouns_with_article,
    prepositional_phrases,
)
from rag.retrieval.question_types import ASKING, AUXILIARY_VERBS, needs_context, question_form

MAX_FOLLOW_UP_WORDS = 6
"""Words after "And" up to which a question is read as a piece of one."""
ADVERBS = frozenset("abroad today now here elsewhere outside tomorrow yesterday".split())
"""Words that stand by themselves where a phrase such as "in Norway" could stand."""
ADVERBIAL_OPENINGS = r"(?:since when|by whom|when|where|why|how)"
THING_PRONOUNS = frozenset("it its they them their".split())
PERSON_PRONOUNS = frozenset("he she him her his hers".split())
POSSESSIVES = frozenset("its their his her".split())

_AUXILIARIES = AUXILIARY_VERBS.replace(" ", "|")
_ASKS = re.compile(
    rf"\b(?:{ASKING.replace(' ', '|')}|{_AUXILIARIES}|wer|was|wann|wie|warum|welche\w*)\b", re.IGNORECASE
)
_FRAGMENT = re.compile(
    r"\W*(?:(?:and|but|so|then|or|und|aber|oder)\b[\s,]*)?(?:(?:what|how) about|what of|was ist mit|wie ist es)\s+(.+)"
    r"|\W*(?:and|but|or|und|aber|oder)\b[\s,]*(.+)",
    re.IGNORECASE | re.DOTALL,
)
_BARE_OPENING = re.compile(rf"\W*(?:(?:and|but|so)\b[\s,]*)?({ADVERBIAL_OPENINGS})\W*", re.IGNORECASE)
_ADVERBIAL_QUESTION = re.compile(rf"\W*{ADVERBIAL_OPENINGS}\s+((?:{_AUXILIARIES})\b.+)", re.IGNORECASE | re.DOTALL)
_YES_NO_QUESTION = re.compile(rf"\W*((?:{_AUXILIARIES})\b.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class FollowUp:
    """A question completed from the one before; `is_sure` says that only one reading is possible by the rules."""

    question: str
    is_sure: bool


def follow_up(previous: str, question: str) -> FollowUp | None:
    """Return `question` with what it leaves out taken from `previous`, None if it stands alone or no rule fits.

    >>> follow_up("What is the daily allowance in Norway?", "And in France?")
    FollowUp(question='What is the daily allowance in France?', is_sure=True)
    """
    previous, question = previous.strip(), question.strip()
    if not previous or not question:
        return None
    opening = _BARE_OPENING.fullmatch(question)
    if opening:
        return _with_opening(previous, opening[1])
    fragment = _fragment(question)
    if fragment:
        return _with_fragment(previous, fragment)
    return _with_topic(previous, question)


def _fragment(question: str) -> str:
    """Return the phrase of a question that is only a phrase, empty if it is more."""
    match = _FRAGMENT.fullmatch(question)
    words = WORD.findall(question)
    is_phrase = len(words) > 1 and words[0].lower() in PREPOSITIONS and question.endswith("?")
    rest = (match[1] or match[2]) if match else question if is_phrase else ""
    rest = rest.strip(" \t\n?!.,;")
    is_short = 0 < len(WORD.findall(rest)) <= MAX_FOLLOW_UP_WORDS
    return rest if is_short and not _ASKS.search(rest) and not needs_context(f"{rest}?") else ""


def _with_opening(previous: str, opening: str) -> FollowUp | None:
    """Ask the previous question again with another question word."""
    match = _ADVERBIAL_QUESTION.fullmatch(previous) or _YES_NO_QUESTION.fullmatch(previous)
    if match is None:
        return None
    body = match[1][0].lower() + match[1][1:]
    return FollowUp(f"{opening.capitalize()} {body}", True)


def _with_fragment(previous: str, fragment: str) -> FollowUp | None:
    first, _, rest = fragment.partition(" ")
    if first.lower() in PREPOSITIONS and rest:
        return _with_prepositional(previous, first, rest)
    if fragment.lower() in ADVERBS:
        phrases = [phrase for phrase in prepositional_phrases(previous) if phrase.preposition in ("in", "at", "on")]
        if not phrases:
            return FollowUp(_appended(previous, fragment), False)
        last = phrases[-1]
        start = previous.lower().rindex(last.preposition, 0, last.start)
        return FollowUp(_replaced(previous, start, last.end, fragment), False)
    return _with_bare_phrase(previous, fragment)


def _with_prepositional(previous: str, preposition: str, content: str) -> FollowUp:
    own = kind_of(content)
    rivals = [phrase for phrase in prepositional_phrases(previous) if phrase.preposition == preposition.lower()]
    equals = [phrase for phrase in rivals if phrase.kind == own]
    others = [phrase for phrase in rivals if "number" not in (phrase.kind, own)]
    if not equals and not others:
        completed = _appended(previous, f"{preposition.lower()} {content}")
        return FollowUp(completed, question_form(previous) != "keywords")
    phrase = (equals or others)[-1]
    return FollowUp(_replaced(previous, phrase.start, phrase.end, content), len(equals) == 1)


def _with_bare_phrase(previous: str, phrase: str) -> FollowUp | None:
    """Replace what of the previous question is of the same kind: a name, a number, or a noun with its article."""
    own = kind_of(phrase)
    if own == "other":
        candidates = _rivals_of_noun(previous, phrase)
    else:
        candidates = [item for item in names_and_numbers(previous) if item.kind == own]
    if not candidates:
        return None
    last = candidates[-1]
    is_sure = own != "other" and len(candidates) == 1
    return FollowUp(_replaced(previous, last.start, last.end, phrase), is_sure)


def _rivals_of_noun(previous: str, phrase: str) -> list[Phrase]:
    """Return the first noun with an article for a phrase with one, else the only bare noun after a preposition."""
    if phrase.split()[0].lower() in DETERMINERS:
        return nouns_with_article(previous)[:1]
    bare = [
        item
        for item in prepositional_phrases(previous)
        if item.kind == "other"
        and item.preposition != "of"
        and previous[item.start : item.end].split()[0].lower() not in DETERMINERS
    ]
    return bare if len(bare) == 1 else []


def _with_topic(previous: str, question: str) -> FollowUp | None:
    """Replace a pronoun by the thing or person that the previous question was about."""
    words = list(WORD.finditer(question))
    pronouns = [word for word in words if word[0].lower() in THING_PRONOUNS | PERSON_PRONOUNS]
    if len(pronouns) != 1 or not needs_context(question):
        return None
    (pronoun,) = pronouns
    is_person = pronoun[0].lower() in PERSON_PRONOUNS
    names = [item for item in names_and_numbers(previous) if item.kind == "name"]
    topics = names if is_person else _topics(previous, names)
    if not topics:
        return None
    topic = previous[topics[0].start : topics[0].end]
    is_owner = pronoun[0].lower() in POSSESSIVES and pronoun is not words[-1]
    topic += ("’" if topic.endswith("s") else "’s") if is_owner else ""
    topic = topic[0].upper() + topic[1:] if pronoun.start() == words[0].start() else topic
    is_name, is_noun = topics[0].kind == "name", bool(COPULA.match(previous)) and not is_owner
    is_sure = len(topics) == 1 and (is_name or is_noun)
    return FollowUp(_replaced(question, pronoun.start(), pronoun.end(), topic), is_sure)


def _topics(previous: str, names: Sequence[Phrase]) -> list[Phrase]:
    """Return the nouns with their articles, else the names; a phrase such as "of Ostrava" belongs to its noun."""
    things = []
    for noun in nouns_with_article(previous):
        after = [item for item in prepositional_phrases(previous) if item.preposition == "of" and item.start > noun.end]
        is_attached = bool(after) and after[0].start - noun.end <= len(" of ")
        things.append(noun._replace(end=after[0].end if is_attached else noun.end))
    return things or list(names)


def _replaced(text: str, start: int, end: int, words: str) -> str:
    return text[:start] + words + text[end:]


def _appended(question: str, words: str) -> str:
    body = question.rstrip(" ?.!")
    return f"{body} {words}?"
