"""Packs answers with their proof and checks such packs: `rag evidence "QUESTION"`, `verify` and `key`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rag.cli.options import DEFAULT_INDEX, FilterOption, IndexOption, JsonOption, SetOption, TopOption, open_assistant
from rag.cli.saved_responses import saved_responses
from rag.cli.terminal import show_rechecks
from rag.core.configuration import configured
from rag.core.errors import InvalidInput, InvalidQuestion
from rag.core.text.plain_text import printable
from rag.index.filters import from_pairs

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.evidence.keys import SigningKey

PACK = "pack"
NOT_SIGNED = "The pack is not signed. Make a key first: rag evidence key"
KEY_HELP = "File of the private key; default: the one that `rag evidence key` made."
SAVED_HELP = "Pack saved responses instead: the output of `rag ask --json`, or one a line."
AGAINST_HELP = "Also tell how each quotation stands in this index now."


class QuestionOrCommand(TyperGroup):
    """Takes `rag evidence "QUESTION"` for `rag evidence pack "QUESTION"`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command before anything that is no command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [PACK, *args]
        return super().parse_args(ctx, args)


evidence = typer.Typer(
    cls=QuestionOrCommand,
    no_args_is_help=True,
    help="Pack answers with their proof: rag evidence 'QUESTION' --out FILE.",
)


@evidence.command(PACK)
@configured
def pack_command(
    out: Annotated[Path, typer.Option("--out", help="The ZIP to write, such as pack.zip.")],
    question: Annotated[str | None, typer.Argument(help="The question, in quotes.")] = None,
    saved: Annotated[Path | None, typer.Option("--saved", help=SAVED_HELP)] = None,
    key: Annotated[Path | None, typer.Option("--key", help=KEY_HELP)] = None,
    index: IndexOption = DEFAULT_INDEX,
    top_k: TopOption = None,
    filters: FilterOption = None,
    settings: SetOption = None,
) -> None:
    """Write quotations, sources, page pictures and hashes to one file that opens offline."""
    from rag.core.files.durable_files import new_file
    from rag.evidence.pack import evidence_pack
    from rag.loading.pages.pdf_originals import PdfOriginals

    if out.exists():
        raise InvalidInput(f"{out} is there already.", "Give the name of a new file.")
    signing_key = _signing_key(key)
    assistant = open_assistant(index, settings)
    responses = _responses(assistant, question, saved, top_k, filters)
    content = evidence_pack(assistant, responses, signing_key, PdfOriginals())
    try:
        with new_file(out) as stream:
            stream.write(content)
    except OSError as error:
        raise InvalidInput(f"Cannot write {out}: {error}.", "Give another file.") from None
    signed = "not signed" if signing_key is None else f"signed with the key {signing_key.public}"
    typer.echo(f"{out}: {_count(len(responses))}, {len(content) / 1e3:,.0f} kB, {signed}.")
    if signing_key is None:
        typer.echo(NOT_SIGNED, err=True)


@evidence.command("verify")
def verify_command(
    pack: Annotated[Path, typer.Argument(help="A file that `rag evidence` wrote.")],
    public_key: Annotated[str | None, typer.Option("--key", help="The public key that it must be signed with.")] = None,
    against: Annotated[Path | None, typer.Option("--against", help=AGAINST_HELP)] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every byte of a pack and its signature; exit status 1 if something is not as it was packed."""
    from rag.evidence.verification import rechecked, verify_pack

    report = verify_pack(pack, public_key)
    rechecks = [] if against is None or report.faults else rechecked(report, open_assistant(against, None))
    if as_json:
        content = {
            "faults": list(report.faults), "key": report.key, "made_at": report.made_at,
            "responses": len(report.responses), "citations": [item.to_dict() for item in rechecks],
        }  # fmt: skip
        typer.echo(json.dumps(content, ensure_ascii=False, indent=2))
    else:
        for fault in report.faults:
            typer.echo(f"error: {printable(fault)}", err=True)
        if not report.faults:
            signed = f"signed with the key {report.key}" if report.key else "not signed"
            typer.echo(f"{pack}: intact, {_count(len(report.responses))} of {report.made_at}, {signed}.")
        if against is not None and not report.faults:
            show_rechecks(rechecks)
    if report.faults or any(item.status in ("changed", "gone") for item in rechecks):
        raise typer.Exit(1)


@evidence.command("key")
def key_command(
    file: Annotated[Path | None, typer.Option("--file", help="Where the private key lies or is to lie.")] = None,
) -> None:
    """Make the key that signs packs, or show the one there is; print its public half for those who check."""
    from rag.evidence.keys import create_key, default_key_file, read_key

    path = file or default_key_file()
    if path.exists():
        typer.echo(f"{path}: public key {read_key(path).public}")
        return
    key = create_key(path)
    typer.echo(f"{path}: new key, for you alone. Public key {key.public}")


def _count(responses: int) -> str:
    return f"{responses:,} response{'' if responses == 1 else 's'}"


def _signing_key(file: Path | None) -> "SigningKey | None":
    """Return the key in a file, else the user's own; None if there is none."""
    from rag.evidence.keys import default_key_file, read_key

    if file is not None:
        return read_key(file)
    own = default_key_file()
    return read_key(own) if own.exists() else None


def _responses(
    assistant: "Assistant", question: str | None, saved: Path | None, top_k: int | None, filters: list[str] | None
) -> list[Any]:
    if (question is None) == (saved is None):
        raise InvalidInput("Give a question or --saved FILE.", "Example: rag evidence 'Who …?' --out pack.zip")
    if saved is not None:
        return saved_responses(saved)
    if not (question or "").strip():
        raise InvalidQuestion("The question is empty.", "Give one in quotes: rag evidence 'Who …?' --out pack.zip")
    return [assistant.ask(question or "", top_k, from_pairs(filters or ()))]
