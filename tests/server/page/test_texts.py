"""The table of the page's words in other languages holds every text of the page, and nothing that is out of date."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import rag
from rag.answering.recheck import Recheck
from rag.core.response import NoAnswer
from rag.core.types import Document, DocumentSummary, Mask, Span
from rag.evidence.citation_link import CitationLink, LinkFate
from rag.proofreading.records import ProofFinding, ProofReport, SourcePassage
from rag.server.page.asking import CHOICE, EARLIER
from rag.server.page.choosing import Choice, Offer
from rag.server.page.html.answers.cards import response_html
from rag.server.page.html.batch_views import table_html
from rag.server.page.html.documents.about_index import about_html
from rag.server.page.html.documents.choice_views import list_html, panel_html
from rag.server.page.html.documents.document_list import Listing, listing_html
from rag.server.page.html.documents.document_views import document_html
from rag.server.page.html.documents.drop_zone import drop_zone_html
from rag.server.page.html.link_views import LINK_HEADLINES, link_html, then_and_now
from rag.server.page.html.proof_views import KIND_LABELS, STATUS_LABELS, proof_html
from rag.server.page.html.source_view import shown_by, source_html
from rag.server.page.html.watch_views import EVENT_LABELS, unopened_html, watch_html
from rag.server.page.page import MASTHEAD, _languages, _links
from rag.server.page.proof import DRAFT_BOX, HAND_IN, PROOF_EXPLAINED
from rag.server.page.question_sets.batch import BATCH_EXPLAINED, PASTED
from rag.server.page.question_sets.evaluate import EVALUATION_EXPLAINED
from rag.server.proofs.proof_files import FORM_WORDS
from rag.standing.records import Event, StandingQuestion, quotation_at
from rag.standing.standing_file import StandingState
from tests.responses import answer, answered, refused

PACKAGE = Path(rag.__file__).parent
TABLE = (PACKAGE / "server" / "page" / "assets" / "texts.js").read_text(encoding="utf-8")
TEXTS: dict[str, dict[str, str]] = json.loads(TABLE[TABLE.index("= {") + 2 :].rstrip().rstrip(";"))
GERMAN = TEXTS["de"]
SOURCE = Document("d.md", "# One\n\nIt rained.\n\n## Two\n\nNo.\n\n## Three\n\nSubscribe.\n", "Rain", format="markdown")
OWN = {"bdi", "q", "cite", "blockquote", "mark", "code"}
"""Elements that hold words of documents."""
OPEN_CLASSES = {"pc-text", "pc-open", "pc-outline", "pc-proof", "pc-rank", "pc-paper"}
AS_THEY_ARE = {"Pincite", "APA", "MLA", "Chicago", "BibTeX", "Markdown", "JSON", "CSV", "Text", "English", "Deutsch"}


class InterfaceTexts(HTMLParser):
    """The texts of a piece of HTML that are not words of a document."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._open: list[bool] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        is_own = tag in OWN and attributes.get("translate") != "yes"
        is_own |= attributes.get("translate") == "no"
        is_own |= bool(OPEN_CLASSES & set((attributes.get("class") or "").split()))
        if tag not in ("input", "br"):
            self._open.append(is_own)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._open) and re.search(r"[^\W\d_]{2}", data):
            self.texts.append(data.strip())


