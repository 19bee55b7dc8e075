"""Defines the command `rag`: `ask`, `search`, `verify`, `config`, `serve`, and the commands of the other modules here.

Modules are imported inside the commands, so that `rag --help` answers at once. Every error that a user can correct is
one line on standard error, with its remedy, and exit status 2.
"""

import json
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag import __version__
from rag.cli.commands.batch_command import batch_command
from rag.cli.commands.collection_commands import (
    RightsOption,
    named_indexes,
    require_no_proxy_users,
    serve_named,
    users,
)
from rag.cli.commands.crawl_command import crawl_command
from rag.cli.commands.document_commands import documents
from rag.cli.commands.evaluation_commands import calibrate_command, eval_command
from rag.cli.commands.evidence_commands import evidence
from rag.cli.commands.index_commands import check, export_command, import_command, index_command
from rag.cli.commands.proof_command import proof_command
from rag.cli.commands.server_commands import mcp_command, tokens
from rag.cli.commands.standing_commands import standing
from rag.cli.options import (
    DEFAULT_INDEX,
    FilterOption,
    IndexOption,
    JsonOption,
    SetOption,
    TopOption,
    open_assistant,
    open_index,
    question_text,
)
from rag.cli.saved_responses import saved_responses
from rag.cli.terminal import show_quote, show_rechecks
from rag.core.configuration import KEYS, SECRET, changes_of, configured, load_configuration
from rag.core.errors import InvalidInput, InvalidQuestion, RagError
from rag.core.text.plain_text import printable
from rag.index.filters import from_pairs
from rag.server.api import attach_service

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help would double the time of `rag --help`
)
app.add_typer(documents, name="documents")
app.command("batch")(configured(batch_command))
app.command("index")(configured(index_command))
app.command("crawl")(configured(crawl_command))
app.command("check")(check)
app.command("export")(export_command)
app.command("import")(import_command)
app.command("eval")(configured(eval_command))
app.command("calibrate")(configured(calibrate_command))
app.add_typer(evidence, name="evidence")
app.add_typer(standing, name="standing")
app.command("proof")(configured(proof_command))
app.add_typer(tokens, name="token")
app.add_typer(users, name="user")
app.command("mcp")(configured(mcp_command))

