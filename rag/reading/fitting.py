"""Tells whether a statement has the form that a question asks for.

A question for a default is answered by "Defaults to 5", one for a list by an enumeration, one for the meaning of a word
by its definition, one for a command by a line of code or the words that lead to it. These forms say more than the words
of a question do.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from rag.reading.lookup.enumerations import enumerates
from rag.retrieval.default_questions import asks_default, states_default
from rag.retrieval.question_types import QuestionForm

MAX_SUBJECT_WORDS = 5
_ASKS_MEANING = re.compile(
    r"(?:[^,?]{1,40},\s+)?(?:what(?:['’]s|\s+(?:is|are))\s+(?:meant\s+by\s+)?(?P<named>[^,?]+?)"
    r"|what\s+do(?:es)?\s+(?P<meant>[^,?]+?)\s+(?:mean|stand\s+for|refer\s+to))\s*\??$",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"\A(?:an?|the)\s+", re.IGNORECASE)
_WITHIN = re.compile(r"\s+(?:in|under|according to|within)\s+(?:the\s+)?\S.*$", re.IGNORECASE)
_BEFORE_SUBJECT = re.compile(r"(?:[^.;\n]{0,60}:\s+)?[-*•\s]*(?:(?:an?|the)\s+)?[\"'“‘`*(]*", re.IGNORECASE)
_DEFINES = re.compile(
    r"[\"'”’`*)]*(?:\s*\([^)]{1,40}\))?(?:\s*[:=—–]\s|\s+[-–—]\s|[ ]{2,}|\t|[ ]*\n\s*"
    r"|\s+(?:is|are|means?|refers?\s+to|stands?\s+for|denotes?)\s)",
    re.IGNORECASE,
)
_COMMAND_LINE = re.compile(
    r"(?:^|\n)[ \t]*(?:[$%>]\s+|#\s+(?=[a-z/.])|(?:sudo|pip|apt|apt-get|git|npm|docker|cargo|echo|cd|make)\s)\S"
    r"|^[ \t]*\.\. code|^[ \t]*```"
)
_ASKS_COMMAND = re.compile(
    r"\bcommand(?:s|\s+line)?\b|^(?:\w+\s+){0,2}how\s+(?:(?:do|can)\s+(?:i|you|we)|to)\b", re.IGNORECASE
)


def has_wanted_form(question: str, form: QuestionForm, statement: str, is_list: bool) -> bool:
    """Tell whether a statement has the form that a question asks for; `is_list`: it is a lead-in with its items.

    >>> has_wanted_form("What is a member?", "other", "A member is a package that belongs to a workspace.", False)
    True
    >>> has_wanted_form("What is a member?", "other", "The member list is empty.", False)
    False
    """
    wanted = _wanted(question)
    return (
        (wanted.default and states_default(statement))
        or (form == "list" and (is_list or enumerates(statement)))
        or any(_is_defined(subject, statement) for subject in wanted.subjects)
        or (wanted.command and bool(statement.rstrip().endswith(":") or _COMMAND_LINE.search(statement)))
    )


class _Wanted(NamedTuple):
    """The forms that a question asks for; `subjects` are the words whose definition is asked for, in other forms."""

    default: bool
    command: bool
    subjects: tuple[re.Pattern[str], ...]


@lru_cache(maxsize=256)
def _wanted(question: str) -> _Wanted:
    return _Wanted(asks_default(question), bool(_ASKS_COMMAND.search(question)), _subjects(question))


def _is_defined(subject: re.Pattern[str], statement: str) -> bool:
    return any(
        _DEFINES.match(statement, match.end()) and _BEFORE_SUBJECT.fullmatch(statement, 0, match.start())
        for match in subject.finditer(statement)
    )


def _subjects(question: str) -> tuple[re.Pattern[str], ...]:
    # Patterns of the subject alone: one of the whole definition would take 10 ms to compile.
    match = _ASKS_MEANING.match(question.strip())
    if match is None:
        return ()
    asked = _ARTICLE.sub("", match["named"] or match["meant"]).strip("\"'“”‘’`* ")
    subjects = {asked, _WITHIN.sub("", asked).strip("\"'“”‘’`* ")}
    return tuple(
        re.compile(r"\s+".join(map(re.escape, subject.split())), re.IGNORECASE)
        for subject in sorted(subjects)
        if 0 < len(subject.split()) <= MAX_SUBJECT_WORDS
    )
