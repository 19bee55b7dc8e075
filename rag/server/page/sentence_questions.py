"""Turns plain English sentences into the question that each answers; a sentence that fits no pattern is skipped.

The question is only a proposal: whoever shows it asks it first and sees that the sentence comes back.
"""

import re

from rag.server.page.html.markup import one_line

SENTENCE_LENGTHS = range(30, 301)
"""Characters of a sentence that is looked at."""
_SUBJECT = r"(?P<subject>(?:The|An?|[A-Z][\w'’-]*)(?:\s[\w'’-]+){0,7}?)"
_NO_SUBJECT = re.compile(
    r"(?:He|She|It|They|We|I|You|This|That|These|Those|There|Here|What|Which|Who|Where|When|While|As|If|But|And|Or|So"
    r"|Then|In|On|At|For|From|With|By|To|Of|Some|Many|Most|All|Both|Each|Its|His|Her|Their|Our|My|Your|After|Before"
    r"|Since|Not|No|One|Another|Such)\b"
    r"|.*\s(?:who|which|that|is|are|was|were|has|had|have|will|would|can|could|may|said|says|told|insisted|claimed|added"
    r"|believes?|thinks?|hopes?|and|but|if|to)\b"
)
_DONE = (
    r"(?P<done>\w+ed|built|made|sold|won|held|born|found|begun|taken|written|chosen|shown|given|led|paid|sent|set up"
    r"|cast|cut|lost|kept|drawn|seen|thrown|driven|bought|brought|taught|caught|beaten|broken|stolen|hidden|laid|struck)"
)
_YEAR = r"(?:on\s[\w\s,]{3,20}\s|in\s(?:\w+\s)?)(?:1[0-9]|20)\d\d\b"
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), question)
    for pattern, question in (
        (rf"{_SUBJECT}\s(?P<be>was|were)\s{_DONE}\s(?:\w+\s){{0,3}}?by\s(?:the\s)?[A-Z]",
         "By whom {be} {subject} {done}?"),
        (rf"{_SUBJECT}\s(?P<be>was|were)\s{_DONE}\s(?:[\w'’-]+\s){{0,6}}?{_YEAR}", "When {be} {subject} {done}?"),
        (rf"{_SUBJECT}\s(?:has\s|had\s)?cost\s(?:\w+\s){{0,3}}?[$€£]?\d", "How much did {subject} cost?"),
        (rf"{_SUBJECT}\s(?P<be>is|are|was|were)\sworth\s(?:\w+\s){{0,3}}?[$€£]?\d", "How much {be} {subject} worth?"),
        (rf"{_SUBJECT}\s(?P<be>is|are|was|were|will|can)\s(?P<rest>[^,;:]{{4,50}}?),?\sbecause\s",
         "Why {be} {subject} {rest}?"),
    )
)  # fmt: skip


def question_of(sentence: str) -> str | None:
    """Return the question that a sentence answers, None if no pattern fits.

    >>> question_of("The observatory of Syldorf was sold by Henrike Kallweit in 1880.")
    'By whom was the observatory of Syldorf sold?'
    """
    words = one_line(sentence)
    if len(words) not in SENTENCE_LENGTHS:
        return None
    for pattern, question in PATTERNS:
        match = pattern.match(words)
        if match and not _NO_SUBJECT.match(match["subject"]):
            parts = match.groupdict()
            return question.format_map({**parts, "subject": re.sub(r"^(?:The|An?)\b", _small, parts["subject"])})
    return None


def _small(article: re.Match[str]) -> str:
    return article.group().lower()
