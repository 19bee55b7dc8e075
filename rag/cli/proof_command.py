"""Proofreads a draft: the command `rag proof`."""

from pathlib import Path
from typing import Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, FilterOption, IndexOption, JsonOption, SetOption, open_assistant
from rag.index.filters import from_pairs

STRICT_HELP = "Exit status 1 also if a quotation or a claim is not found in the documents."


def proof_command(
    draft: Annotated[Path, typer.Argument(help="The draft: .md, .txt, .html, .docx or another format that is read.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
    strict: Annotated[bool, typer.Option(help=STRICT_HELP)] = False,
    filters: FilterOption = None,
    settings: SetOption = None,
) -> None:
    """Compare quotations, figures, dates and names of a draft with the documents; exit status 1 if a source differs."""
    from rag.proofreading.drafts import draft_at
    from rag.proofreading.plain_report import report_lines
    from rag.proofreading.proofread import proofread

    report = proofread(open_assistant(index, settings), draft_at(draft), from_pairs(filters or ()))
    if as_json:
        typer.echo(report.to_json())
    else:
        for line in report_lines(report):
            typer.echo(line)
    if report.wrong or (strict and any(finding.status == "not_found" for finding in report.findings)):
        raise typer.Exit(1)
