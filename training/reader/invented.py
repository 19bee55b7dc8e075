"""Invents questions about passages: a statement loses a part, and rules turn it round until it asks for that part.

The rules know dates, amounts and names, and the order of words after an auxiliary or a simple past; about half of
the questions are sound, by eye. Where they cannot turn a statement, the question word stands where the answer stood.
"""

import random
import re
from collections.abc import Iterator

from training.reader.sources import Asked, Passage, Source, sentence_ranges

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DATE = rf"(?:\d{{1,2}} )?(?:{MONTHS})(?: \d{{1,2}})?(?:,? \d{{4}})?|1\d{{3}}(?!\d)|20[0-2]\d(?!\d)"
MONEY = r"[$£€] ?\d[\d.,]*(?: (?:million|billion|trillion))?"
AMOUNT = (
    r"(?:\d[\d.,]*\d|\d|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|fifty|hundreds|thousands)"
    r"(?= (?!million|billion|percent)[a-z]{3})"
)
NAME = r"(?:[A-Z][\w'’-]+|[A-Z]\.)(?:(?:,? | of (?:the )?| de | van | von )(?:[A-Z]\.(?= [A-Z])|[A-Z][\w'’-]+))*"
ANSWER = re.compile(
    rf"(?<![\w.,$£€-])(?:(?P<date>{DATE})|(?P<money>{MONEY})|(?P<amount>{AMOUNT})|(?P<name>{NAME}))(?![\w–-])"
)
NO_NAME = frozenset(
    "The A An In On At It He She They This These That There Its His Her As By For From And But I We After Before When"
    " While Although Since During Also However One Some Many Most Other Their Because If Such".split()
)
CLAUSE_END = re.compile(
    r"[;:()\"]|, (?:which|who|where|when|while|and|but|although|because|so|with|including)\b| [–—] "
)
ADVERBIAL = re.compile(r"(?P<word>In|On|At|During|From|By|Since|After|Before|As|For|Until) (?P<what>[^,]{1,50}), ")
PRONOUN = re.compile(r"(?:(?P<own>His|Her|Its|Their)|He|She|It|They) ")
PLACED = re.compile(r"\b(?:in|at|near|from)(?: the)? \0", re.IGNORECASE)
AUXILIARY = "is|was|are|were|has|had|have|can|could|will|would|may|might|must|should"
IRREGULAR = dict(
    pair.split(":")
    for pair in (
        "became:become began:begin built:build came:come chose:choose drew:draw fell:fall felt:feel fought:fight"
        " found:find gave:give grew:grow held:hold kept:keep knew:know led:lead left:leave lost:lose made:make met:meet"
        " ran:run rose:rise said:say saw:see sold:sell sent:send sang:sing spent:spend stood:stand taught:teach"
        " told:tell took:take went:go won:win wrote:write"
    ).split()
)
PAST = rf"[a-z]{{3,}}ed|{'|'.join(IRREGULAR)}"
SUBJECT = r"(?P<subject>(?:(?!who |that |which |is |was |are |were |has |had )[^\0, ]+ ){0,6}?[^\0, ]+)"
WITH_AUXILIARY = re.compile(rf"{SUBJECT} (?P<verb>{AUXILIARY}) (?P<rest>.*\0.*)", re.DOTALL)
SIMPLE_PAST = re.compile(rf"{SUBJECT} (?P<verb>{PAST}) (?P<rest>(?!by\b).*\0.*)", re.DOTALL)
AFTER_NAME = re.compile(
    rf" (?:{AUXILIARY}|{PAST}|in|on|at|by|to|for|and|or|from|as|with|of|during)\b|(?! [a-z])", re.DOTALL
)
"""What follows a name that stands for itself: `Nobel` in `the Nobel prize` does not."""
PEOPLE = re.compile(r"\b(?:he|she|his|her|him|who|born)\b", re.IGNORECASE)
DONE_BY_PEOPLE = re.compile(r"\0 (?:and \w+ )?(?:wrote|said|played|directed|served|led|married|won|scored|sang)\b")
HOLE = "\0"
"""Stands for the answer while a statement is turned."""
ASKED_ABOUT = 0.5
"""Share of the sentences with something to ask for."""
FEWEST_WORDS, MOST_WORDS = 5, 21


def invented(passage: Passage, source: Source, chance: random.Random) -> Iterator[Asked]:
    """Yield questions that a passage answers, one at most for each sentence."""
    for start, end in sentence_ranges(passage.text):
        found = [match for match in ANSWER.finditer(passage.text, start, end) if _can_be_asked(match, passage, start)]
        if found and chance.random() < ASKED_ABOUT:
            answer = chance.choice(found)
            statement, asked = _statement(passage, (start, end), answer)
            question = turned(statement, asked, chance) if re.match(r"[A-Z\d\0]", statement) else ""
            if FEWEST_WORDS <= len(question.split()) <= MOST_WORDS:
                yield Asked(question, passage, (answer.span(),), source, frozenset((passage.id,)))


