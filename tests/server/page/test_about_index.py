from rag.core.types import DocumentSummary
from rag.server.page.html.documents.about_index import about_html
from tests.server.page.pages import Reading

HOSTILE = "<img src=x onerror=alert(1)>"


def summary(name: str, title: str | None, path: str | None) -> DocumentSummary:
    return DocumentSummary(name, title, path, 100, 1, name)


def test_the_first_screen_says_how_many_documents_of_which_kinds_and_some_titles() -> None:
    summaries = [
        summary("a", "Bells", "/x/a.PDF"), summary("b", "Bells", "/x/b.pdf"), summary("c", HOSTILE, "/x/c.txt"),
        summary("d", "x" * 61, None), summary("e", None, None),
    ]  # fmt: skip
    shown = Reading(about_html(5, summaries, 50))
    assert shown.text == f"5 documents: 2 .pdf, 1 .txt · among them Bells, {HOSTILE} · Add documents"
    assert shown.attribute("href") == ["#documents"]
    assert Reading(about_html(1_000_000, [], None)).text == "1,000,000 documents"


def test_without_documents_the_first_screen_is_the_box_to_drop_some() -> None:
    assert Reading(about_html(0, [], 50)).attribute("data-limit") == ["50"]
    assert Reading(about_html(0, [], None)).attribute("data-limit") == []
