import dataclasses

import pytest

from rag.core.response import Doubt, NoAnswer, NoAnswerReason, Polarity, Remarks
from rag.core.types import Document
from rag.server.files.original_files import EVIDENCE_ADDRESS
from rag.server.page.html.answers.cards import response_html, sides
from rag.server.page.html.answers.no_answer_card import HEADLINES, UNSURE_HEADLINE, message_html
from tests.responses import answer, answered, refused
from tests.server.page.pages import Reading

HOSTILE = (
    '<img src=x onerror=alert(1)>\u202e</script><script>alert(2)</script>"\' onclick="alert(3)" {{value}} ${value}'
)
CARD_TAGS = {"section", "h2", "p", "ol", "ul", "li", "article", "div", "blockquote", "details", "summary"}
TAGS = CARD_TAGS | {"q", "h3", "span", "mark", "cite", "bdi", "button", "code", "strong", "a"}
NAMES = {"class", "dir", "title", "type", "tabindex", "href", "target", "rel", "role", "aria-hidden", "aria-label"}
NAMES |= {"data-announce", "data-show", "data-copy", "data-lasting", "data-link", "data-widen", "data-export"}
NAMES |= {"data-question", "data-response", "aria-expanded", "style"}


def hostile_document(document_id: str = HOSTILE) -> Document:
    known = {"author": HOSTILE, "publisher": HOSTILE, "published_at": HOSTILE, "uri": f"https://x.example/{HOSTILE}"}
    return Document(document_id, f"Before. {HOSTILE} After.", HOSTILE, source_path=HOSTILE, metadata=known)


def test_a_card_marks_exactly_the_quotation_inside_its_context() -> None:
    document = Document("d.txt", "It rained. The bell rang twice.\r\nNobody came.")
    found = Reading(response_html(answered(answer(document, 11, 31, context=(0, 45)))))
    assert found.texts("mark") == ["The bell rang twice."]
    assert found.texts("blockquote") == ["It rained. The bell rang twice.\r\nNobody came."]


def test_a_quotation_beyond_the_basic_plane_is_marked_by_code_points() -> None:
    document = Document("d.txt", "😀😀 𝔄nna sang. 😀")
    found = Reading(response_html(answered(answer(document, 3, 13, context=(0, 15)))))
    assert found.texts("mark") == ["𝔄nna sang."]


def test_no_text_from_outside_becomes_markup() -> None:
    document = hostile_document()
    other = hostile_document("other" + HOSTILE)
    full = (0, len(document.text))
    one = answer(document, 8, 8 + len(HOSTILE), context=full, headings=(HOSTILE,), also_in=((other, 8, 20),))
    doubtful = dataclasses.replace(one, remarks=Remarks(("But", HOSTILE), "denies", (Doubt("denies", HOSTILE),)))
    for response in (
        answered(one, question=HOSTILE),
        refused(NoAnswer("low_confidence", HOSTILE, 0.6, 0.2, (one,), (HOSTILE,)), HOSTILE),
        refused(NoAnswer("low_confidence", HOSTILE, 0.6, 0.2, possible=(doubtful,)), HOSTILE),
    ):
        found = Reading(response_html(response))
        assert {tag for tag, _, _ in found.elements} <= TAGS
        assert {name for _, attributes, _ in found.elements for name in attributes} <= NAMES
        assert HOSTILE in found.text
    made = message_html(HOSTILE, HOSTILE)
    assert {tag for tag, _, _ in Reading(made).elements} <= TAGS


def test_a_quotation_has_its_own_direction_and_each_fact_is_isolated() -> None:
    document = Document("d.txt", "שלום לכולם.", "כותרת", metadata={"publisher": "עיתון"})
    found = Reading(response_html(answered(answer(document, 0, 11))))
    assert found.texts("blockquote", lambda attributes: attributes.get("dir") == "auto") == ["שלום לכולם."]
    assert {"כותרת", "עיתון"} <= set(found.texts("bdi"))


def test_a_source_may_offer_web_addresses_only() -> None:
    for uri, links in (
        ("javascript:alert(1)", []),
        ("data:text/html,x", []),
        ("https://a.example/b", ["https://a.example/b#:~:text=Yes%2E"[:23]]),
    ):
        document = Document("d.txt", "Yes.", metadata={"uri": uri})
        found = Reading(response_html(answered(answer(document, 0, 4)))).attribute("href")
        assert [link[:23] for link in found if not link.startswith(f".{EVIDENCE_ADDRESS}")] == links


@pytest.mark.parametrize(
    ("confidence", "words", "figure"),
    [(0.95, "Very high", "95%"), (0.83, "High", "83%"), (0.5, "Medium", "50%"), (0.1, "Low", "10%")],
)
def test_confidence_is_said_in_words_with_its_figure(confidence: float, words: str, figure: str) -> None:
    document = Document("d.txt", "Yes.")
    found = Reading(response_html(answered(answer(document, 0, 4, confidence=confidence))))
    assert found.of_class("pc-confidence") == [f"{words} confidence, {figure}"]
    assert found.of_class("pc-figure") == [figure]


