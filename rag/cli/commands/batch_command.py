"""Answers a file of questions: `rag batch`."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, FilterOption, IndexOption, SetOption, TopOption, open_assistant
from rag.core.configuration import require_file
from rag.core.errors import InvalidInput
from rag.index.filters import from_pairs

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.core.response import Response

MAX_BATCH_FILE_QUESTIONS = 100_000
QUESTIONS_HELP = "A question a line, or a CSV with a column named question; - reads standard input."
FORM_HELP = "jsonl (one response a line, as it is answered), csv, json, markdown or bibtex."


def batch_command(
    file: Annotated[Path, typer.Argument(help=QUESTIONS_HELP)],
    index: IndexOption = DEFAULT_INDEX,
    form: Annotated[str, typer.Option("--format", help=FORM_HELP)] = "jsonl",
    top_k: TopOption = None,
    filters: FilterOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not count the answers on standard error.")] = False,
    settings: SetOption = None,
) -> None:
    """Answer every question of a file, each once, and print the responses."""
    from rag.server.page.html.batch_views import BATCH_FILES, file_of, questions_in

    if form != "jsonl" and form not in BATCH_FILES:
        raise InvalidInput(f"There is no form {form!r}.", f"Known: jsonl, {', '.join(BATCH_FILES)}.")
    questions = questions_in(_content(file), MAX_BATCH_FILE_QUESTIONS)
    responses = []
    for response in _answered(open_assistant(index, settings), questions, top_k, filters):
        responses.append(response)
        if form == "jsonl":
            typer.echo(json.dumps(response.to_dict(), ensure_ascii=False, allow_nan=False))
    if form != "jsonl":
        typer.echo(file_of(responses, form), nl=False)
    if not quiet:
        answered = sum(response.status == "answered" for response in responses)
        typer.echo(f"{len(responses)} questions, {answered} answered.", err=True)


def _content(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    require_file(file, "Give a file with a question a line.")
    return file.read_bytes()


def _answered(
    assistant: "Assistant", questions: Sequence[str], top_k: int | None, filters: list[str] | None
) -> "Iterator[Response]":
    """Yield the response of each question, in order, as soon as its batch is read."""
    from rag.core.runtime import batches

    conditions = from_pairs(filters or ())
    for batch in batches(questions):
        yield from assistant.ask_many(batch, top_k, filters=conditions)
