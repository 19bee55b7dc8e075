"""Prints to a terminal: answers, the report of a write, and its progress. Nothing in a document drives it."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rag.reports import duration, first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.recheck import Recheck
    from rag.reports import IndexReport, Progress
    from rag.response import Answer, Place, Response

SECONDS_BETWEEN_LINES = 5
HARMLESS = frozenset("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060")
"""Format characters that scripts and emoji need and that cannot reorder what stands around them."""


def printable(text: str) -> str:
    """Return the text in one line, with U+FFFD for what could drive a terminal or reorder its line."""
    line = " ".join(text.split())
    return "".join(sign if sign.isprintable() or sign in HARMLESS else "\ufffd" for sign in line)


def response_lines(response: "Response") -> "Iterator[str]":
    """Give the lines of the quotations, or of why there is none and what is closest."""
    refusal = response.no_answer
    if refusal is None:
        for answer in response.answers:
            yield from quote_lines(
                answer, f"{answer.confidence_level.replace('_', ' ')} confidence, {answer.confidence:.2f}"
            )
        if response.agreement["differ"]:
            groups = (" and ".join(f"[{rank}]" for rank in group) for group in response.agreement["groups"])
            yield f"The sources differ: {' against '.join(groups)}."
        if response.withheld_note:
            yield response.withheld_note
        return
    yield f"No answer: {refusal.message}"
    if refusal.missing_terms:
        yield f"In no document: {', '.join(map(printable, refusal.missing_terms))}"
    if refusal.closest:
        yield "Closest passages, which are not answers:"
    for answer in refusal.closest:
        yield from quote_lines(answer, f"confidence {answer.confidence:.2f}")


def show_quote(answer: "Answer", judged: str) -> None:
    """Print a quotation, the sentence it stands in, its place, and what is judged of it."""
    for line in quote_lines(answer, judged):
        typer.echo(line)


def quote_lines(answer: "Answer", judged: str) -> "Iterator[str]":
    """Give the lines of a quotation: the words, the sentence it stands in, its place, and what is judged of it."""
    citation = answer.citation
    title = printable(citation.source.title or citation.span.document_id)
    yield f"[{answer.rank}] “{printable(answer.answer)}”"
    if answer.answer_type == "span":
        yield f"    in: “{printable(answer.context)}”"
    yield f"    {title}, {where(citation.place)} ({printable(citation.span.document_id)}) — {judged}"
    for other in answer.also_in:
        yield f"    also in {printable(other.span.document_id)}, {where(other.place)}"
    if answer.continues is not None:
        yield f"    the source goes on: “{printable(answer.continues[1])}”"


def where(place: "Place") -> str:
    """Return the place in one line, in the units of its source."""
    from rag.citation import place_words

    return printable(place_words(place))


def show_rechecks(found: "Sequence[Recheck]") -> None:
    """Print what became of each saved citation, with its place now and the words that changed, then the counts."""
    for item in found:
        now = "" if item.place is None else where(item.place)
        typer.echo(f"{item.status}\t{printable(item.document_id)}\t{now}\t{printable(item.quote)[:80]}")
        if item.diff is not None:
            typer.echo(f"\tnow: {printable(item.diff)}")
    stale = sorted({item.source_file for item in found if item.source_file and item.source_file[1] != "as_indexed"})
    if stale:
        files = named([f"{path} ({state})" for path, state in stale])
        typer.echo(f"Files no longer as indexed: {files}. Bring the index up to date: rag index FOLDER --sync")
    counts = Counter(item.status for item in found)
    told = ", ".join(f"{counts[status]} {status}" for status in ("exact", "moved", "changed", "gone"))
    typer.echo(f"{len(found)} citations checked: {told}.")


def show_report(report: "IndexReport", index: Path) -> None:
    """Print a line for each document that changed and each source that failed, then the counts."""
    for change in ("added", "updated", "removed"):
        for document_id in getattr(report, change):
            typer.echo(f"{change}\t{printable(document_id)}")
    for document_id, others in report.duplicates:
        typer.echo(f"duplicate\t{printable(document_id)}\tsame text as {named(others)}")
    for document_id, others in report.near_duplicates:
        typer.echo(f"near-duplicate\t{printable(document_id)}\tmuch like {named(others)}")
    for source, reason in report.failed:
        typer.echo(f"failed\t{printable(source)}\t{printable(reason)}", err=True)
    for note in report.notes:
        typer.echo(f"note\t{printable(note)}", err=True)
    counts = [
        f"{len(getattr(report, change))} {change}" for change in ("added", "updated", "unchanged", "removed", "failed")
    ]
    typer.echo(f"{index}: {', '.join(counts)}.")


def named(others: "Sequence[str]") -> str:
    """Return the first three names, and how many more there are."""
    return printable(first_few(others))


class ProgressBar:
    """A bar on a terminal, a line every few seconds elsewhere; both on standard error."""

    def __enter__(self) -> "Callable[[Progress], None]":
        """Show a bar that knows no end yet."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
        )
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._bar.__enter__()
        self._task = self._bar.add_task("loading model", total=None)
        self._said = 0.0
        return self._tell

    def __exit__(self, *problem: object) -> None:
        """Take the bar away."""
        self._bar.__exit__(None, None, None)

    def _tell(self, progress: "Progress") -> None:
        self._bar.update(
            self._task,
            description=_documents(progress),
            completed=progress.done,
            total=progress.total or None,
        )
        if self._bar.disable and progress.seconds - self._said > SECONDS_BETWEEN_LINES:
            self._said = progress.seconds
            left = f", about {duration(progress.seconds_left)} left" if progress.seconds_left else ""
            typer.echo(f"{_documents(progress)}{left}", err=True)


def _documents(progress: "Progress") -> str:
    return f"{progress.documents} document" + ("" if progress.documents == 1 else "s")
