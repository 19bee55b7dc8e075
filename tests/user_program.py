"""A program of a user, with types: `make types` checks it, and finds the three mistakes that are planted at its end.

An `ignore` that mypy does not need is an error too, so that each mistake is known to be found.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag import Answer, Assistant, AsyncAssistant, Index, IndexReport, Response, Settings


@dataclass(frozen=True)
class Finding:
    """An answer as this program keeps it."""

    question: str
    quote: str
    place: str
    confidence: float


def build(folder: Path, target: Path) -> IndexReport:
    """Index a folder and return the report."""
    with Index.build(folder, target, Settings(top_k=3)) as index:
        return index.report


def finding(question: str, answer: Answer) -> Finding:
    """Return an answer with its place."""
    citation = answer.citation
    place = f"{citation.source.title or citation.span.document_id}, {citation.place.label()}"
    return Finding(question, answer.answer, place, answer.confidence)


def findings(responses: Iterable[Response]) -> list[Finding]:
    """Return the best answer of each response that has one."""
    return [finding(response.question, response.answers[0]) for response in responses if response.answers]


def reasons(responses: Iterable[Response]) -> dict[str, str]:
    """Return why the other questions have no answer."""
    return {response.question: response.no_answer.message for response in responses if response.no_answer is not None}


async def asked(index: Path, questions: Sequence[str]) -> list[Response]:
    """Ask all questions at once."""
    async with await AsyncAssistant.open(index) as assistant:
        return list(await asyncio.gather(*(assistant.ask(question, top_k=1) for question in questions)))


def exact(index: Path, responses: Iterable[Response]) -> bool:
    """Tell whether every quotation still stands where it stood."""
    with Assistant.open(index) as assistant:
        return all(recheck.status == "exact" for response in responses for recheck in assistant.verify(response))


def mistakes(assistant: Assistant, response: Response) -> None:
    """Hold a name that there is not, an argument of another type, and a value that may be None."""
    repr(response.answers[0].quote)  # type: ignore[attr-defined]
    assistant.ask("Who?", top_k="3")  # type: ignore[arg-type]
    repr(response.no_answer.message)  # type: ignore[union-attr]
