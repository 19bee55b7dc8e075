"""Tells whether the sentence around an answer affirms the question, denies it, or makes it depend on a condition.

A reader finds the words that fit a question, and fits them no worse if their sentence says "not". The rules here look
at the clause around the answer: a negation there counts only if it negates the question's subject or the answer.
"""

import re
from functools import lru_cache

from rag.answering.relations.statements import Statement, stem, words_alike
from rag.core.response import Polarity
from rag.core.text.stopwords import STOPWORDS
from rag.retrieval.question_types import question_form

_NEGATIVE_QUESTION = re.compile(
    r"\b(not|cannot|never|no longer|without|except|exclu\w+|forbid\w*|forbade|prohibit\w*|ban|bans|banned"
    r"|closed?|closes|shut|nobody|none|nothing|unless|refus\w+|den(?:y|ies|ied)|illegal|missing|lacks?|fail\w*)\b|n['’]t\b",
    re.IGNORECASE,
)
_ASKS_OUTCOME = re.compile(
    r"\bwhat (?:happen(?:s|ed)|(?:will|would|does|do|did|can) (?:\S+ ){0,6}?(?:happen|do))\b|^\W*why\b", re.IGNORECASE
)
"""Asks for an outcome or a reason, which may itself be that something is not so."""
_CLAUSE_END = re.compile(
    r"[;:]|[.!?](?=\s)|,?\s+(?:but|because|although|though|whereas|while)\s+"
    r"|,\s+(?:and|or|which|who|whose|where|as|since|so|contrary|if|when)\s+|\s+[–—]\s+",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:not|cannot|never|no longer|neither|nor|hardly|nicht|nie|niemals|jamais|nunca)\b|n['’]t\b", re.IGNORECASE
)
_HARMLESS_NOT = re.compile(
    r"\s+(?:only|just|merely|until|before|less|more|later|earlier|fewer|least|unusual\w*|necessarily)\b", re.IGNORECASE
)
_NO = re.compile(
    r"\b(?:no|kein\w*|aucune?|ning[uú]n\w*)\s+(?!more\b|less\b|fewer\b|later\b|longer\b|doubt\b|matter\b|other\b|one\b)"
    r"(?=[^\W\d])",
    re.IGNORECASE,
)
_CLOSED = re.compile(r"\b(?:closed|shut|closes)\b", re.IGNORECASE)
_OPEN = re.compile(r"\bopen\w*\b", re.IGNORECASE)
_FORBIDDEN = re.compile(
    r"\b(?:forbidden|prohibited|banned|refused|rejected|excluded|ineligible|illegal)\b", re.IGNORECASE
)
_ALLOWED = re.compile(r"\b(?:allow\w*|permit\w*|accept\w*|eligible|include\w*|may|can|legal)\b", re.IGNORECASE)
_EXCEPTION = re.compile(
    r"\b(?:except(?:ing)?(?: for| on| in| that)?|excluding|apart from|other than|with the exception of|unless)\s",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(unless|except(?:ing)?|excluding|apart from|only (?:if|when|after|with)|provided (?:that|they|it|you|the)"
    r"|on condition that|with the exception of)\b",
    re.IGNORECASE,
)
_ENDED = re.compile(
    r"\b((?:until|till|up to) (?:\w+ ){0,2}(?:1\d{3}|20[012]\d)|formerly|used to|previously)\b", re.IGNORECASE
)
_PRESENT = re.compile(r"\b(?:is|are|does|do|can|may|must|has|have)\b|'s\b", re.IGNORECASE)
_PAST = re.compile(r"\b(?:was|were|did|had|used to|until|formerly|previously|before|1\d{3}|20\d{2})\b", re.IGNORECASE)
_VERB_WINDOW = 4
"""Words after a negation among which the negated verb stands."""
_LINKING = frozenset("a an the in on at by for from of to with since called named".split())


@lru_cache(maxsize=1_024)
def polarity(question: str, statement: Statement) -> tuple[Polarity, str]:
    """Return how the sentence stands to the question, and the words of the sentence that say so.

    A question that is negative itself, or asks for an outcome or a reason, is always affirmed: its answers may deny.

    >>> polarity("Where can I park?", Statement("You cannot park on the quay.", 19, 27))
    ('denies', 'cannot')
    """
    if _NEGATIVE_QUESTION.search(question) or _ASKS_OUTCOME.search(question):
        return "affirms", ""
    low, high = _clause(statement)
    clause = statement.sentence[low:high]
    start, end = max(0, statement.start - low), min(high, statement.end) - low
    denial = _denial(question, clause, start, end)
    if denial:
        return "denies", denial
    if _PRESENT.search(question) and not _PAST.search(question) and (ended := _ENDED.search(clause)):
        return "conditional", ended[1]
    condition = _CONDITION.search(statement.sentence, low)
    return ("conditional", condition[1]) if condition and condition.start() <= high + 2 else ("affirms", "")


def is_outdated(marker: str) -> bool:
    """Tell whether the words that make an answer conditional say that it holds no more."""
    return bool(_ENDED.fullmatch(marker))


def is_demoted(question: str, kind: Polarity, marker: str) -> bool:
    """Tell whether an answer ranks below one that affirms; a yes-or-no question is answered by a denial as well."""
    speaks_against = kind == "denies" or (kind == "conditional" and is_outdated(marker))
    return speaks_against and question_form(question) != "yes_no"


def _clause(statement: Statement) -> tuple[int, int]:
    """Return the range of the clause that holds the answer's start; all of the sentence if the answer is all of it."""
    sentence = statement.sentence
    if not statement.is_span:
        return 0, len(sentence)
    low, high = 0, len(sentence)
    for match in _CLAUSE_END.finditer(sentence):
        if match.end() <= statement.start:
            low = match.end()
        elif match.start() >= statement.end:
            high = match.start()
            break
    return low, high


def _denial(question: str, clause: str, start: int, end: int) -> str:
    """Return the words of a clause that deny the question, empty if none do."""
    subject = _subject(question)
    exceptions = list(_EXCEPTION.finditer(clause))
    negated = _negation(subject, clause, start)
    inside = next((match for match in exceptions if match.end() <= start and end <= len(clause)), None)
    if inside is not None and end - start < len(clause.strip()):
        return "" if negated else inside.group().strip()  # "no dogs, except guide dogs" affirms guide dogs
    if negated:
        return negated
    if _OPEN.search(question) and not _OPEN.search(clause) and (closed := _CLOSED.search(clause)):
        return closed.group()
    forbidden = _FORBIDDEN.search(clause)
    return forbidden.group() if forbidden and _ALLOWED.search(question) else ""


def _negation(subject: frozenset[str], clause: str, start: int) -> str:
    """Return the negation of a word of the question, or of the answer that follows at once."""
    for match in _NOT.finditer(clause):
        if _HARMLESS_NOT.match(clause, match.end()):
            continue
        following = _words(clause[match.end() :])[:_VERB_WINDOW]
        between = _words(clause[match.end() : start]) if match.end() <= start else ["none"]
        negates_answer = all(word in _LINKING for word in between)
        if negates_answer or any(_is_of_subject(word, subject) for word in following):
            return match.group()
    for match in _NO.finditer(clause):
        rest = _words(clause[match.end() :])
        if sum(_is_of_subject(word, subject) for word in rest) >= min(2, len(subject)) and subject:
            return match.group().strip()
    return ""


@lru_cache(maxsize=256)
def _subject(question: str) -> frozenset[str]:
    return frozenset(stem(word) for word in _words(question) if word not in STOPWORDS)


def _is_of_subject(word: str, subject: frozenset[str]) -> bool:
    return word not in STOPWORDS and any(words_alike(stem(word), other) for other in subject)


def _words(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[^\W_]+", text)]