CONFIG_HELP = "File of settings; default: $PINCITE_CONFIG, then pincite.toml in this folder or in one above it."
QUIET_ANSWERS_HELP = "Print the quotations alone, one a line, and nothing if there is no answer."
EXIT_STATUS_HELP = "Exit with status 1 if there is no answer."
INDEXES_HELP = "Folder of the index, or NAME=FOLDER; those with names are collections, each with its rights."
PROXY_USER_HELP = "Header in which the proxy names the user who logged in there, such as X-Forwarded-User."
PUBLIC_HOST_HELP = "Host names under which the proxy is reached; with them, requests under other names are refused."
READONLY_HELP = "Visitors may ask but change nothing."
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""The error for a mistake in the command line; typer exports only the kinds of it."""
SERVER_HELP = "If `rag serve` runs over this index, let it answer: no model is loaded again."
VERSION_HELP = "Print the version."
FORMAT_HELP = "json, markdown, bibtex, csl, annotation or evidence (the JSON with today's date)."


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"pincite {__version__}")
        raise typer.Exit


@app.callback()
def everything(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help=VERSION_HELP)
    ] = False,
    config: Annotated[Path | None, typer.Option("--config", help=CONFIG_HELP)] = None,
) -> None:
    """Answer questions over your own articles with quotations and nothing else."""
    context.obj = configuration = load_configuration(config)
    index = {} if configuration.index is None else {"index": configuration.index}
    context.default_map = _defaults(context.command, {**configuration.options(), **index})


@app.command()
@configured
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes; - reads it from standard input.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option(help="Print the response as Markdown.")] = False,
    bibtex: Annotated[bool, typer.Option(help="Print BibTeX entries of the answers.")] = False,
    top_k: TopOption = None,
    form: Annotated[str | None, typer.Option("--format", help=FORMAT_HELP)] = None,
    min_confidence: Annotated[float | None, typer.Option(help="Hide answers below this probability.")] = None,
    min_precision: Annotated[float | None, typer.Option(help="Required share of right answers, such as 0.95.")] = None,
    explain: Annotated[bool, typer.Option(help="Add the results of each stage to the JSON.")] = False,
    filters: FilterOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help=QUIET_ANSWERS_HELP)] = False,
    exit_status: Annotated[bool, typer.Option("--exit-status", "-e", help=EXIT_STATUS_HELP)] = False,
    server: Annotated[bool, typer.Option(help=SERVER_HELP)] = True,
    settings: SetOption = None,
) -> None:
    """Answer one question with quotations, or say why no answer is shown."""
    question = question_text(question)
    if not question.strip():
        raise InvalidQuestion("The question is empty.", "Give one in quotes: rag ask 'Who …?'")
    from rag.core.presentation.export import one_form, require_form
    from rag.server.local_socket import ShellQuestion, asked_of_server

    if quiet and (form or as_json or markdown or bibtex or explain):
        raise InvalidInput("--quiet and a form are given.", "Give one of them.")
    form = one_form(form, {"json": as_json, "markdown": markdown, "bibtex": bibtex}) or ("json" if explain else None)
    require_form(form)
    request = ShellQuestion(question, top_k, filters, min_confidence, min_precision, explain, form, settings, quiet)
    output = asked_of_server(index, request) if server else None
    output = output or request.output(open_assistant(index, settings))
    if output.printed or not quiet:
        typer.echo(output.printed)
    if exit_status and not output.answered:
        raise typer.Exit(1)


@app.command()
@configured
def search(
    query: Annotated[str, typer.Argument(help="Words or a question, in quotes; - reads them from standard input.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
    top_k: TopOption = None,
    filters: FilterOption = None,
    settings: SetOption = None,
) -> None:
    """Find passages; Pincite does not claim that they answer the question."""
    query = question_text(query)
    if not query.strip():
        raise InvalidQuestion("The query is empty.", "Give words in quotes: rag search 'drones'")
    assistant, conditions = open_assistant(index, settings), from_pairs(filters or ())
    hits = assistant.search(query, top_k, conditions)
    if as_json:
        typer.echo(json.dumps([hit.to_dict() for hit in hits], ensure_ascii=False, indent=2))
        return
    for hit in hits:
        show_quote(hit, f"score {hit.score:.2f}")
    if not hits:
        typer.echo(_no_passages(assistant, conditions))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="JSON of one response, a list of them, or one a line.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
) -> None:
    """Re-check saved citations: exact, moved, changed or gone; exit status 1 if one is changed or gone."""
    from rag.answering.assistant import Assistant
    from rag.answering.recheck import with_files

    assistant = Assistant.open(index)
    rechecks = [recheck for response in saved_responses(file) for recheck in assistant.verify(response)]
    rechecks = with_files(rechecks, assistant.index.store)
    if as_json:
        typer.echo(json.dumps([recheck.to_dict() for recheck in rechecks], ensure_ascii=False, indent=2))
    else:
        show_rechecks(rechecks)
    if any(recheck.status in ("changed", "gone") for recheck in rechecks):
        raise typer.Exit(1)


@app.command("config")
def show_configuration(context: typer.Context) -> None:
    """List every setting that differs from its default, with its source."""
    values = context.obj.values
    for key in (key for key in KEYS if key in values):
        value = "•••" if key == SECRET else printable(str(values[key].value))
        typer.echo(f"{key}\t{value}\t{values[key].origin}")
    typer.echo("All other settings have their defaults." if values else "Everything has its default.", err=True)


@app.command()
@configured
def serve(
    index: Annotated[list[str] | None, typer.Option(help=INDEXES_HELP)] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 7860,
    auth: Annotated[str | None, typer.Option(help="name:password that visitors must give.")] = None,
    readonly: Annotated[bool, typer.Option("--readonly/--no-readonly", help=READONLY_HELP)] = False,
    rate_limit: Annotated[int, typer.Option(help="Questions a minute for one visitor.")] = 120,
    upload_limit: Annotated[int, typer.Option(help="Largest upload, in megabytes.")] = 50,
    upload_space: Annotated[int, typer.Option(help="Megabytes that all uploads together may take.")] = 10_000,
    proxy: Annotated[str, typer.Option(help="Address of the reverse proxy whose X-Forwarded-For is believed.")] = "",
    trust_proxy_user: Annotated[str, typer.Option(help=PROXY_USER_HELP)] = "",
    public_host: Annotated[str, typer.Option(help=PUBLIC_HOST_HELP)] = "",
    rights: RightsOption = None,
    settings: SetOption = None,
) -> None:
    """Serve the page, REST and MCP, on this machine only unless --host says otherwise."""
    from rag.server.local_socket import also_answering
    from rag.server.page import Options, name_and_password
    from rag.server.page import serve as serve_page

    login = name_and_password(auth) if auth else None
    limits = (rate_limit, upload_limit, upload_space)
    options = Options(host, port, login, readonly, *limits, proxy, trust_proxy_user, public_host)
    indexes = named_indexes(index)
    if "" not in indexes:
        serve_named(indexes, settings, options, rights)
        return
    require_no_proxy_users(options, rights)
    folder = indexes[""]
    new_settings = open_index(folder).settings.updated(changes_of(settings))
    serve_page(folder, new_settings, options, also_answering(folder, attach_service(folder)))


def main() -> None:
    """Run the command line; print a user's mistakes without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # Quotations hold any character, and other programs read the piped JSON and Markdown: UTF-8 everywhere.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        sys.exit(app(prog_name="rag", standalone_mode=False))
    except RagError as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(2)
    except USAGE_ERROR as error:
        _show_usage_error(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _show_usage_error(error: Any) -> None:
    """Print one line for a mistake in the command line; `rag` alone prints the help."""
    message = str(error.format_message())
    if "\n" in message:
        error.show()
        return
    command = error.ctx.command_path if error.ctx else "rag"
    typer.echo(f"error: {printable(message).rstrip('.')}. See {command} --help.", err=True)


def _defaults(command: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return the configured values as typer's `default_map`: one mapping for each command."""
    own = {
        parameter.name: [str(values[parameter.name])] if parameter.multiple else values[parameter.name]
        for parameter in command.params
        if parameter.name in values
    }
    return own | {name: _defaults(child, values) for name, child in getattr(command, "commands", {}).items()}


def _no_passages(assistant: "Assistant", conditions: dict[str, Any] | None) -> str:
    rows = assistant.index.selection(conditions).rows
    if rows is None or len(rows):
        return "No passages."
    return "No passages: the filter leaves no document to search. See `rag documents facets KEY`."


if __name__ == "__main__":
    main()