def drafts() -> list[str]:
    """Return HTML of a proofread draft, of watched questions and of links, with every status there is."""
    citation = answer(SOURCE, 7, 16).citation
    passages = (SourcePassage(citation, ((3, 9),)), SourcePassage(citation))
    findings = [
        ProofFinding(kind, status, "It", 0, 2, (0, 2), (), (), () if status == "not_found" else passages)
        for kind in KIND_LABELS
        for status in STATUS_LABELS
    ]
    info = answered(answer(SOURCE, 7, 16)).index
    report = ProofReport("draft", "It rained.", "0" * 64, tuple(findings), info)
    empty = ProofReport("draft", "It rained.", "0" * 64, (), info)
    quotation = quotation_at(SOURCE, 7, 16, 7, 9)
    histories = [(Event("2026-11-29T19:00:00", kind, quotation, after, 1, "x"),)
                 for kind in EVENT_LABELS for after in (quotation, None)]  # fmt: skip
    watched = [StandingQuestion(str(i), "Who?", None, "", "", (), (), history) for i, history in enumerate(histories)]
    link = CitationLink("d.md", 7, "It rained.")
    fates = [LinkFate(link, Recheck(status, "d.md", "It rained.", None), SOURCE, citation) for status in LINK_HEADLINES]
    gone = LinkFate(link, Recheck("gone", "d.md", "It rained.", None))
    files = list(FORM_WORDS)
    return [
        HAND_IN.format(DRAFT_BOX), PROOF_EXPLAINED, unopened_html(), watch_html(StandingState(), readonly=False),
        watch_html(StandingState(tuple(watched), checked_at="2026-11-29T19:00:00"), readonly=False),
        *(proof_html(each, SOURCE, "id", files, "all documents") for each in (report, empty)),
        link_html(gone), *map(link_html, fates), *map(then_and_now, fates),
    ]  # fmt: skip


def pages() -> list[str]:
    """Return HTML of every part of the page, over made-up answers."""
    one = answer(SOURCE, 7, 16, headings=("One",), also_in=((Document("e", "It rained."), 0, 9),))
    response = answered(one)
    refusal = refused(NoAnswer("no_match", "No passage could be read for this question.", 0.5, 0.2, (one,), ("Peru",)))
    summary = DocumentSummary("d.md", "Rain", "/x/d.md", 100, 1, "d")
    return [
        MASTHEAD.format(links=_links()), _languages(), EARLIER, CHOICE, PASTED, BATCH_EXPLAINED, EVALUATION_EXPLAINED,
        response_html(response, judged=True, watched=True), response_html(refusal, watched=False), *drafts(),
        source_html(SOURCE, [Mask(Span("d.md", 38, 48), "subscribe")], shown_by(response, "answers/1/0")),
        panel_html(Offer(dated=True), Choice()), list_html([summary], ["d.md"], Choice(), ""),
        listing_html([summary], Listing(), readonly=False), document_html(SOURCE, [], [], readonly=False),
        about_html(0, [], 50), about_html(1, [summary], 50), drop_zone_html(50, True), table_html([response], "id"),
    ]  # fmt: skip


def is_said(piece: str, sources: str) -> bool:
    """Tell whether a text stands in the sources; its words may be apart, because numbers and plurals come between."""
    return piece in sources or all(word.removesuffix("s") in sources for word in piece.split())


def is_known(text: str) -> bool:
    """Tell whether the browser has German words for a text, as `assets/language.js` finds them."""
    if text in GERMAN or text in AS_THEY_ARE:
        return True
    patterns = (re.escape(english).replace(r"\{\}", "(.*?)") for english in GERMAN if "{}" in english)
    return any(re.fullmatch(pattern, text, re.DOTALL) for pattern in patterns)


def test_every_text_of_the_page_has_german_words() -> None:
    texts = {text for html in pages() for text in InterfaceTexts(html).texts}
    unknown = sorted(text for text in texts if not is_known(text))
    assert not unknown, unknown


@pytest.mark.parametrize("language", TEXTS)
def test_every_entry_says_something_that_the_page_says_and_keeps_its_gaps(language: str) -> None:
    files = [
        *PACKAGE.glob("server/**/*.py"),
        *PACKAGE.glob("server/page/assets/*.js"),
        *PACKAGE.glob("answering/**/*.py"),
    ]
    files.append(PACKAGE / "core" / "presentation" / "export.py")
    read = [file.read_text(encoding="utf-8") for file in files if file.name != "texts.js"]
    # A long text is written as several strings.
    sources = re.sub(r'"\s*\n\s*f?"', "", "\n".join(read))
    sources += re.sub(r"\{[^{}]*\}", "{}", sources)
    for english, text in TEXTS[language].items():
        pieces = [piece.strip(" .,:()“”·") for piece in re.split(r"\{\}|(?<=[.:]) ", english)]
        unsaid = [piece for piece in pieces if len(piece) > 3 and not is_said(piece, sources)]
        assert not unsaid, english
        assert text.strip() and text.count("{}") <= english.count("{}"), english
