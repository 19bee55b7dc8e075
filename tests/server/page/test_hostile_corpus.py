"""A thousand documents made to break a page: what is marked in its HTML is the citation's quote, at its place."""

import random
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from rag.core.types import Document
from rag.server.page.html.answers.cards import response_html
from rag.server.page.html.source_view import shown_by, source_html
from tests.responses import answer, answered

DOCUMENTS = 1_000
LONGEST_LINE = 1_000_000
PIECES = (
    *('<img src=x onerror="window.broken=1">', "<script>window.broken=1</script>", "</mark></div></blockquote>"),
    *("<!--", "-->", "<![CDATA[", "]]>", "<style>*{display:none}</style>", "<svg onload=alert(1)>", "<textarea>"),
    *("<plaintext>", "{{value}}", "{{{value}}}", "{{#each value}}", "${window.broken=1}", "`${1}`", "&amp;", "&"),
    *("&lt;b&gt;", "&#0;", "javascript:alert(1)", '"', "'", "<", ">", "\u202e", "\u202d", "\u2066", "\u2069"),
    *("\u200f", "\ufeff", "\u2028", "\x85", "😀", "👩\u200d👩\u200d👧", "𝔄", "e\u0301", "\u0301", "שלום", "مرحبا"),
    *("\r\n", "\r", "\n", "\n\n", "\t", "  ", "word", "The bell rang."),
)


class Reader(HTMLParser):
    """The text of the elements of one class, and all text before the first of them inside another."""

    def __init__(self, html: str, inside: str, name: str) -> None:
        super().__init__(convert_charrefs=True)
        self._inside, self._name = inside, name
        self._open: list[tuple[str, set[str]]] = []
        self.found, self.before, self.tags = "", "", set[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("br", "input"):
            self._open.append((tag, set((dict(attrs).get("class") or "").split())))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        within = [names for _, names in self._open]
        if any(self._name in names for names in within):
            self.found += data
        elif not self.found and any(self._inside in names for names in within):
            self.before += data


def hostile_documents() -> Iterator[tuple[Document, int, int]]:
    """Yield documents with the range of a quotation; the first ones are single lines of a million characters."""
    chance = random.Random(7)
    for number in range(DOCUMENTS):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 60)))
        if number < 3:
            text = (text.replace("\n", " ").replace("\r", " ") or "x") * (LONGEST_LINE // len(text) + 1)
        start = chance.randrange(len(text))
        end = min(len(text), start + chance.randint(1, 80))
        known = {"author": text[:40], "publisher": text[-40:], "uri": f"https://x.example/{text[:20]}"}
        known |= {"published_at": text[:30], "language": text[:10], "tags": text[:20]}
        yield Document(f"{number}{text[:30]}", text, text[:60] or None, metadata=known), start, end


@pytest.mark.thorough
def test_the_marked_text_is_the_quote_and_stands_at_its_place_in_a_thousand_documents() -> None:
    seen = 0
    for document, start, end in hostile_documents():
        low, high = max(0, start - 50), min(len(document.text), end + 50)
        response = answered(answer(document, start, end, context=(low, high)), question=document.text[:200])
        card = Reader(response_html(response, judged=True), "pc-before", "pc-quote")
        source = Reader(source_html(document, [], shown_by(response, "answers/1/0")), "pc-text", "pc-here")
        assert card.found == source.found == response.answers[0].citation.quote
        assert card.before == document.text[low:start]
        assert document.text[:start].endswith(source.before)
        assert len(document.text) > 200_000 or source.before == document.text[:start]
        assert not (card.tags | source.tags) & {"img", "script", "style", "svg", "textarea", "plaintext", "b"}
        seen += 1
    assert seen == DOCUMENTS
