"""The shell: `rag ask | search | documents | verify | serve`, and the commands that other rooms bring.

Rooms are imported inside the commands, so that `rag --help` answers at once. Every error that a user can mend is one
line on standard error, with its remedy, and exit status 2.
"""

import json
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag import __version__
from rag.cli.evaluation_commands import calibrate_command, eval_command
from rag.cli.index_commands import (
    DEFAULT_INDEX,
    IndexOption,
    SetOption,
    check,
    export_command,
    import_command,
    index_command,
)
from rag.cli.saved_responses import saved_responses
from rag.cli.server_commands import attach_service, mcp_command, tokens
from rag.cli.terminal import show_quote, show_rechecks
from rag.core.configuration import KEYS, SECRET, changes_of, configured, load
from rag.core.errors import InvalidInput, InvalidQuestion, RagError
from rag.core.plain_text import printable
from rag.index.filters import from_pairs

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.index.index import Index

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help would double the time of `rag --help`
)
documents = typer.Typer(no_args_is_help=True, help="List, count, show or remove documents.")
app.add_typer(documents, name="documents")
app.command("index")(configured(index_command))
app.command("check")(check)
app.command("export")(export_command)
app.command("import")(import_command)
app.command("eval")(configured(eval_command))
app.command("calibrate")(configured(calibrate_command))
app.add_typer(tokens, name="token")
app.command("mcp")(configured(mcp_command))

JsonOption = Annotated[bool, typer.Option("--json", help="Print the response as JSON.")]
FILTER_HELP = "Only documents with key=value, key>=value, key<value …; may be repeated, a key with = for any of them."
FilterOption = Annotated[list[str] | None, typer.Option("--filter", help=FILTER_HELP)]
TopOption = Annotated[int | None, typer.Option("--top-k", help="Answers at most.")]
CONFIG_HELP = "File of settings; else the one that PINCITE_CONFIG names, else pincite.toml of this folder."
READONLY_HELP = "Visitors may ask, and change nothing."
SERVER_HELP = "Let a running `rag serve` of this index answer, where there is one: no model is loaded again."
VERSION_HELP = "Print the version."
FORMAT_HELP = "json, markdown, bibtex, csl, annotation, or evidence: the JSON with the day it was read."


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pincite {__version__}")
        raise typer.Exit


@app.callback()
def everything(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help=VERSION_HELP)] = False,
    config: Annotated[Path | None, typer.Option("--config", help=CONFIG_HELP)] = None,
) -> None:
    """Answer questions over your own articles with quotations and nothing else."""
    context.obj = configuration = load(config)
    index = {} if configuration.index is None else {"index": configuration.index}
    context.default_map = _defaults(context.command, {**configuration.options(), **index})


@app.command()
@configured
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option(help="Print the response as Markdown.")] = False,
    bibtex: Annotated[bool, typer.Option(help="Print BibTeX entries of the answers.")] = False,
    top_k: TopOption = None,
    form: Annotated[str | None, typer.Option("--format", help=FORMAT_HELP)] = None,
    min_confidence: Annotated[float | None, typer.Option(help="Withhold answers below this probability.")] = None,
    min_precision: Annotated[float | None, typer.Option(help="Share of answers to be right, such as 0.95.")] = None,
    explain: Annotated[bool, typer.Option(help="Add what each stage found to the JSON.")] = False,
    filters: FilterOption = None,
    server: Annotated[bool, typer.Option(help=SERVER_HELP)] = True,
    settings: SetOption = None,
) -> None:
    """Answer one question with quotations, or say why there is none."""
    if not question.strip():
        raise InvalidQuestion("The question is empty.", "Give one in quotes: rag ask 'Who …?'")
    from rag.core.export import one_form, require_form
    from rag.server.local_socket import ShellQuestion, asked_of_server

    form = one_form(form, {"json": as_json, "markdown": markdown, "bibtex": bibtex}) or ("json" if explain else None)
    require_form(form)
    asked = ShellQuestion(question, top_k, filters, min_confidence, min_precision, explain, form, settings)
    printed = asked_of_server(index, asked) if server else None
    typer.echo(asked.printed(_assistant(index, settings)) if printed is None else printed)