def turned(statement: str, asked: str, chance: random.Random) -> str:
    r"""Return the question for the hole in a statement; `asked` are the words for what is missing.

    >>> turned("The mall was opened by Sony in \0", "when", random.Random(0))
    'When was the mall opened by Sony?'
    >>> turned("Ashlee wrote it with \0", "who", random.Random(0))
    'Who did Ashlee write it with?'
    """
    before = ADVERBIAL.match(statement)
    if before and HOLE in before["what"]:
        statement = f"{statement[before.end() :]} {before['word'].lower()} {before['what']}"
    elif before and chance.random() < 0.5:
        statement = statement[before.end() :]
    statement = re.sub(rf"(?:^The|\bthe) {HOLE}", HOLE, statement)
    if asked.startswith(("what year", "when", "where")):
        statement = re.sub(rf"\b(?:in|on|at|near|since|from|during|of) {HOLE}", HOLE, statement)
    question = _inverted(statement, asked) or statement.replace(HOLE, asked)
    words = re.sub(r"\s+(?=[\s,])", "", question).strip(" .,!?")
    return f"{words[:1].upper()}{words[1:]}?"


def _inverted(statement: str, asked: str) -> str:
    """Return the question with its verb before its subject, nothing where the statement has no such order."""
    found = WITH_AUXILIARY.match(statement)
    if found:
        return f"{asked} {found['verb']} {_low(found['subject'])} {found['rest'].replace(HOLE, '')}"
    found = SIMPLE_PAST.match(statement)
    if found:
        return f"{asked} did {_low(found['subject'])} {_base(found['verb'])} {found['rest'].replace(HOLE, '')}"
    return ""


def _statement(passage: Passage, sentence: tuple[int, int], answer: re.Match[str]) -> tuple[str, str]:
    """Return the clause that holds the answer, with a hole in its place, and the words that ask for it."""
    text, (start, end) = passage.text, sentence
    for border in CLAUSE_END.finditer(text, start, end):
        if border.end() <= answer.start():
            start = border.end()
        elif border.start() >= answer.end():
            end = border.start()
            break
    before, after = text[start : answer.start()].lstrip(), text[answer.end() : end].rstrip(" .")
    pronoun = PRONOUN.match(before)
    if pronoun and passage.title:
        before = f"{passage.title}{'’s' if pronoun['own'] else ''} {before[pronoun.end() :]}"
    counted = re.match(r" (?:[a-z]+ly )?[a-z]+", after) if answer["amount"] else None
    if counted:
        return f"{before}{HOLE}{after[counted.end() :]}", f"how many{counted.group()}"
    statement = f"{before}{HOLE}{after}"
    return statement, _asked(answer, statement, passage)


def _asked(answer: re.Match[str], statement: str, passage: Passage) -> str:
    if answer["amount"] or answer["money"]:
        return "how much"
    if answer["date"]:
        return "when" if not answer.group().isdigit() or f"in {HOLE}" in statement.lower() else "what year"
    if PLACED.search(statement):
        return "where"
    by_someone = f"by {HOLE}" in statement and " " in answer.group()
    about_someone = answer.group() in passage.title and PEOPLE.search(passage.text)
    return "who" if by_someone or about_someone or DONE_BY_PEOPLE.search(statement) else "what"


def _can_be_asked(match: re.Match[str], passage: Passage, start: int) -> bool:
    """Tell whether what was found is no part of a longer expression and no common word that starts a sentence."""
    found, text = match.group(), passage.text
    if match["name"] is None:
        return True
    if found.split()[0] in NO_NAME or found.isupper() or found.endswith(("'s", "’s")):
        return False
    if match.start() == start and " " not in found:
        return found in passage.title or bool(re.search(rf"[a-z,] {re.escape(found)}\b", text))
    return match.start() == start or bool(AFTER_NAME.match(text, match.end()))


def _low(subject: str) -> str:
    return subject[0].lower() + subject[1:] if subject.split(" ")[0] in NO_NAME else subject


def _base(verb: str) -> str:
    """Return a verb's base form, of a regular one what is likely.

    >>> [_base(verb) for verb in ("wrote", "moved", "planned", "carried", "started")]
    ['write', 'move', 'plan', 'carry', 'start']
    """
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    stem = verb.removesuffix("ed")
    if stem.endswith("i"):
        return f"{stem[:-1]}y"
    if stem[-1:] == stem[-2:-1] and stem[-1] not in "sl":
        return stem[:-1]
    return f"{stem}e" if re.search(r"[vczsgu]$|[^aeiou][iao][tdrkn]$|[aeiou][aeiou]s$|at$|[^e]lud$", stem) else stem
