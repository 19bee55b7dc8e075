"""Reads a question: its words, how rare each is, and what kind of answer it asks for. Private copies throughout."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rag.core.errors import InvalidQuestion
from rag.core.text.stopwords import STOPWORDS, foreign_stopwords
from rag.retrieval.framing_words import FRAMING_WORDS

if TYPE_CHECKING:
    from rag.core.protocols import LexicalStore

AnswerKind = Literal["number", "time", "name", "any"]
QuestionForm = Literal[
    "yes_no", "number", "time", "name", "place", "reason", "procedure", "manner", "list", "keywords", "other"
]

ANSWER_KINDS: tuple[tuple[str, AnswerKind], ...] = (
    (r"\b(how (many|much|old|long|far|tall|high|large|big|fast)|what (percent\w*|share|number|proportion|fraction))\b",
     "number"),
    (r"^\W*((\w+\W+)?(since|until|till|from|by)\W+)?when\b(?! should\b)"
     r"|\b(what (year|date|day|month|time|century)|which (year|date|day|month|century)|in what year)\b", "time"),
    (r"\b(who|whom|whose|where|which (country|city|state|company|person|team)|what (country|city|company))\b", "name"),
)  # fmt: skip
NUMBER_PATTERN = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand"
    r"|million|billion|half|third|quarter|dozens?)\b",
    re.IGNORECASE,
)
TIME_PATTERN = re.compile(
    r"\b\d{4}\b|\b\d{1,2}(st|nd|rd|th)\b|\b(january|february|march|april|may|june|july|august|september|october"
    r"|november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday|century|yesterday|today)\b",
    re.IGNORECASE,
)
_ASKS_AMOUNT = re.compile(r"\b(?:how (?:many|much)|what (?:percent\w*|number|proportion|fraction))\b", re.IGNORECASE)
_ASKS_DATE = re.compile(
    r"\b(?:what|which) (?:year|date|day|month|time|century)\b|^\W*when (?:was|were|did)\b", re.IGNORECASE
)
_AMOUNT = re.compile(
    r"\b(?:no|none|nothing|zero|once|twice|both|an?|single|several|many|few|some|any|all|every|each|unlimited|free|double"
    r"|triple|pair|couple|majority|most)\b",
    re.IGNORECASE,
)
_PERIOD = re.compile(
    r"\b(?:after|before|during|since|until|till|when|while|once|as soon as|spring|summer|autumn|winter|morning"
    r"|afternoon|evening|night|noon|midnight|hours?|days?|weeks?|months?|years?|ago|early|late|daily|weekly|monthly|annually|period"
    r"|age|era|war|reign)\b",
    re.IGNORECASE,
)
NAME_PATTERN = re.compile(r"(?<!^)(?<![.!?]\s)\b[^\W\d_a-z]\w+")

AUXILIARY_VERBS = (
    "is are was were do does did has have had can could will would should may might must isn't didn't doesn't"
)
ASKING = "who whom whose what which when where why how"
COMMANDS = "list name tell show give find explain describe"
VERBS = "happens|goes|comes|makes|becomes|means|counts|applies|causes|needs|keeps|gives|starts|begins|ends|remains"
"""What may follow "what" or "which" and ends like the plural of a noun."""
QUESTION_FORMS: tuple[tuple[str, QuestionForm], ...] = (
    (r"(list|name|give|enumerate)\b"
     rf"|(which|what)( (?!is|was|does|has|{VERBS})\w+)? (?!(?:is|was|does|has|{VERBS})\b)\w\w+[^\Wsui]s\b", "list"),
    (r"(\w+ ){0,2}how (many|much|old|long|far|tall|high|large|big|fast|deep)\b"
     r"|(\w+ ){0,2}what (percent\w*|share|number|proportion|fraction)\b", "number"),
    (r"(\w+ )?(when|(what|which) (year|date|day|month|time|century))\b", "time"),
    (r"(\w+ )?(who|whom|whose)\b", "name"),
    (r"(\w+ )?(where|(what|which) (country|city|place|town))\b", "place"),
    (r"why\b|for what reason\b|what (was|is|were) the reasons?\b", "reason"),
    (r"(\w+ )?how ((do|can|could|should|would|must|may|shall) (i|you|we|one)|to)\b", "procedure"),
    (r"(\w+ )?how\b", "manner"),
    (rf"({AUXILIARY_VERBS.replace(' ', '|')})\b", "yes_no"),
)  # fmt: skip
POINTING = frozenset(
    "he she it they him her them his its their hers theirs himself herself itself that this these those there then"
    " one ones former latter else".split()
)
"""Words that stand for something named before. If a question names nothing else, only earlier talk could say it."""
GENERAL = frozenset(
    "born die died happen happened happens start started begin began end ended open opened go went come came win won"
    " lose lost mean means live lived work works worked make made get got take took leave left find found know known"
    " think see look feel become became cost costs last lasted change changed use used need want wanted call called"
    " exactly really ever again next so too just only actually still now ago old long far big tall often and but"
    " ok okay please thanks yes well right true sure same first biggest largest best main current new today later"
    " earlier instead both either ones thing things case okay continue more".split()
)
"""Words that name nothing by themselves."""
FOLLOWING = re.compile(r"\W*(and|but|or|so|then|also|what about|how about|what of)\b", re.IGNORECASE)
_ASKS = re.compile(rf"\b({ASKING.replace(' ', '|')})\b", re.IGNORECASE)
_OPENS_QUESTION = re.compile(
    rf"\W*(\w+\W+){{0,2}}?({AUXILIARY_VERBS.replace(' ', '|')})\b|\W*({COMMANDS.replace(' ', '|')})\b(?!\s+of\b)",
    re.IGNORECASE,
)
MIN_PHRASE_WORDS = 3
"""Words from which a phrase is read as a question."""
ENUMERATOR = re.compile(
    r"\s*(?:\((?:\d{1,3}(?:\.\d{1,2})*|[a-z]|[ivx]{1,4})\)|(?:\d{1,3}(?:\.\d{1,2})*|[a-z])\)|\d{1,3}(?:\.\d{1,2})*\."
    r"(?!\s+(?:jan|feb|mär|mar|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec))"
    r"|\d{1,3}(?:\.\d{1,2})+(?=\s+(?-i:A\b|[A-Z][a-z]|[A-Z]{4}))(?!\s+(?:[mb]illion|trillion|thousand)))\s+(?=\S)",
    re.IGNORECASE,
)
"""What numbers a clause or an item at the start of its sentence: `2.`, `2.1 The`, `(a)`, `3)`; not `2.1 million`, nor
the day of `3. Juli`."""


@dataclass(frozen=True)
class QuestionTerms:
    """The content words of a question with their stems and weights (inverse document frequency in the index).

    `written` holds each as it stands in the question, `frequency` the number of chunks that have it; `names` are the
    stems of those that are written like names or numbers, `empty` the words, as written, that carry no subject in
    another language than English.
    """

    written: tuple[str, ...]
    stems: tuple[str, ...]
    weights: tuple[float, ...]
    frequency: tuple[int, ...]
    names: frozenset[str]
    empty: frozenset[str] = frozenset()
    language: str = ""

    def share_in(self, stems: frozenset[str]) -> float:
        """Return the share of weight whose stems are among `stems`; 0 for a question without content words."""
        return self._share([stem in stems for stem in self.stems])

    def share_of_subject_in(self, stems: frozenset[str]) -> float:
        """Return the share of weight of names and of words that frame no question; 1 for a question without any."""
        is_subject = [
            stem in self.names or word.lower() not in FRAMING_WORDS
            for word, stem in zip(self.written, self.stems, strict=True)
        ]
        if not any(is_subject):
            return 1.0
        weights = [weight * counts for weight, counts in zip(self.weights, is_subject, strict=True)]
        return sum(weight for weight, stem in zip(weights, self.stems, strict=True) if stem in stems) / sum(weights)

    def share_of_names_in(self, stems: frozenset[str]) -> float:
        """Return the share of names and numbers of the question that are among `stems`; 1 if it has none."""
        return len(self.names & stems) / len(self.names) if self.names else 1.0

    def missing(self) -> tuple[str, ...]:
        """Return the words that no chunk has, as written, without those that carry no subject."""
        counts = zip(self.written, self.frequency, strict=True)
        return tuple(word for word, count in counts if count == 0 and word not in self.empty)

    def _share(self, matches: Sequence[bool]) -> float:
        total = sum(self.weights)
        return (
            sum(weight for weight, match in zip(self.weights, matches, strict=True) if match) / total if total else 0.0
        )


def checked(question: str, longest: int) -> str:
    """Return a question without the space around it.

    Raises InvalidQuestion if it is no text or has more than `longest` characters.
    """
    if not isinstance(question, str):
        what = f"A question is text, not {type(question).__name__}."
        raise InvalidQuestion(what, 'Give it in quotes, such as "When was the bridge opened?".')
    if len(question) > longest:
        raise InvalidQuestion(
            f"The question has {len(question):,} characters, at most {longest:,} are read.",
            "Ask in fewer words, or raise the setting max_question_length.",
        )
    if any("\ud800" <= character <= "\udfff" for character in question):
        raise InvalidQuestion("The question holds half a character (a lone surrogate).", "Type it again.")
    return question.strip()


def checked_all(questions: Sequence[str], longest: int) -> list[str]:
    """Return the questions checked. Raises InvalidQuestion as `checked`, and if they are no list."""
    if isinstance(questions, str | bytes) or not isinstance(questions, Iterable):
        what = f"Several questions are a list, not {type(questions).__name__}."
        raise InvalidQuestion(what, "Give a list of questions, or one question to `ask`.")
    return [checked(question, longest) for question in questions]


def question_terms(question: str, words: "LexicalStore") -> QuestionTerms:
    """Return the content words of a question, each once; if it has none, its function words."""
    written = dict(zip((word.lower() for word in words.words(question)), words.words_as_written(question), strict=True))
    first = next(iter(written.values()), "")
    content = [
        word
        for word, form in written.items()
        if word not in STOPWORDS or (form == "A" and form is not first)  # "grade A", "vitamin A"
    ] or list(written)
    language = words.language_of(question)
    stems = [next(iter(words.terms(word, language)), word) for word in content]
    counts = [words.document_frequency(stem) for stem in stems]
    names = (stem for word, stem in zip(content, stems, strict=True) if _is_name(written[word], written[word] is first))
    return QuestionTerms(
        tuple(written[word] for word in content),
        tuple(stems),
        tuple(inverse_document_frequency(count, len(words)) for count in counts),
        tuple(counts),
        frozenset(names),
        frozenset(written[word] for word in foreign_stopwords(list(written))),
        language,
    )


def _is_name(word: str, opens: bool) -> bool:
    """Tell whether a word is written like a name or a number; the first word has its capital from its position."""
    if opens and word[1:].islower():
        return False
    return word[:1].isdigit() or (word[:1].isupper() and len(word) > 1)


def inverse_document_frequency(count: int, total: int) -> float:
    """Return ln(1 + (total - count + 0.5) / (count + 0.5)), BM25's weight of a word in `count` of `total` rows.

    >>> round(inverse_document_frequency(1, 3), 4)
    0.9808
    """
    return math.log(1.0 + (total - count + 0.5) / (count + 0.5))


def as_read(question: str) -> str:
    """Return the question as it is read: in small letters if it is wholly in capitals, because then none marks a name.

    >>> as_read("WHEN DOES IT OPEN?"), as_read("NATO?")
    ('when does it open?', 'NATO?')
    """
    return question.lower() if question.isupper() and len(question.split()) > 2 else question


def as_question(text: str) -> str:
    """Return a phrase as the question that it stands for, because the reader model learned from questions.

    >>> as_question("cost of a yearly licence"), as_question("Who signs?"), as_question("ferry")
    ('What is the cost of a yearly licence?', 'Who signs?', 'ferry')
    """
    words = text.split()
    asks = _ASKS.search(text) or _OPENS_QUESTION.match(text)
    if (
        len(words) < MIN_PHRASE_WORDS
        or text.endswith(".")
        or asks
        or ":" in text
        or foreign_stopwords([word.lower() for word in words])
    ):
        return text
    article = "" if words[0].lower() in ("the", "a", "an") else "the "
    return f"What is {article}{text.rstrip('?! ')}?"


def after_enumerator(sentence: str) -> int:
    """Return the offset after the number of a sentence's clause or item; 0 if it has none.

    >>> [after_enumerator(text) for text in ("2.1 The price", "2. DEPOSIT.", "2.1 million", "40 percent of it")]
    [4, 3, 0, 0]
    """
    match = ENUMERATOR.match(sentence)
    return match.end() if match else 0


def answer_kind(question: str) -> AnswerKind:
    """Return what kind of thing an English question asks for; `any` if its words do not tell."""
    lowered = question.lower()
    return next((kind for pattern, kind in ANSWER_KINDS if re.search(pattern, lowered)), "any")


def holds_kind(text: str, kind: AnswerKind) -> float:
    """Return 1 if `text` holds something of that kind, -1 if it does not, 0 if any kind will do."""
    if kind == "any":
        return 0.0
    pattern = {"number": NUMBER_PATTERN, "time": TIME_PATTERN, "name": NAME_PATTERN}[kind]
    return 1.0 if pattern.search(text) else -1.0


def lacks_value(question: str, sentence: str) -> bool:
    """Tell whether an English question asks for an amount or a date that an English sentence does not hold.

    >>> lacks_value("How many stars has it?", "See the stars."), lacks_value("How many dogs may I bring?", "No dogs.")
    (True, False)
    """
    if not sentence.isascii() and not re.search("[a-z]{3}", sentence):
        return False
    if _ASKS_AMOUNT.search(question):
        return not (NUMBER_PATTERN.search(sentence) or _AMOUNT.search(sentence))
    if _ASKS_DATE.search(question):
        return not (NUMBER_PATTERN.search(sentence) or TIME_PATTERN.search(sentence) or _PERIOD.search(sentence))
    return False


def question_form(question: str) -> QuestionForm:
    """Return what form an English question has; `keywords` if it only names words.

    >>> [question_form(text) for text in ("Did it rain?", "Which missiles were sold?", "oil exports Baku")]
    ['yes_no', 'list', 'keywords']
    """
    opening = re.sub(r"^\W*((and|but|so|or|then)\b\W*)*", "", question.lower())
    form: QuestionForm | None = next((form for pattern, form in QUESTION_FORMS if re.match(pattern, opening)), None)
    if form is not None:
        return form
    asking = rf"({'|'.join((AUXILIARY_VERBS + ' ' + ASKING + ' ' + COMMANDS).split())})\b"
    return "other" if "?" in question or re.match(asking, opening) else "keywords"


def needs_context(question: str) -> bool:
    """Tell whether a question names nothing that could be looked for, so that only a talk before it could say what.

    Such are `And when was that?`, `What about him?` and `Where was she born?`; not `When was the bridge opened?`. A
    noun that belongs to a pronoun names nothing either: `What is its capital?`.
    """
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", question)
    if not words:
        return False
    lowered = [word.lower().replace("’", "'").removesuffix("'s") for word in words]
    subjects = [
        word
        for i, word in enumerate(words)
        if lowered[i] not in STOPWORDS
        and lowered[i] not in POINTING
        and lowered[i] not in GENERAL
        and not (i and lowered[i - 1] in ("his", "its", "their"))
    ]
    names = [word for word in words[1:] if word[0].isupper() and word != "I" and not question.isupper()]
    if subjects or names:
        return False
    points = any(word in POINTING for word in lowered) or bool(FOLLOWING.match(question))
    return points or all(word in STOPWORDS for word in lowered)
