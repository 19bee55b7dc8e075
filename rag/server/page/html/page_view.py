"""Turns the pages of a PDF into HTML: a picture of each, with boxes over the words of a quotation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from rag.core.citations import Citation
from rag.core.types import Document
from rag.loading.pages.pdf_pages import Box, PagePlaces
from rag.server.files.original_files import FILE_ADDRESS, PICTURE_ADDRESS
from rag.server.page.html.labels import title_words
from rag.server.page.html.markup import attributes, element, escaped, one_line

PICTURE_WIDTHS = (800, 1_200, 2_400)
"""Pixels; the browser takes the one that fits the screen and the zoom."""
NOT_PROVEN = "The words could not be placed on the picture without doubt; they are marked under Text."


@dataclass(frozen=True)
class MarkedPages:
    """The pages around a quotation, with the boxes of its words and of the sentence around it."""

    places: PagePlaces
    sentence: PagePlaces | None = None


def tabs(text: str, response_id: str, address: str) -> str:
    """Return the tabs Page and Text; the browser asks for the pages of the citation at `address` of the response."""
    loading = element("p", "Drawing the page …", class_="pc-note pc-loading")
    pages = {
        "id": "pc-panel-page",
        "aria_labelledby": "pc-tab-page",
        "data_pages": address,
        "data_of": response_id,
    }
    both = _tab("page", "Page", selected=True) + _tab("text", "Text", selected=False)
    choice = element("div", both, role="tablist", aria_label="Page or text of the source")
    return "".join(
        (
            element("div", choice, close_button(), class_="pc-tabs"),
            element("p", class_="pc-no-page", hidden=""),
            element("div", loading, role="tabpanel", **pages),
            element("div", text, role="tabpanel", id="pc-panel-text", aria_labelledby="pc-tab-text", hidden=""),
        )
    )


def close_button() -> str:
    """Return the button that closes the source."""
    return element("button", "Close", type="button", data_close="source", title="Close the source (Escape)")


def _tab(name: str, words: str, selected: bool) -> str:
    state = {"aria_selected": str(selected).lower(), "tabindex": "0" if selected else "-1"}
    named = {"id": f"pc-tab-{name}", "aria_controls": f"pc-panel-{name}", "data_tab": name}
    return element("button", words, type="button", role="tab", **named, **state)


def pages_html(document: Document, citation: Citation, marked: MarkedPages) -> str:
    """Return the pages around a citation, the controls over them, and links to the rest."""
    places = marked.places
    first = min(places.boxes, default=citation.place.page_number or 1)
    numbers = sorted(places.sizes)
    sheets = [_sheet(document, number, citation, marked, number == first) for number in numbers]
    region = element(
        "div",
        *sheets,
        class_="pc-sheets",
        tabindex="0",
        role="region",
        aria_label=f"Pages {numbers[0]} to {numbers[-1]} of {places.page_count}",
    )
    return "".join(
        (
            _controls(document, first),
            "" if all(places.boxes.values()) else element("p", NOT_PROVEN, class_="pc-note"),
            region,
            _rest(numbers, places.page_count),
        )
    )


def picture_address(document: Document, number: int, width: int) -> str:
    """Return the address of the picture of a page."""
    query = {"document": document.id, "page": number, "width": width, "file": document.source_sha256 or ""}
    return f".{PICTURE_ADDRESS}?{urlencode(query)}"


def file_address(document: Document, number: int) -> str:
    """Return the address of the PDF, opened at a page."""
    query = urlencode({"document": document.id, "file": document.source_sha256 or ""})
    return f".{FILE_ADDRESS}?{query}#page={number}"


def _controls(document: Document, number: int) -> str:
    zoom = (
        element("button", "−", type="button", data_zoom="out", aria_label="Zoom out"),
        element("output", "100%", class_="pc-zoom", aria_label="Zoom"),
        element("button", "+", type="button", data_zoom="in", aria_label="Zoom in"),
    )
    opening = f"Open PDF at page {number:,}" if document.format == "pdf" else "Open the picture"
    opened = {"href": file_address(document, number), "target": "_blank", "rel": "noopener noreferrer"}
    return element(
        "div",
        element("button", "To the quotation", type="button", data_sheet="here", class_="pc-first"),
        element("span", *zoom, class_="pc-zooming", role="group", aria_label="Zoom"),
        element("a", opening, class_="pc-open-pdf", **opened),
        class_="pc-controls",
    )


def _sheet(document: Document, number: int, citation: Citation, marked: MarkedPages, is_first: bool) -> str:
    width, height = marked.places.sizes[number]
    boxes = marked.places.boxes.get(number) or ()
    sentence = (marked.sentence.boxes.get(number) if marked.sentence else None) or ()
    sources = ", ".join(f"{picture_address(document, number, wide)} {wide}w" for wide in PICTURE_WIDTHS)
    name = _page_name(document, number)
    words = f"Picture of {name} of {title_words(citation)}"
    picture = _picture(
        src=picture_address(document, number, PICTURE_WIDTHS[1]),
        srcset=sources,
        sizes="50vw" if is_first else "auto, 50vw",
        loading=None if is_first else "lazy",
        alt=f"{words}. Marked: {one_line(citation.quote)}" if boxes else words,
    )
    return element(
        "figure",
        element(
            "div",
            picture,
            *_boxes(sentence, "pc-box-sentence"),
            *_boxes(boxes, "pc-box"),
            class_="pc-paper",
            style=f"aspect-ratio: {max(width, 1.0):.1f} / {max(height, 1.0):.1f}",
        ),
        element("figcaption", escaped(name)),
        class_="pc-sheet",
        data_page=str(number),
        data_cited="" if is_first else None,
    )


def _picture(**values: str | None) -> str:
    return f"<img{attributes(**values)}>"


def _boxes(boxes: Sequence[Box], name: str) -> Iterator[str]:
    for box in boxes:
        sides: Mapping[str, float] = dict(zip(("left", "top", "width", "height"), box, strict=True))
        style = "; ".join(f"{side}: {100 * share:.3f}%" for side, share in sides.items())
        yield element("span", class_=name, style=style, aria_hidden="true")


def _page_name(document: Document, number: int) -> str:
    labels = document.layout.page_labels
    label = labels[number - 1] if number <= len(labels) else ""
    return f"p. {one_line(label)} (PDF page {number:,})" if label else f"page {number:,}"


def _rest(numbers: Sequence[int], count: int) -> str:
    if len(numbers) == count:
        return ""
    words = f"Pages {numbers[0]:,} to {numbers[-1]:,} of {count:,}. Open the file for the others."
    return element("p", escaped(words), class_="pc-note pc-left-out")