def test_the_sentence_is_copied_with_where_it_stands_and_the_words_alone_apart() -> None:
    text = "It rained.\nAgnes\ncast the bell in 1611.\nNobody came."
    known = {"author": "A. Writer", "publisher": "The Paper", "published_at": "2021-03-04", "uri": "https://a.example/"}
    document = Document("d.txt", text, "A day", metadata=known)
    inside = dataclasses.replace(answer(document, 34, 38, context=(11, 39)), answer_type="span")
    sentence, cited, words, *styles = Reading(response_html(answered(inside))).attribute("data-copy")
    assert (sentence, words) == ("Agnes cast the bell in 1611.", "1611")
    assert cited == f"“{sentence}” — A day, A. Writer, The Paper, 2021-03-04, line 3, https://a.example/"
    assert len(styles) == 5 and all("Agnes cast the bell in" in style for style in styles)
    whole = Reading(response_html(answered(answer(document, 11, 39)))).attribute("data-copy")
    assert len(whole) == 7  # nothing to copy apart


def test_a_document_without_title_is_named_by_its_id() -> None:
    found = Reading(response_html(answered(answer(Document("notes/d.txt", "Yes."), 0, 4))))
    assert found.texts("cite") == ["notes/d.txt"]


def test_what_was_verified_is_said_with_its_figures() -> None:
    document = Document("d.txt", "No. Yes.")
    said = " ".join(Reading(response_html(answered(answer(document, 4, 8)))).of_class("pc-verified"))
    assert "Characters 4 to 8 of d.txt" in said
    assert document.text_sha256 in said
    assert "version 3 of the index" in said


def test_the_same_words_elsewhere_are_listed_with_a_way_there() -> None:
    document, other = Document("a.txt", "Yes."), Document("b.txt", "So: Yes.")
    found = Reading(response_html(answered(answer(document, 0, 4, also_in=((other, 4, 8),)))))
    assert found.attribute("data-show") == ["answers/1/1", "answers/1/0"]
    assert "b.txt, line 1" in found.texts("bdi")


def test_a_screen_reader_is_told_how_many_answers_and_the_best() -> None:
    document = Document("d.txt", "Yes.\nNo.")
    response = answered(answer(document, 0, 4), answer(document, 5, 8, rank=2, confidence=0.4))
    assert Reading(response_html(response)).attribute("data-announce") == ["2 answers, best: Yes. — High confidence"]


def test_a_no_answer_marks_nothing_and_names_what_is_missing() -> None:
    document = Document("d.txt", "The harbour froze.")
    near = answer(document, 0, 18, confidence=0.21)
    refusal = NoAnswer("low_confidence", "None is likely enough.", 0.62, 0.21, (near,), ("Peru", "capital"))
    found = Reading(response_html(refused(refusal)))
    assert found.texts("mark") == []
    assert found.texts("h2") == ["No answer in these documents"]
    assert found.of_class("pc-missing") == ["Not found in any document: Peru, capital"]
    assert any(words.startswith("None is likely enough. ") for words in found.texts("p"))
    assert "The best candidate scored 21%; answers need 62%." in found.texts("p")
    (passage,) = found.texts("article")
    assert passage.startswith("Closest passage (not an answer)")
    assert "The harbour froze." in passage
    assert found.attribute("data-show") == ["closest/1/0"]


def test_only_the_first_of_the_closest_passages_is_open() -> None:
    document = Document("d.txt", "The harbour froze. The ferry sank. Nobody came.")
    spans = ((0, 18), (19, 34), (35, 47))
    near = tuple(answer(document, start, end, rank) for rank, (start, end) in enumerate(spans, start=1))
    found = Reading(response_html(refused(NoAnswer("no_match", "None.", closest=near))))
    folded_parts = found.texts("details", lambda attributes: attributes.get("class") != "pc-more")
    (passage,), (folded,) = found.texts("article"), [part for part in folded_parts if "Cite as" in part]
    assert "The harbour froze." in passage and "The ferry sank." not in passage
    assert folded.startswith("2 more passages (not answers)") and "Nobody came." in folded


