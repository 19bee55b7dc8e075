import json

from rag.core.reports import IndexReport, Progress
from rag.core.response import IndexInfo
from rag.core.types import Chunk, Document, DocumentSummary, Mask, Span
from rag.server.page.html.documents.document_list import ON_A_PAGE, DocumentFacts, Listing, listing_html
from rag.server.page.html.documents.document_views import document_html, health_html, progress_html, report_html
from tests.server.page.pages import Reading

HOSTILE = "<img src=x onerror=alert(1)>\"'{{value}}"
INFO = IndexInfo(3, "sha256:abc", 2, 5, "all-MiniLM-L6-v2")


def summary(
    name: str, title: str | None = None, path: str | None = None, sha: str = "", chunks: int = 1
) -> DocumentSummary:
    return DocumentSummary(name, title, path, 100, chunks, sha or name)


def rows(found: Reading) -> list[str]:
    return found.of_class("pc-open")


def test_a_document_is_found_by_every_word_of_its_title_and_name() -> None:
    documents = [summary("a.txt", "The Bells of Lindow"), summary("b.txt", "The Towers"), summary("bells.txt")]
    for query, names in (("", 3), ("BELLS", 2), ("bells lindow", 1), ("  ", 3), ("moon", 0)):
        assert len(rows(Reading(listing_html(documents, Listing(query), readonly=False)))) == names
    assert "No document fits." in listing_html(documents, Listing("moon"), readonly=False)


def test_facets_count_what_the_words_leave_and_narrow_it() -> None:
    documents = [
        summary("a", path="/x/a.TXT"),
        summary("b", path="/x/b.txt", sha="same"),
        summary("c", path="/x/c.pdf", sha="same", chunks=0),
    ]
    found = Reading(listing_html(documents, Listing(), readonly=False))
    named = found.texts("button", lambda given: "aria-pressed" in given)
    assert named == [".pdf 1", ".txt 2", "same text as another 2", "without passages 1"]
    assert rows(Reading(listing_html(documents, Listing(facet="same text as another"), readonly=False))) == ["b", "c"]
    assert rows(Reading(listing_html(documents, Listing(facet=".txt"), readonly=False))) == ["a", "b"]


def test_each_row_offers_to_ask_its_document_alone_also_to_readers() -> None:
    for readonly in (True, False):
        shown = Reading(listing_html([summary("a", "Bells"), summary("b")], Listing(), readonly))
        assert shown.attribute("data-only") == ["a", "b"]
        assert len(shown.texts("td")) == 2 * (len(shown.texts("th", lambda given: given.get("scope") == "col")) - 1)


def test_a_long_list_is_turned_page_by_page() -> None:
    documents = [summary(f"{number:04}") for number in range(ON_A_PAGE * 2 + 1)]
    seen = [name for page in range(3) for name in rows(Reading(listing_html(documents, Listing(page=page), False)))]
    assert seen == [document.id for document in documents]
    asked = Reading(listing_html(documents, Listing(page=1), False)).attribute("data-do")
    assert {"page": 0} in map(json.loads, asked) and {"page": 2} in map(json.loads, asked)


def test_who_may_only_read_is_offered_nothing_that_writes() -> None:
    document = Document("d", "It rained.")
    for html in (
        listing_html([summary("a")], Listing(), readonly=True),
        document_html(document, [], [], readonly=True),
        health_html(INFO, [], ["v1 is damaged"], readonly=True),
    ):
        asked = [json.loads(item) for item in Reading(html).attribute("data-do")]
        assert not [item for item in asked if {"remove", "read", "mend"} & item.keys()]


def test_the_list_and_the_report_say_how_much_of_a_document_is_searched() -> None:
    document = DocumentSummary("a", None, None, 200, 1, "", {"share": 50, "credit": 10}, f"hidden texts (2) {HOSTILE}")
    listed = Reading(listing_html([document], Listing(), readonly=True))
    assert "30%" in listed.texts("td")
    assert f"Masked: share 25%, credit 5%. Not in the text: hidden texts (2) {HOSTILE}." in listed.attribute("title")
    report = Reading(report_html(IndexReport(added=("a",), documents=(document,))))
    assert "added: 1 passage, 200 characters, 30% masked (share 25%, credit 5%)" in report.texts("td")[0]
    opened = Reading(document_html(Document("d", "It.", metadata={"left_out": HOSTILE}), [], [], readonly=True))
    assert not any("img" in {tag for tag, _, _ in shown.elements} for shown in (listed, report, opened))


def test_a_document_shows_its_passages_and_what_is_ignored_and_loses_no_character() -> None:
    text = f"Subscribe\n{HOSTILE}\nIt rained.\r\n"
    one = Chunk(Span("d", 10, 10 + len(HOSTILE)), HOSTILE)
    two = Chunk(Span("d", 11 + len(HOSTILE), 21 + len(HOSTILE)), "It rained.")
    mask = Mask(Span("d", 0, 9), "subscribe")
    found = Reading(document_html(Document("d", text, HOSTILE), [one, two], [mask], readonly=False))
    assert found.of_class("pc-passage") == [HOSTILE, "It rained."]
    assert found.of_class("pc-ignored") == ["Subscribe"]
    assert found.of_class("pc-text") == [text]
    assert "img" not in {tag for tag, _, _ in found.elements}


