"""Finds questions to start with, in the words of the documents: each has been asked and is answered."""

import re
from collections.abc import Iterator, Sequence

from rag.core.types import Chunk
from rag.server.page.html.markup import one_line
from rag.server.page.sentence_questions import question_of
from rag.server.shared_assistant import SharedAssistant

READ = 200
"""Chunks whose titles, headings and sentences are looked at."""
TRIED = 12
SHOWN = 3
EXAMPLE_LENGTHS = range(10, 101)
"""Characters of a question that can stand on a button."""
_ASKING = re.compile(
    r"(?:(?:by|in|on|at|for|to|from|with|of|under|since|until) )?(?:who|whom|whose|what|which|when|where|why|how)\b"
    r"|(?:is|are|was|were|do|does|did|can|could|should|will|would|may|must|has|have|had)\b",
    re.IGNORECASE,
)
_LEADER = re.compile(r"\.\s?\.|…")
"""Dots that lead to a page number in a table of contents."""


def examples(assistant: SharedAssistant) -> Iterator[str]:
    """Yield questions that the documents answer, at most `SHOWN`.

    They are questions among the titles and headings, and what a sentence answers, if it is what is answered.
    """
    shown_questions = 0
    for candidate, sentence in candidates(assistant.first_chunks(READ))[:TRIED]:
        answers = assistant.ask(candidate).answers
        if answers and one_line(answers[0].answer) != candidate and sentence in one_line(answers[0].context):
            yield candidate
            shown_questions += 1
            if shown_questions == SHOWN:
                return


def candidates(chunks: Sequence[Chunk]) -> list[tuple[str, str]]:
    """Return questions, each once, with the sentence that is to answer it, empty for titles and headings.

    First those of the documents' own words, then those made of sentences, in order of place.
    """
    sentences_by_question: dict[str, str] = {}
    for chunk in chunks:
        lines = [one_line(line) for line in (chunk.title or "", *chunk.headings)]
        sentences_by_question |= {line: "" for line in lines if is_question(line)}
        sentences = [one_line(chunk.text[start:end]) for start, end in chunk.sentences]
        pairs = ((question_of(sentence), sentence) for sentence in sentences)
        sentences_by_question |= {
            question: sentence for question, sentence in pairs if question and len(question) in EXAMPLE_LENGTHS
        }
    return sorted(sentences_by_question.items(), key=lambda item: item[1] != "")


def is_question(line: str) -> bool:
    """Tell whether a title or heading asks something: no headline, no line of a table of contents.

    >>> is_question("Why do bells ring?"), is_question("Bells"), is_question("2 Why do bells ring? . . 8")
    (True, False, False)
    """
    return (
        len(line) in EXAMPLE_LENGTHS and line.endswith("?") and bool(_ASKING.match(line)) and not _LEADER.search(line)
    )
