"""A response in a notebook: marked, with its source, and nothing in a document becomes HTML."""

import re

from rag.core.response import NoAnswer
from rag.core.types import Document
from tests.responses import answer, answered, refused

TEXT = "<script>alert('a')</script> & Baku lies on the Caspian Sea."
DOCUMENT = Document("d<b>.txt", TEXT, "Cities <img src=x>", metadata={"uri": "https://example.org/a?b=1&c=2"})


def test_the_quotation_is_marked_in_its_context_and_everything_is_escaped() -> None:
    start = TEXT.index("Baku")
    html = answered(answer(DOCUMENT, start, start + 4, context=(0, len(TEXT))), question="Where is <i>?")._repr_html_()
    assert "<mark><bdi>Baku</bdi></mark><bdi> lies on the Caspian Sea.</bdi>" in html
    assert "&lt;script&gt;alert" in html and "Where is &lt;i&gt;?" in html
    tags = set(re.findall(r"<(\w+)", html))
    assert tags == {"div", "p", "strong", "bdi", "mark", "blockquote", "a", "cite"}
    assert 'href="https://example.org/a?b=1&amp;c=2#:~:text=' in html


def test_only_web_addresses_become_links() -> None:
    document = Document("a.txt", "Oil is traded.", metadata={"uri": "javascript:alert(1)"})
    assert "<a" not in answer(document, 0, 3)._repr_html_()


def test_a_refusal_says_why_and_shows_the_closest_passages() -> None:
    closest = answer(DOCUMENT, 28, len(TEXT))
    refusal = NoAnswer("low_confidence", "No passage is sure.", closest=(closest,), missing_terms=("<xyzzy>",))
    html = refused(refusal)._repr_html_()
    assert "No passage is sure." in html and "which are not answers" in html and "&lt;xyzzy&gt;" in html


def test_groups_that_differ_are_named() -> None:
    response = answered(answer(DOCUMENT, 30, 34), answer(DOCUMENT, 49, 52, rank=2))
    object.__setattr__(response, "agreement", {"groups": [[1], [2]], "differ": True})
    assert "The sources differ: [1] against [2]." in response._repr_html_()