def test_the_head_of_a_column_of_numbers_stands_over_them() -> None:
    found = Reading(listing_html([summary("a")], Listing(), readonly=False))
    right = [tag for tag, attributes, _ in found.elements if "pc-number" in (attributes.get("class") or "").split()]
    assert right == ["th"] * 3 + ["td"] * 3
    assert found.of_class("pc-number") == ["Characters", "Passages", "Masked", "100", "1", "0%"]


def test_the_list_is_sorted_by_a_press_on_the_head_of_a_column() -> None:
    documents = [
        DocumentSummary("a", "Zinc", "/x/a.txt", 10, 3, "a"),
        DocumentSummary("b", "Ash", "/x/b.pdf", 30, 1, "b", {"share": 15}),
        DocumentSummary("c", "moss", "/x/c.md", 20, 2, "c"),
    ]
    facts = DocumentFacts({"a": "2024", "c": "2023-05"})
    orders = {
        "": "abc",
        "title": "bca",
        "kind": "cba",
        "date": "bca",
        "length": "acb",
        "passages": "bca",
        "masked": "acb",
    }
    for column, order in orders.items():
        listed = Reading(listing_html(documents, Listing(sort=column), True, facts))
        assert "".join(listed.attribute("data-only")) == order, column
    listed = Reading(listing_html(documents, Listing(sort="length", descending=True), True, facts))
    assert "".join(listed.attribute("data-only")) == "bca"
    assert listed.attribute("aria-sort") == ["descending"]
    asked = [json.loads(value) for value in listed.attribute("data-do")]
    # A second press turns the order round; the first press on numbers and dates shows the largest first.
    assert {"sort": "length", "descending": False} in asked and {"sort": "date", "descending": True} in asked
    assert {"sort": "title", "descending": False} in asked


def test_a_file_that_is_gone_or_has_changed_is_named_in_its_row() -> None:
    states = {"a": "missing", "b": "changed"}
    facts = DocumentFacts(states_of=lambda summaries: states)
    found = Reading(listing_html([summary("a"), summary("b"), summary("c")], Listing(), True, facts))
    assert found.of_class("pc-state") == ["file missing", "file changed"]


def test_a_removal_can_be_undone_and_a_write_cancelled_by_a_button() -> None:
    removed = Reading(report_html(IndexReport(removed=("a",)), {"undo": "k"}))
    assert [json.loads(value) for value in removed.attribute("data-do")] == [{"undo": "k"}]
    assert Reading(report_html(IndexReport(), {"undo": "k"})).attribute("data-do") == []
    going_on = Reading(progress_html(Progress("a.txt", 25, 100, 3, 10.0), {"cancel": True}))
    assert going_on.texts("button") == ["Cancel"] and going_on.attribute("data-now") == ["a.txt"]


def test_a_report_names_each_file_with_what_became_of_it() -> None:
    report = IndexReport(
        added=("a", "b"), updated=("c",), duplicates=(("b", ("a",)), ("c", tuple("vwxyz"))),
        failed=((HOSTILE, "It holds no text."),), notes=(HOSTILE,),
    )  # fmt: skip
    found = Reading(report_html(report))
    assert found.attribute("data-announce") == ["2 added, 1 updated, 1 skipped"]
    told = dict(zip(found.texts("th"), found.texts("td"), strict=True))
    changed = {"a": "added", "b": "added, same text as a", "c": "updated, same text as v, w, x and 2 more"}
    assert told == {**changed, HOSTILE: "skipped: It holds no text."}
    assert found.of_class("pc-note") == [f"Note: {HOSTILE}"]
    assert "img" not in {tag for tag, _, _ in found.elements}
    assert Reading(report_html(IndexReport())).text == "Nothing to do."


def test_progress_is_a_bar_with_the_time_left() -> None:
    found = Reading(progress_html(Progress("a.txt", 25, 100, 3, 10.0)))
    assert (found.attribute("value"), found.attribute("max")) == (["25"], ["100"])
    assert found.texts("p") == ["3 read, now a.txt, about 31 s left"]


def test_health_says_what_is_wrong_and_offers_to_mend_it() -> None:
    documents = [summary("a", sha="same"), summary("b", sha="same", chunks=0)]
    unknown, sound, damaged = (
        Reading(health_html(INFO, documents, problems, readonly=False)) for problems in (None, [], ["v1/words is gone"])
    )
    assert "2 (2 same text as another, 1 without passages)" in unknown.text
    assert "All index files are intact." in sound.text and "intact" not in unknown.text
    assert "Wrong: v1/words is gone." in damaged.text
    assert [{"mend": True} in map(json.loads, one.attribute("data-do")) for one in (unknown, sound, damaged)] == [
        False,
        False,
        True,
    ]