def test_a_possible_answer_is_called_unsure_and_its_doubts_are_listed() -> None:
    document = Document("d.txt", "The harbour may have frozen in 1907.")
    doubts = (Doubt("low_confidence", "It scored 21%."), Doubt("rival", "<b>Another</b> is as likely."))
    one = dataclasses.replace(
        answer(document, 31, 35, confidence=0.21, context=(0, 36)), remarks=Remarks(doubts=doubts)
    )
    refusal = NoAnswer("low_confidence", "No answer is sure.", 0.62, 0.21, possible=(one,), possible_threshold=0.1)
    found = Reading(response_html(refused(refusal)))
    assert found.texts("h2") == [UNSURE_HEADLINE] and found.texts("mark") == []
    assert found.texts("h3") == ["Possible answer unsure"]
    assert found.of_class("pc-doubts") == ["Doubts about itIt scored 21%.<b>Another</b> is as likely."]
    assert found.of_class("pc-confidence") == ["Low confidence, 21%"]
    assert found.attribute("data-show") == ["possible/1/0"] == found.attribute("data-link")
    assert found.attribute("data-announce")[0].endswith("Possible answer, unsure: 1907")


@pytest.mark.parametrize(
    ("polarity", "words"),
    [
        ("affirms", []),
        ("denies", ["This sentence denies it"]),
        ("conditional", ["This sentence makes it conditional"]),
    ],
)
def test_a_sentence_that_denies_what_is_asked_is_called_so(polarity: Polarity, words: list[str]) -> None:
    document = Document("d.txt", "Dogs are not allowed.")
    one = dataclasses.replace(answer(document, 0, 21), remarks=Remarks(polarity=polarity))
    assert Reading(response_html(answered(one))).of_class("pc-polarity") == words
    refusal = NoAnswer("low_confidence", "No answer is sure.", possible=(one,))
    assert Reading(response_html(refused(refusal))).of_class("pc-polarity") == words


@pytest.mark.parametrize("reason", HEADLINES)
def test_every_reason_has_a_headline_of_its_own_words(reason: NoAnswerReason) -> None:
    found = Reading(response_html(refused(NoAnswer(reason, "Because."))))
    assert found.texts("h2") == [HEADLINES[reason]]
    assert reason not in found.text


def test_an_error_says_what_and_what_to_do() -> None:
    found = Reading(message_html("The question is too long.", "Ask in fewer words."))
    assert (found.texts("h2"), found.texts("p")) == (["The question is too long."], ["Ask in fewer words."])
    assert found.attribute("data-announce") == ["The question is too long. Ask in fewer words."]


def of(name: str, text: str, date: str | None) -> Document:
    return Document(name, text, metadata={"published_at": date} if date else {})


def test_only_answers_that_another_contradicts_stand_side_by_side_the_newest_first() -> None:
    old = of("old", "The bridge cost 4 million euros.", "2019-05-14")
    new = of("new", "The bridge cost 7 million euros.", "2021-11-02")
    none = of("none", "It opened in May.", None)
    made = [answer(document, 0, len(document.text), rank) for rank, document in enumerate((old, none, new), start=1)]
    response = dataclasses.replace(
        answered(*made, question="How much did the bridge cost?"),
        agreement={"groups": [[1], [2], [3]], "differ": True},
    )
    assert [[one.rank for one in side] for side in sides(response)] == [[3], [1]]
    found = Reading(response_html(response))
    assert found.texts("h3") == ["2021-11-02", "2019-05-14", "Also found"]
    assert found.texts("mark") == [new.text, old.text, none.text]
    assert found.attribute("data-announce")[0].endswith("The sources differ.")


def test_answers_that_say_the_same_name_each_other() -> None:
    documents = [of(name, "The bell rang.", None) for name in "abc"]
    made = [answer(document, 0, 14, rank) for rank, document in enumerate(documents, start=1)]
    response = dataclasses.replace(answered(*made), agreement={"groups": [[1, 3], [2]], "differ": False})
    assert Reading(response_html(response)).of_class("pc-agrees") == ["Says the same as 3", "Says the same as 1"]


def test_a_source_that_goes_on_with_a_but_is_shown_with_it() -> None:
    document = Document("d", "Entry is free. But <b>not</b> on Sundays.")
    one = dataclasses.replace(answer(document, 0, 14), remarks=Remarks(("But", "But <b>not</b> on Sundays.")))
    (words,) = Reading(response_html(answered(one))).of_class("pc-continues")
    assert words == "The source goes on with “But”: But <b>not</b> on Sundays."


def test_an_answer_inside_a_sentence_is_strong_in_it() -> None:
    document = Document("d", "The bell was cast in 1611 by Agnes.")
    one = dataclasses.replace(answer(document, 21, 25, context=(0, 35)), answer_type="span")
    found = Reading(response_html(answered(one)))
    assert found.of_class("pc-strong") == found.texts("mark") == ["1611"]
    assert found.of_class("pc-sentence") == ["The bell was cast in ", " by Agnes."]


def test_a_reader_is_asked_only_where_what_he_says_is_kept() -> None:
    response = answered(answer(Document("d", "Yes."), 0, 4))
    assert Reading(response_html(response)).of_class("pc-feedback") == []
    asked = Reading(response_html(response, judged=True)).attribute("data-verdict")
    assert asked == ["1/right", "1/wrong_place", "1/not_an_answer", "1/boilerplate", "1/outdated"]
