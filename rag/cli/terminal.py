"""Prints quotations, rechecks, reports and progress; control characters of documents are escaped."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rag.core.addresses import shown_location
from rag.core.reports import document_facts, duration, first_few
from rag.core.text.plain_text import printable, quote_lines, where

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.answering.recheck import Recheck
    from rag.core.reports import IndexReport, Progress
    from rag.core.response import Answer

SECONDS_BETWEEN_LINES = 5


def show_quote(answer: "Answer", verdict: str) -> None:
    """Print a quotation, its sentence, its place, and a verdict such as its score."""
    for line in quote_lines(answer, verdict):
        typer.echo(line)


def show_rechecks(rechecks: "Sequence[Recheck]") -> None:
    """Print the status of each saved citation, its place now and the words that changed, then the counts."""
    for item in rechecks:
        now = "" if item.place is None else where(item.place)
        typer.echo(f"{item.status}\t{printable(item.document_id)}\t{now}\t{printable(item.quote)[:80]}")
        if item.diff is not None:
            typer.echo(f"\tnow: {printable(item.diff)}")
    stale = sorted({item.source_file for item in rechecks if item.source_file and item.source_file[1] != "as_indexed"})
    if stale:
        files = first_names([f"{path} ({state})" for path, state in stale])
        typer.echo(f"Files no longer as indexed: {files}. Bring the index up to date: rag index FOLDER --sync")
    counts = Counter(item.status for item in rechecks)
    summary = ", ".join(f"{counts[status]} {status}" for status in ("exact", "moved", "changed", "gone"))
    typer.echo(f"{len(rechecks)} citations checked: {summary}.")


def show_report(report: "IndexReport", index: Path, quiet: bool = False) -> None:
    """Print a line for each document that changed and each source that failed, then the counts.

    If `quiet`, print only the sources that failed.
    """
    if not quiet:
        _show_changes(report)
    for source, reason in report.failed:
        typer.echo(f"failed\t{printable(source)}\t{printable(reason)}", err=True)
    if quiet:
        return
    for note in report.notes:
        typer.echo(f"note\t{printable(note)}", err=True)
    counts = [
        f"{len(getattr(report, change))} {change}" for change in ("added", "updated", "unchanged", "removed", "failed")
    ]
    typer.echo(f"{shown_location(index)}: {', '.join(counts)}.")


def _show_changes(report: "IndexReport") -> None:
    descriptions = {summary.id: f"\t{printable(document_facts(summary))}" for summary in report.documents}
    for change in ("added", "updated", "removed"):
        for document_id in getattr(report, change):
            typer.echo(f"{change}\t{printable(document_id)}{descriptions.get(document_id, '')}")
    for document_id, others in report.duplicates:
        typer.echo(f"duplicate\t{printable(document_id)}\tsame text as {first_names(others)}")
    for document_id, others in report.near_duplicates:
        typer.echo(f"near-duplicate\t{printable(document_id)}\tmuch like {first_names(others)}")


def first_names(others: "Sequence[str]") -> str:
    """Return the first three names and the number of the others."""
    return printable(first_few(others))


class ProgressBar:
    """Shows progress on standard error: a bar on a terminal, else a line every few seconds; if `quiet`, nothing."""

    def __init__(self, quiet: bool = False) -> None:
        """Show nothing yet."""
        self._quiet = quiet

    def __enter__(self) -> "Callable[[Progress], None]":
        """Show a bar without an end."""
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
        self._bar = Bar(*columns, console=console, transient=True, disable=self._quiet or not console.is_terminal)
        self._bar.__enter__()
        self._task = self._bar.add_task("loading model", total=None)
        self._printed_at = 0.0
        return self._tell

    def __exit__(self, *problem: object) -> None:
        """Remove the bar."""
        self._bar.__exit__(None, None, None)

    def _tell(self, progress: "Progress") -> None:
        self._bar.update(
            self._task,
            description=_documents(progress),
            completed=progress.done,
            total=progress.total or None,
        )
        if self._bar.disable and not self._quiet and progress.seconds - self._printed_at > SECONDS_BETWEEN_LINES:
            self._printed_at = progress.seconds
            remaining = f", about {duration(progress.seconds_left)} left" if progress.seconds_left else ""
            typer.echo(f"{_documents(progress)}{remaining}", err=True)


def _documents(progress: "Progress") -> str:
    return f"{progress.documents} document" + ("" if progress.documents == 1 else "s")
