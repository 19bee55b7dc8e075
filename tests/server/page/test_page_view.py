import re
from urllib.parse import parse_qs, urlsplit

from rag.core.types import Document, Layout
from rag.loading.pages.pdf_pages import PagePlaces
from rag.server.page.html.page_view import NOT_PROVEN, MarkedPages, pages_html
from rag.server.page.html.source_view import shown_by, source_html
from tests.responses import answer, answered
from tests.server.page.pages import Reading

HOSTILE = 'a "b"><script>alert(1)</script>&page=2#.pdf'
BOOK = Document(
    HOSTILE, "The preface.\n\nThe lamp was lit.", format="pdf", source_path=HOSTILE, source_sha256="0" * 64,
    layout=Layout(pages=(0, 14), page_labels=("i", "1<2")),
)  # fmt: skip
PLACES = PagePlaces(9, {2: ((0.1, 0.25, 0.3, 0.0125),)}, {1: (595.0, 842.0), 2: (842.0, 595.0)})


def test_each_page_has_a_picture_of_its_shape_and_the_quotation_a_box() -> None:
    citation = answer(BOOK, 18, 22).citation
    found = Reading(pages_html(BOOK, citation, MarkedPages(PLACES, PLACES)))
    assert found.of_class("pc-sheet") == ["p. i (PDF page 1)", "p. 1<2 (PDF page 2)"]
    styles = found.attribute("style")
    assert [style for style in styles if "aspect" in style] == [
        "aspect-ratio: 595.0 / 842.0",
        "aspect-ratio: 842.0 / 595.0",
    ]
    assert styles.count("left: 10.000%; top: 25.000%; width: 30.000%; height: 1.250%") == 2
    assert found.attribute("data-cited") == [""]
    assert [words for words in found.attribute("alt") if words.endswith("Marked: lamp")] == [found.attribute("alt")[1]]
    sources = [
        *found.attribute("src"),
        *(part.split()[0] for one in found.attribute("srcset") for part in one.split(", ")),
    ]
    for source in sources:
        assert parse_qs(urlsplit(source).query)["document"] == [HOSTILE]
    assert "Pages 1 to 2 of 9" in found.text and NOT_PROVEN not in found.text
    (address,) = found.attribute("href")
    assert address.endswith("#page=2") and parse_qs(urlsplit(address).query)["document"] == [HOSTILE]


def test_boxes_that_are_not_proven_are_not_drawn_and_the_page_says_so() -> None:
    unproven = MarkedPages(PagePlaces(2, {2: None}, {1: (595.0, 842.0), 2: (595.0, 842.0)}))
    found = Reading(pages_html(BOOK, answer(BOOK, 18, 22).citation, unproven))
    assert found.of_class("pc-box") == [] and NOT_PROVEN in found.text


def test_a_pdf_has_tabs_and_other_documents_have_none() -> None:
    shown = answered(answer(BOOK, 18, 22))
    html = source_html(BOOK, [], shown_by(shown, "answers/1/0"), 1, (shown.response_id, "answers/1/0"))
    found = Reading(html)
    assert re.findall(r'role="tab"', html) and found.of_class("pc-here") == ["lamp"]
    assert found.attribute("data-pages") == ["answers/1/0"]
    plain = Document("d", "The lamp was lit.")
    shown = answered(answer(plain, 4, 8))
    html = source_html(plain, [], shown_by(shown, "answers/1/0"), 1, (shown.response_id, "answers/1/0"))
    assert 'role="tab"' not in html and html.count("data-close") == 1
