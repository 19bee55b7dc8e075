"""Lists, counts, shows and removes documents: the commands of `rag documents`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rag.cli.options import (
    DEFAULT_INDEX,
    IndexOption,
    JsonOption,
    open_index,
)
from rag.core.errors import InvalidInput, RagError
from rag.core.reports import document_facts
from rag.core.text.plain_text import printable

documents = typer.Typer(no_args_is_help=True, help="List, count, show or remove documents.")


@documents.command("list")
def list_documents(index: IndexOption = DEFAULT_INDEX, as_json: JsonOption = False) -> None:
    """List the documents of an index."""
    summaries = open_index(index).documents()
    if as_json:
        typer.echo(json.dumps([asdict(summary) for summary in summaries], ensure_ascii=False, indent=2))
        return
    for summary in summaries:
        masked = f"{summary.masked_share:.0%} masked"
        typer.echo(f"{summary.id}\t{summary.chunks} chunks\t{masked}\t{printable(summary.title or '')}")


@documents.command("facets")
def list_facets(
    keys: Annotated[list[str], typer.Argument(help="Keys such as author, language or tags.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
) -> None:
    """Count the documents that have each value of a key, to be used with --filter."""
    facets = open_index(index).facets(keys)
    if as_json:
        typer.echo(json.dumps(facets, ensure_ascii=False, indent=2))
        return
    for key, values in facets.items():
        for value, count in values.items():
            typer.echo(f"{key}\t{printable(str(value))}\t{count}")


@documents.command("duplicates")
def list_duplicates(index: IndexOption = DEFAULT_INDEX, as_json: JsonOption = False) -> None:
    """List documents with the same text, then near-duplicates, the newest first."""
    opened = open_index(index)
    groups = {"duplicate": opened.duplicates(), "near-duplicate": opened.near_duplicates()}
    if as_json:
        typer.echo(json.dumps(groups, ensure_ascii=False, indent=2))
        return
    for kind, kind_groups in groups.items():
        for group in kind_groups:
            typer.echo("\t".join((kind, *map(printable, group))))


@documents.command("show")
def show_document(
    document_id: str,
    index: IndexOption = DEFAULT_INDEX,
    masked: Annotated[bool, typer.Option(help="List the masked parts instead, with their reasons.")] = False,
) -> None:
    """Print the stored text of a document, and on standard error how much of it is searched."""
    opened = open_index(index)
    document = opened.document(document_id)
    if document is None:
        raise _no_such_document(document_id, index)
    if not masked:
        summary = next(summary for summary in opened.documents() if summary.id == document_id)
        typer.echo(f"{printable(document_id)}: {printable(document_facts(summary))}", err=True)
        typer.echo(document.text, nl=not document.text.endswith("\n"))
        return
    for mask in opened.masks(document_id):
        typer.echo(f"{mask.span.start}-{mask.span.end}\t{mask.reason}\t{printable(document.slice(mask.span))[:100]}")


@documents.command("remove")
def remove_document(document_id: str, index: IndexOption = DEFAULT_INDEX) -> None:
    """Remove a document from the index."""
    if not open_index(index).remove(document_id).removed:
        raise _no_such_document(document_id, index)
    typer.echo(f"Removed {document_id}.")


def _no_such_document(document_id: str, index: Path) -> RagError:
    return InvalidInput(f"There is no document {document_id!r} in {index}.", "See `rag documents list`.")
