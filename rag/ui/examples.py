"""Finds questions to start with, in the words of the documents: each has been asked and is answered."""

from collections.abc import Iterable, Iterator

from rag.types import Chunk
from rag.ui.markup import one_line
from rag.ui.shared import SharedAssistant

READ = 200
"""Chunks whose titles and headings are looked at."""
TRIED = 12
SHOWN = 4
LENGTHS = range(4, 101)
"""Characters of a title or heading that can stand on a button."""


def examples(assistant: SharedAssistant) -> Iterator[str]:
    """Yield questions that the documents answer, at most `SHOWN`: their titles and headings, and nothing made up."""
    found = 0
    for candidate in candidates(assistant.first_chunks(READ))[:TRIED]:
        answers = assistant.ask(candidate).answers
        if answers and one_line(answers[0].answer) != candidate:
            yield candidate
            found += 1
            if found == SHOWN:
                return


def candidates(chunks: Iterable[Chunk]) -> list[str]:
    """Return titles and headings, each once, those that are questions first, otherwise in order of place."""
    lines = [one_line(line) for chunk in chunks for line in (chunk.title or "", *chunk.headings)]
    fitting = [line for line in dict.fromkeys(lines) if len(line) in LENGTHS]
    titles = {one_line(chunk.title or "") for chunk in chunks}
    return sorted(fitting, key=lambda line: (not line.endswith("?"), line in titles))
