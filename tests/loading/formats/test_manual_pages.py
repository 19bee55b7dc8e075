"""Pages of manuals: the whole text is searched and the links around it are masked, whatever its headings are called."""

from pathlib import Path

import pytest

from rag.answering.citation import place
from rag.chunking.blocks import blocks
from rag.chunking.boilerplate import masks
from rag.core.types import Document, Span
from rag.loading import Source, load

TEXT = """
<h1>Related menus and buttons</h1><p>Menus hold the tags of each button in a list beside the window.</p>
<div class="sidebar" id="share-menu"><p class="title">Back to basics</p><p>A router joins several networks.</p></div>
<ul><li><a href="b.html">git-fetch(1)</a></li></ul><pre>git fetch</pre><p>&lt;refspec&gt; ...</p>
<table><tr><th>Key</th><th>Effect</th></tr><tr><td>F1</td><td>help</td></tr></table>"""
PAGES = {
    "Docutils 0.19": '<div class="related" role="navigation"><ul><li><a>Aside</a></li></ul></div>'
    f'<div class="body" role="main"><section id="contents"><section id="related-menus">{TEXT}</section></section></div>'
    '<div class="sphinxsidebar"><p>Aside. The search of the whole manual is here.</p></div>',
    "DocBook XSL Stylesheets V1.79": '<div class="navheader"><table><tr><td>Aside</td><td>Home</td></tr></table></div>'
    f'<div class="sect1" id="menus">{TEXT}</div><div class="navfooter"><p>Aside</p></div>',
    "Doxygen 1.9.4": '<div id="top"><span>Aside</span></div><div class="header"><div class="summary"><a>Aside</a></div>'
    '<div class="headertitle"><div class="title">Menus<div class="ingroups"><a>Aside</a></div></div></div></div>'
    f'<div class="contents">{TEXT}</div><div id="nav-path" class="navpath"><ul><li>Aside</li></ul></div>',
    "mkdocs-1.4.2, mkdocs-material-9": '<div class="md-sidebar"><ul><li>Aside</li></ul></div><main><div role="main">'
    f'<article>{TEXT}<aside class="md-source-file">Aside 2024</aside></article></div></main><footer>Aside</footer>',
    "makeinfo": f'<div class="header"><p>Next: Aside, Up: <a>Aside</a></p></div><h2>Menus</h2>{TEXT}'
    '<table class="menu"><tr><td>Aside</td><td>Aside too</td></tr></table>',
    "AsciiDoc 10.2.0": f'<div id="header"><h1>git</h1></div><div id="content"><div class="sect1">{TEXT}</div></div>'
    '<div id="footer">Aside 2024-01-05</div>',
}


@pytest.mark.parametrize("generator", PAGES)
def test_only_the_links_around_the_text_of_a_manual_are_masked(generator: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(f"<head><meta name=generator content='{generator}'></head><body>{PAGES[generator]}</body>")
    (page,) = load(Source(path, "page.html"))
    assert isinstance(page, Document)
    masked = [page.slice(mask.span) for mask in masks(page, blocks(page))]
    assert masked and all("Aside" in text or text == "Home" for text in masked)
    assert page.text.count("Aside") == sum(text.count("Aside") for text in masked)


@pytest.mark.parametrize(
    "page",
    [
        '<nav class="wy-nav-side"><ul><li>Aside</li></ul></nav><section class="wy-nav-content">'
        f'<div role="main">{TEXT}</div><footer>Aside</footer></section><div class="rst-versions">Aside</div>',
        f'<div class="col-md-9" role="main">{TEXT}</div><footer>Aside</footer>'
        '<div id="mkdocs_search_modal">Aside</div>',
        '<div class="document"><div id="hd"><h1>Aside</h1></div><div class="nav">Aside</div><div id="bd">'
        f'<div class="body">{TEXT}</div><div class="sphinxsidebar"><p>Aside</p></div></div></div>',
    ],
    ids=["Read the Docs", "MkDocs", "Sphinx"],
)
def test_pages_that_do_not_name_their_tool_are_known_by_its_containers(page: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(f"<body>{page}</body>")
    (document,) = load(Source(path, "page.html"))
    assert isinstance(document, Document)
    masked = [document.slice(mask.span) for mask in masks(document, blocks(document))]
    assert masked and all("Aside" in text for text in masked)
    assert document.text.count("Aside") == sum(text.count("Aside") for text in masked)


def test_a_page_of_an_unknown_tool_is_judged_by_its_text(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    story = "The ferry to the island sails at nine, and it takes forty minutes to cross the sound. " * 5
    path.write_text(f"<body><nav><a href=/>Aside</a></nav><article><h1>Ferry</h1><p>{story}</p></article></body>")
    (page,) = load(Source(path, "page.html"))
    assert isinstance(page, Document)
    assert [page.slice(mask.span) for mask in masks(page, blocks(page))] == ["Aside"]


@pytest.mark.parametrize("name", ["comments", "post-comments list", "comment-thread"])
def test_what_readers_wrote_below_an_article_is_read_and_the_form_for_it_is_not(name: str, tmp_path: Path) -> None:
    story = "The slipway was rebuilt in March with granite from the old quarry, and it is open to all boats. " * 5
    comment = "Ola: the new slipway has cost the town 90,000 euros."
    path = tmp_path / "page.html"
    path.write_text(
        f"<body><article><h1>Slipway</h1><p>{story}</p></article><div class='{name}'><h2>Comments</h2><p>{comment}</p>"
        "<div id=respond><p>Your address will not be shown to any other reader.</p></div></div>"
        "<div class=related><p>Read next how the old pier was lost in the storm.</p></div></body>"
    )
    (page,) = load(Source(path, "page.html"))
    assert isinstance(page, Document)
    content = [page.slice(block.span) for block in blocks(page) if block.reason is None]
    assert content == ["Slipway", story.strip(), "Comments", comment]


def test_a_citation_of_a_page_leads_to_the_lines_of_its_file(tmp_path: Path) -> None:
    page = (
        "\n<?xml version='1.0'?>\n<html><head>\n<style>\np {}\n</style></head><body\n class=x>\n"
        "<h1>Ferry &amp;\nBoat</h1>\n<ol><li>Sails <b>by\nnine</b> daily.\nReturns at\nten.</li></ol>\n"
        "<table><tr><th>Day\n</th><th>Fare</th></tr><tr>\n<td></td>\n<td>seven\neuros</td></tr></table>"
        "<pre>one\n  two\n</pre>\n<script>a\nb</script> tail\n</body>"
    )
    path = tmp_path / "page.html"
    path.write_text(page)
    (document,) = load(Source(path, "page.html"))
    assert isinstance(document, Document)
    for word in (
        "Ferry",
        "Boat",
        "Sails",
        "by",
        "nine",
        "daily",
        "Returns",
        "ten",
        "Fare",
        "seven",
        "euros",
        "two",
        "tail",
    ):
        start = document.text.index(word)
        at = place(document, Span(document.id, start, start + len(word)))
        line = page[: page.index(word)].count("\n") + 1
        assert (at.line_start, at.line_end, word) == (line, line, word)
    start = document.text.index("1. Sails")
    assert place(document, Span(document.id, start, start + 2)).line_start == 10
    start = document.text.index("Returns")
    at = place(document, Span(document.id, start, document.text.index("ten.") + 4))
    assert at.line_end == at.line_start + 1
