"""Proofreads a draft: the command `rag proof`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, FilterOption, IndexOption, JsonOption, SetOption, open_assistant
from rag.core.errors import InvalidInput
from rag.index.filters import from_pairs

if TYPE_CHECKING:
    from rag.proofreading.drafts import Draft
    from rag.proofreading.records import ProofReport

STRICT_HELP = "Exit status 1 also if a quotation or a claim is not found in the documents."
HTML_HELP = "Write a web page with the draft beside its sources."
COMMENTS_HELP = "Write a copy of a Word draft with the findings as comments."
CITE_HELP = "Write a copy of a Markdown or text draft with the citations as footnotes."


def proof_command(
    draft: Annotated[Path, typer.Argument(help="The draft: .md, .txt, .html, .docx or another format that is read.")],
    index: IndexOption = DEFAULT_INDEX,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option(help=HTML_HELP)] = None,
    comments: Annotated[Path | None, typer.Option(help=COMMENTS_HELP)] = None,
    cite: Annotated[Path | None, typer.Option(help=CITE_HELP)] = None,
    strict: Annotated[bool, typer.Option(help=STRICT_HELP)] = False,
    filters: FilterOption = None,
    settings: SetOption = None,
) -> None:
    """Compare quotations, figures, dates and names of a draft with the documents; exit status 1 if a source differs."""
    from rag.proofreading.drafts import draft_at
    from rag.proofreading.proofread import proofread
    from rag.proofreading.reports.plain_report import report_lines

    read_draft = draft_at(draft)
    report = proofread(open_assistant(index, settings), read_draft, from_pairs(filters or ()))
    _write(report, read_draft, html, comments, cite)
    if as_json:
        typer.echo(report.to_json())
    else:
        for line in report_lines(report):
            typer.echo(line)
    if report.wrong or (strict and any(finding.status == "not_found" for finding in report.findings)):
        raise typer.Exit(1)


def _write(report: "ProofReport", draft: "Draft", html: Path | None, comments: Path | None, cite: Path | None) -> None:
    """Write the files that were asked for. Raises InvalidInput if one is the draft, or cannot be written."""
    for file in (html, comments, cite):
        if file is not None and draft.path is not None and file.resolve() == draft.path.resolve():
            raise InvalidInput(f"{file} is the draft itself.", "Give another name: the draft is never changed.")
    try:
        _write_files(report, draft, html, comments, cite)
    except OSError as error:
        raise InvalidInput(f"Cannot write {error.filename}: {error.strerror}.", "Give another file.") from None


def _write_files(
    report: "ProofReport", draft: "Draft", html: Path | None, comments: Path | None, cite: Path | None
) -> None:
    if html is not None:
        from rag.proofreading.reports.html_report import html_report

        html.write_text(html_report(report, draft.document), encoding="utf-8")
    if comments is not None and draft.path is not None:
        from rag.proofreading.reports.docx_comments import write_comments

        write_comments(report, draft.path, comments)
    if cite is not None:
        from rag.proofreading.reports.footnotes import with_footnotes

        cite.write_text(with_footnotes(report, draft), encoding="utf-8", newline="")
