"""Reads a web site into an index: `rag crawl`."""

from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, IndexOption, SetOption
from rag.cli.terminal import show_report
from rag.core.configuration import changes_of
from rag.core.errors import InvalidInput
from rag.core.text.plain_text import printable

if TYPE_CHECKING:
    from rag.loading.sites.crawl import CrawlStep

DELAY_HELP = "Seconds between two requests; robots.txt may ask for more."


def crawl_command(
    address: Annotated[str, typer.Argument(help="Where to begin, such as https://example.org/docs/.")],
    index: IndexOption = DEFAULT_INDEX,
    allow_network: Annotated[bool, typer.Option("--allow-network", help="Read from the web.")] = False,
    depth: Annotated[int, typer.Option(min=0, help="Links from the start to a page, at most.")] = 5,
    pages: Annotated[int, typer.Option(min=1, help="Addresses that are asked for, at most.")] = 500,
    delay: Annotated[float, typer.Option(min=0, help=DELAY_HELP)] = 0.5,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what could not be read.")] = False,
    settings: SetOption = None,
) -> None:
    """Read the pages below an address into an index; the next time, read only those that have changed."""
    if not allow_network:
        raise InvalidInput(f"{address} is a web address.", "Web addresses are read only with --allow-network.")
    from rag.cli.crawling import crawl_into
    from rag.loading.sites.crawl import CrawlLimits

    def show(step: "CrawlStep") -> None:
        if not quiet:
            typer.echo(printable(step.address), err=True)

    report = crawl_into(index, address, CrawlLimits(depth, pages, delay), changes_of(settings), show=show)
    show_report(report, index, quiet)
    if report.unreadable and not (report.added or report.updated or report.unchanged or report.removed):
        raise typer.Exit(2)
