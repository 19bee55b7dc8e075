"""Recognises questions about defaults, and the statements that answer them.

A manual says "Defaults to 900", its reader asks "What if I set nothing?": the two share no word. The private copy of
such a question says "by default".
"""

import re

_SETTING = r"set|setting|configur\w+|specif\w+|defin\w+|overrid\w+|customi[sz]\w+|adjust\w*"
_ANY_VERB = (
    rf"{_SETTING}|giv\w+|pass|pass(?:ed|ing)|chang\w+|cho[os]\w+|us(?:e|ed|ing)|nam\w+|suppl\w+|say|said|stat\w+"
)
_NOT = r"(?:do|does|did|is|are|was|were|has|have|had)(?:n['’]?t| not| never)|never"
_OBJECT = r"one|it|any|anything|nothing|none"
_NAME = r"(?:-{1,2}\w|\w+[_=.]\w)[\w=.-]*"
_WORDS = r"(?:\W+[\w=./-]+)"
_CLAUSE = re.compile(
    rf"[,;:]?\s*\b(?<!^)(?:if|when|whenever|as long as|unless|while|without)\b(?:"
    rf"{_WORDS}{{0,4}}?\W+(?:{_NOT})(?:\W+(?:explicitly|been|be))?\W+(?:{_SETTING})\b"
    rf"|(?:\W+\w+){{1,2}}?\W+(?:{_NOT})\W+(?:{_ANY_VERB})\W+(?:{_OBJECT})\b"
    rf"|\W+(?:no|nothing|none){_WORDS}{{0,2}}?\W+(?:is|are|was|were)\W+(?:{_SETTING}|given|passed|supplied)\b"
    rf"|\W+(?:I|you|we|one|they)\W+(?:{_ANY_VERB})\W+(?:nothing|none|no)\b"
    rf"|\W+(?:I|you|we|one|they)\W+(?:leave|omit|skip)\W+(?:it\b|(?:the\W+)?{_NAME})"
    rf"|{_WORDS}{{1,4}}?\W+(?:is|are|was|were|be)\W+(?:left\W+(?:alone|out|off|empty|blank|unset|unchanged|untouched)"
    rf"|unset|omitted|unspecified|unconfigured)\b"
    rf"|\W+(?:the\W+)?{_NAME}(?:\W+\w+){{0,2}}?\W+(?:{_NOT})\W+(?:{_ANY_VERB})\b"
    rf"|\W+(?:{_SETTING})\b|\W+(?:{_ANY_VERB})\W+(?:{_OBJECT})\b"
    rf")[^,;?]*",
    re.IGNORECASE,
)
"""A clause that says of a setting that nobody set it."""
_NAMES_SETTING = re.compile(r"(?:^|\s)-{1,2}\w|\w[_=.]\w|\w=|[a-z][A-Z]|\d")
"""What is written like the name of a setting; the clause that holds it stays."""
_BY_DEFAULT = re.compile(r"\bdefaults?\b", re.IGNORECASE)
_STATES_DEFAULT = re.compile(
    r"\bdefault(?:s|ed|ing)?\b|\b(?:if|when|unless)\b[^.;]{0,30}?\b(?:omitted|unset|unspecified"
    r"|absent|empty|not (?:set|given|specified|present|used|defined|provided|configured)"
    r"|otherwise (?:agreed|set|specified|stated))\b",
    re.IGNORECASE,
)


def by_default(question: str) -> str:
    """Return the question with "by default" for a clause that says that nothing is set.

    >>> by_default("Which KillMode applies if I don't set one?")
    'Which KillMode applies by default?'
    >>> by_default("How long is a key if -b is not used?")
    'How long is a key if -b is not used, by default?'
    >>> by_default("What happens if it is not raining?")
    'What happens if it is not raining?'
    """
    clause = _CLAUSE.search(question)
    if clause is None or _BY_DEFAULT.search(question[: clause.start()]):
        return question
    words = clause.group()
    addition = f"{words}, by default" if _NAMES_SETTING.search(words) else " by default"
    if _BY_DEFAULT.search(words):
        addition = words
    return f"{question[: clause.start()]}{addition}{question[clause.end() :]}"


def asks_default(question: str) -> bool:
    """Tell whether a question, as `by_default` returns it, asks for a default."""
    return bool(_BY_DEFAULT.search(question))


def states_default(statement: str) -> bool:
    """Tell whether a statement gives a default."""
    return bool(_STATES_DEFAULT.search(statement))
