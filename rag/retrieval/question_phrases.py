"""Finds the phrases of a question that another phrase may replace, by small closed lists of words and by capitals."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from rag.retrieval.question_types import AUXILIARY_VERBS

PREPOSITIONS = frozenset(
    "in on at for from to by with under of during before after since until within without per between against"
    " im bei für von mit nach unter während vor seit bis ohne aus auf gegen zwischen".split()
)
PHRASE_ARTICLES = frozenset("the a an our my your der die das den dem ein eine".split())
DETERMINERS = PHRASE_ARTICLES | frozenset("his her its their this that these those".split())
MONTH_WORDS = frozenset("january february march april may june july august september october november december".split())
WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
COPULA = re.compile(r"\W*\w+(?: \w+)?\s+(?:is|are|was|were)\b", re.IGNORECASE)

_BREAK = re.compile(r"[,;:()?!]")
_ENDS_RUN = PREPOSITIONS | frozenset(AUXILIARY_VERBS.split()) | {"and"}
_WITH_VERB_AFTER = re.compile(r"\b(?:do|does|did|can|could|will|would|should|may|might|must)\b", re.IGNORECASE)
_PARTICIPLE = re.compile(r"\w+(?:ed|en|t)")

Kind = Literal["name", "number", "other"]


class Phrase(NamedTuple):
    """A range of a question that another phrase may replace, and the preposition before it, empty if there is none."""

    start: int
    end: int
    preposition: str
    kind: Kind


def nouns_with_article(question: str) -> list[Phrase]:
    """Return the phrases that begin with an article, up to a preposition, a verb form of be or have, or a break."""
    has_verb_after = bool(_WITH_VERB_AFTER.search(question))
    phrases = []
    for run in _runs(question):
        starts = [i for i, word in enumerate(run) if word[0].lower() in PHRASE_ARTICLES]
        if not starts or len(run) <= starts[0] + 1:
            continue
        words = run[starts[0] :]
        if has_verb_after:
            words = words[:2]  # "does the museum cost"
        elif len(words) > 2 and _PARTICIPLE.fullmatch(words[-1][0]) and COPULA.match(question):
            words = words[:-1]  # "When was the bridge opened?"
        phrases.append(Phrase(words[0].start(), words[-1].end(), "", "other"))
    return phrases


def prepositional_phrases(question: str) -> list[Phrase]:
    """Return what follows each preposition of a question, in order."""
    words = list(WORD.finditer(question))
    phrases = []
    for i, word in enumerate(words[:-1]):
        if word[0].lower() not in PREPOSITIONS:
            continue
        content = _content(question, words[i + 1 :])
        if content:
            phrases.append(content._replace(preposition=word[0].lower()))
    return phrases


def _content(question: str, words: Sequence[re.Match[str]]) -> Phrase | None:
    run = _leading_run(question, words)
    if not run:
        return None
    skipped = 1 if run[0][0].lower() in DETERMINERS and len(run) > 1 else 0
    kind = kind_of(run[skipped][0])
    if kind != "other":  # a name or date ends where small words begin: "in Ostrava opened"
        same = [i for i, word in enumerate(run) if i >= skipped and kind_of(word[0]) != "other"]
        run = run[: _end_of_run(same, skipped) + 1]
    return Phrase(run[0].start(), run[-1].end(), "", kind)


def _end_of_run(numbers: Sequence[int], first: int) -> int:
    last = first
    for number in numbers:
        last = number if number <= last + 1 else last
    return last


def names_and_numbers(question: str) -> list[Phrase]:
    """Return the names and numbers of a question, without its first word."""
    phrases: list[Phrase] = []
    for word in list(WORD.finditer(question))[1:]:
        kind = kind_of(word[0])
        if kind == "other" or word[0] == "I":
            continue
        if phrases and phrases[-1].kind == kind and question[phrases[-1].end : word.start()].isspace():
            phrases[-1] = phrases[-1]._replace(end=word.end())
        else:
            phrases.append(Phrase(word.start(), word.end(), "", kind))
    return phrases


def _runs(question: str) -> Iterator[list[re.Match[str]]]:
    """Yield the stretches of words between prepositions, auxiliaries and breaks."""
    words = list(WORD.finditer(question))
    while words:
        run = _leading_run(question, words)
        if run:
            yield run
        words = words[max(1, len(run)) :]


def _leading_run(question: str, words: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    run: list[re.Match[str]] = []
    for word in words:
        if word[0].lower() in _ENDS_RUN or (run and _BREAK.search(question, run[-1].end(), word.start())):
            break
        run.append(word)
    return run


def kind_of(text: str) -> Kind:
    """Return whether a phrase is a name or a number or date, by its first word."""
    words = [word for word in WORD.findall(text) if word.lower() not in DETERMINERS]
    if re.search(r"\d", text) or (words and words[0].istitle() and words[0].lower() in MONTH_WORDS):
        return "number"
    return "name" if words and words[0][0].isupper() else "other"