@app.command()
@configured
def search(
    query: Annotated[str, typer.Argument(help="Words or a question, in quotes.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
    top_k: TopOption = None,
    filters: FilterOption = None,
    settings: SetOption = None,
) -> None:
    """Find passages; none of them claims to be an answer."""
    if not query.strip():
        raise InvalidQuestion("The query is empty.", "Give words in quotes: rag search 'drones'")
    assistant, wanted = _assistant(index, settings), from_pairs(filters or ())
    found = assistant.search(query, top_k, wanted)
    if as_json:
        typer.echo(json.dumps([answer.to_dict() for answer in found], ensure_ascii=False, indent=2))
        return
    for answer in found:
        show_quote(answer, f"score {answer.score:.2f}")
    if not found:
        typer.echo(_nothing_found(assistant, wanted))


@documents.command("list")
def list_documents(index: IndexOption = DEFAULT_INDEX, as_json: JsonOption = False) -> None:
    """List the documents of an index."""
    found = _open(index).documents()
    if as_json:
        typer.echo(json.dumps([vars(summary) for summary in found], ensure_ascii=False, indent=2))
        return
    for summary in found:
        typer.echo(f"{summary.id}\t{summary.chunks} chunks\t{printable(summary.title or '')}")


@documents.command("facets")
def list_facets(
    keys: Annotated[list[str], typer.Argument(help="Keys such as author, language or tags.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
) -> None:
    """Count the documents that have each value of a key, as --filter takes them."""
    found = _open(index).facets(keys)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for key, values in found.items():
        for value, count in values.items():
            typer.echo(f"{key}\t{printable(str(value))}\t{count}")


@documents.command("duplicates")
def list_duplicates(index: IndexOption = DEFAULT_INDEX, as_json: JsonOption = False) -> None:
    """List documents that hold the same text, then those that are much alike, the newest first."""
    opened = _open(index)
    found = {"duplicate": opened.duplicates(), "near-duplicate": opened.near_duplicates()}
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for kind, several in found.items():
        for group in several:
            typer.echo("\t".join((kind, *map(printable, group))))


@documents.command("show")
def show_document(
    document_id: str,
    index: IndexOption = DEFAULT_INDEX,
    masked: Annotated[bool, typer.Option(help="List what is masked instead, with the reasons.")] = False,
) -> None:
    """Print the stored text of a document."""
    opened = _open(index)
    document = opened.document(document_id)
    if document is None:
        raise _no_such_document(document_id, index)
    if not masked:
        typer.echo(document.text, nl=not document.text.endswith("\n"))
        return
    for mask in opened.masks(document_id):
        typer.echo(f"{mask.span.start}-{mask.span.end}\t{mask.reason}\t{printable(document.slice(mask.span))[:100]}")


@documents.command("remove")
def remove_document(document_id: str, index: IndexOption = DEFAULT_INDEX) -> None:
    """Remove a document from the index."""
    if not _open(index).remove(document_id).removed:
        raise _no_such_document(document_id, index)
    typer.echo(f"Removed {document_id}.")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="JSON of one response, of a list, or one a line.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
) -> None:
    """Re-check saved citations: exact, moved, changed or gone; exit status 1 where one is changed or gone."""
    from rag.answering.assistant import Assistant
    from rag.answering.recheck import with_files

    assistant = Assistant.open(index)
    found = [item for saved in saved_responses(file) for item in assistant.verify(saved)]
    found = with_files(found, assistant.index.store)
    if as_json:
        typer.echo(json.dumps([item.to_dict() for item in found], ensure_ascii=False, indent=2))
    else:
        show_rechecks(found)
    if any(item.status in ("changed", "gone") for item in found):
        raise typer.Exit(1)


@app.command("config")
def show_configuration(context: typer.Context) -> None:
    """List every setting that is not left at its default, and where it was set."""
    found = context.obj.found
    for key in (key for key in KEYS if key in found):
        value = "•••" if key == SECRET else printable(str(found[key].value))
        typer.echo(f"{key}\t{value}\t{found[key].origin}")
    typer.echo("What is not listed has its default." if found else "Everything has its default.", err=True)


@app.command()
@configured
def serve(
    index: IndexOption = DEFAULT_INDEX,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 7860,
    auth: Annotated[str | None, typer.Option(help="name:password that a visitor gives.")] = None,
    readonly: Annotated[bool, typer.Option("--readonly/--no-readonly", help=READONLY_HELP)] = False,
    rate_limit: Annotated[int, typer.Option(help="Questions a minute of one visitor.")] = 120,
    upload_limit: Annotated[int, typer.Option(help="Longest file that is taken, in megabytes.")] = 50,
    settings: SetOption = None,
) -> None:
    """Serve the page, REST and MCP, for this machine alone unless --host says otherwise."""
    from rag.server.local_socket import also_answering
    from rag.server.page import Options, name_and_password
    from rag.server.page import serve as serve_page

    login = name_and_password(auth) if auth else None
    options = Options(host, port, login, readonly, rate_limit, upload_limit)
    opened = _open(index)
    serve_page(
        index, opened.settings.updated(changes_of(settings)), options, also_answering(index, attach_service(index))
    )


def main() -> None:
    """Run the command line; show a user's mistakes without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # Quotations hold any character, and what is piped is JSON or Markdown for others to read: UTF-8 everywhere.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    except RagError as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _defaults(command: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values in the place of each command's defaults, as the parser of command lines looks them up."""
    own = {parameter.name: values[parameter.name] for parameter in command.params if parameter.name in values}
    return own | {name: _defaults(each, values) for name, each in getattr(command, "commands", {}).items()}


def _open(index: Path) -> "Index":
    from rag.index.index import Index

    return Index.open(index)


def _assistant(index: Path, settings: list[str] | None) -> "Assistant":
    from rag.answering.assistant import Assistant

    opened = _open(index)
    return Assistant(opened, opened.settings.updated(changes_of(settings)))


def _nothing_found(assistant: "Assistant", wanted: dict[str, Any] | None) -> str:
    rows = assistant.index.chosen(wanted).rows
    if rows is None or len(rows):
        return "No passages."
    return "No passages: the filter leaves no document to search. See `rag documents facets KEY`."


def _no_such_document(document_id: str, index: Path) -> RagError:
    return InvalidInput(f"There is no document {document_id!r} in {index}.", "See `rag documents list`.")


if __name__ == "__main__":
    main()
