"""Says on the first screen what is asked: how many documents, of which kinds, some titles, and where to add more."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from rag.core.types import DocumentSummary
from rag.server.page.html.documents.drop_zone import drop_zone_html
from rag.server.page.html.labels import count
from rag.server.page.html.markup import element, escaped, isolated, one_line

MAX_TITLES = 3
MAX_KINDS = 5
MAX_SHOWN_TITLE_CHARACTERS = 60


def about_html(documents: int, summaries: Sequence[DocumentSummary], upload_limit_mb: int | None) -> str:
    """Return a line about the documents, or the box to drop some if there are none.

    `summaries` may be empty if there are too many to name. Without `upload_limit_mb` nothing can be added.
    """
    if not documents:
        return _nothing_yet(upload_limit_mb)
    add = element("a", "Add documents", href="#documents") if upload_limit_mb is not None else ""
    facts = [escaped(count(documents, "document") + _kinds(summaries)), _titles(summaries), add]
    return element("p", " · ".join(fact for fact in facts if fact), class_="pc-note pc-about")


def _nothing_yet(upload_limit_mb: int | None) -> str:
    heading = element("h2", "No documents yet", class_="pc-headline")
    words = "Add the first ones here, or in a terminal: rag index PATH"
    if upload_limit_mb is None:
        return element("section", heading, element("p", "Add some in a terminal: rag index PATH"), class_="pc-about")
    zone = drop_zone_html(upload_limit_mb, multiple=True, words="First files")
    return element("section", heading, element("p", words), zone, class_="pc-about", aria_label="First documents")


def _kinds(summaries: Sequence[DocumentSummary]) -> str:
    suffixes = Counter(PurePath(summary.source_path or "").suffix.lower() for summary in summaries)
    kinds = [f"{number:,} {suffix}" for suffix, number in suffixes.most_common(MAX_KINDS) if suffix]
    return f": {', '.join(kinds)}" if kinds else ""


def _titles(summaries: Sequence[DocumentSummary]) -> str:
    titles = [one_line(summary.title) for summary in summaries if summary.title]
    shown = list(dict.fromkeys(title for title in titles if len(title) <= MAX_SHOWN_TITLE_CHARACTERS))[:MAX_TITLES]
    return f"among them {', '.join(map(isolated, shown))}" if shown else ""
