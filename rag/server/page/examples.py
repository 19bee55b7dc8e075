"""Finds questions to start with, in the words of the documents: each has been asked and is answered."""

from collections.abc import Iterator, Sequence

from rag.core.types import Chunk
from rag.server.page.html.markup import one_line
from rag.server.page.sentence_questions import question_of
from rag.server.shared_assistant import SharedAssistant

READ = 200
"""Chunks whose titles, headings and sentences are looked at."""
TRIED = 12
SHOWN = 4
LENGTHS = range(4, 101)
"""Characters of a title or heading that can stand on a button."""


def examples(assistant: SharedAssistant) -> Iterator[str]:
    """Yield questions that the documents answer, at most `SHOWN`.

    They are titles and headings, and what a sentence answers, if it is what is answered.
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

    First those of the documents' own words, then those made of sentences, then headings and titles, in order of place.
    """
    titles = {one_line(chunk.title or "") for chunk in chunks}
    sentences_by_question: dict[str, str] = {}
    for chunk in chunks:
        lines = [one_line(line) for line in (chunk.title or "", *chunk.headings)]
        sentences_by_question |= {line: "" for line in lines if len(line) in LENGTHS}
        sentences = [one_line(chunk.text[start:end]) for start, end in chunk.sentences]
        pairs = ((question_of(sentence), sentence) for sentence in sentences)
        sentences_by_question |= {
            question: sentence for question, sentence in pairs if question and len(question) in LENGTHS
        }
    return sorted(
        sentences_by_question.items(), key=lambda item: (not item[0].endswith("?"), item[1] != "", item[0] in titles)
    )
