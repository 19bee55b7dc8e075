"""Keeps standing questions: `rag standing add`, `list`, `remove`, `check`, `feed` and `webhook`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, FilterOption, IndexOption, JsonOption, SetOption, open_assistant
from rag.core.configuration import configured
from rag.core.errors import InvalidInput
from rag.core.files.durable_files import replace_file
from rag.core.text.plain_text import printable
from rag.index.filters import from_pairs
from rag.index.location import require_folder

if TYPE_CHECKING:
    from rag.standing.questions import StandingQuestions, StandingReport
    from rag.standing.records import StandingQuestion
    from rag.standing.standing_file import StandingState

FEED_HELP = "Write the Atom feed of all alarms to this file."
HISTORY_HELP = "Also print what happened to each answer."
REMOVE_HELP = "Tell this address no more."
WEBHOOK_HELP = "An https address, or an http one on this machine; without it, list the allowed ones."

standing = typer.Typer(no_args_is_help=True, help="Keep asking questions as documents change.")


@standing.command("add")
@configured
def add_question(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    index: IndexOption = DEFAULT_INDEX,
    filters: FilterOption = None,
    settings: SetOption = None,
) -> None:
    """Ask a question now, and again when a change of the documents can touch its answer."""
    new = _opened(index, settings).add(question, from_pairs(filters or ()))
    _show(new)


@standing.command("list")
def list_questions(
    index: IndexOption = DEFAULT_INDEX,
    history: Annotated[bool, typer.Option("--history", help=HISTORY_HELP)] = False,
    as_json: JsonOption = False,
) -> None:
    """List the standing questions with their answers at the last check."""
    questions = _state(index).questions
    if as_json:
        typer.echo(json.dumps([item.to_dict() for item in questions], ensure_ascii=False, indent=2))
        return
    for item in questions:
        _show(item, history)
    if not questions:
        typer.echo("No standing questions. Add one: rag standing add 'Who …?'")


@standing.command("remove")
def remove_question(
    question_id: Annotated[str, typer.Argument(help="The id that `rag standing list` shows.")],
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """Remove a standing question and its history."""
    from rag.standing.standing_file import without_question

    without_question(require_folder(index, "rag standing"), question_id)
    typer.echo(f"{printable(question_id)} is removed.")


@standing.command("check")
@configured
def check_questions(
    index: IndexOption = DEFAULT_INDEX,
    feed: Annotated[Path | None, typer.Option("--feed", help=FEED_HELP)] = None,
    as_json: JsonOption = False,
    settings: SetOption = None,
) -> None:
    """Ask what changes can touch; exit status 1 if an answer changed, was withdrawn, is contradicted or is new."""
    from rag.standing.webhook import tell_webhooks

    questions = _opened(index, settings)
    report = questions.check()
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        _show_report(report)
    state = questions.state()
    if feed is not None:
        _write_feed(feed, state)
    for line in tell_webhooks(state.webhooks, report):
        typer.echo(f"error: {printable(line)}", err=True)
    if report.alarms():
        raise typer.Exit(1)


@standing.command("feed")
def write_feed(
    file: Annotated[Path, typer.Argument(help="The file to write, such as standing.atom.")],
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """Write the Atom feed of all alarms to a file."""
    _write_feed(file, _state(index))
    typer.echo(f"{file} is written.")


@standing.command("webhook")
def allow_webhook(
    address: Annotated[str | None, typer.Argument(help=WEBHOOK_HELP)] = None,
    remove: Annotated[bool, typer.Option("--remove", help=REMOVE_HELP)] = False,
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """Allow an address that each check posts its alarms to, or list the allowed ones."""
    from rag.standing.webhook import set_webhook

    if address is not None:
        set_webhook(require_folder(index, "rag standing"), address, not remove)
    for allowed in _state(index).webhooks:
        typer.echo(allowed)


def _opened(index: Path, settings: list[str] | None) -> "StandingQuestions":
    from rag.standing.questions import StandingQuestions

    return StandingQuestions(open_assistant(index, settings))


def _state(index: Path) -> "StandingState":
    from rag.standing.standing_file import read_standing

    return read_standing(require_folder(index, "rag standing"))


def _write_feed(file: Path, state: "StandingState") -> None:
    from rag.standing.feed import atom_feed

    try:
        replace_file(file, atom_feed(state).encode("utf-8"))
    except OSError as error:
        raise InvalidInput(f"Cannot write {file}: {error}.", "Give another file.") from None


def _show(item: "StandingQuestion", history: bool = False) -> None:
    from rag.standing.feed import event_lines

    typer.echo(f"{item.id}\t{printable(item.text)}")
    for quotation in item.answers[:1]:
        typer.echo(f"    “{printable(quotation.sentence)}” ({printable(quotation.document_id)})")
    if not item.answers:
        typer.echo("    no answer")
    for event in item.history if history else ():
        for line in event_lines(event):
            typer.echo(f"    {printable(line)}")


def _show_report(report: "StandingReport") -> None:
    from rag.standing.feed import event_lines

    for item, event in report.events:
        if event.kind != "confirmed":
            typer.echo(printable(item.text))
            for line in event_lines(event):
                typer.echo(f"    {printable(line)}")
    counts = f"{report.questions} standing questions, {report.asked} asked again, {len(report.alarms())} alarms."
    typer.echo(counts)
