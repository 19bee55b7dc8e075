"""What a question's words are worth, by hand."""

from typing import Any

import pytest

from rag.core.errors import InvalidQuestion
from rag.index.storage.lexical import TantivyStore
from rag.retrieval.question_types import (
    answer_kind,
    checked,
    checked_all,
    holds_kind,
    inverse_document_frequency,
    lacks_value,
    needs_context,
    question_form,
    question_terms,
)


@pytest.fixture
def words() -> TantivyStore:
    made = TantivyStore()
    made.add([1, 2, 3], ["Baku exports oil.", "Oil prices rose.", "Wind is free."], ["", "", ""])
    made.commit()
    return made


def test_content_words_are_kept_as_written_once_each_with_stems(words: TantivyStore) -> None:
    terms = question_terms("How much oil does Baku's oil terminal export?", words)
    assert terms.written == ("oil", "Baku", "terminal", "export")
    assert terms.stems == ("oil", "baku", "termin", "export")
    assert terms.frequency == (2, 1, 0, 1)
    assert terms.missing() == ("terminal",)


@pytest.mark.parametrize(("question", "missing"), [
    ("Quelle est la hauteur de la tour d'Orlon ?", ("hauteur", "tour", "Orlon")),
    ("Quand le pont a-t-il été ouvert ?", ("pont", "ouvert")),
    ("Wann wurde die Brücke über den Fluss gebaut?", ("Brücke", "Fluss", "gebaut")),
    ("¿Cuándo se abrió el puente de la ciudad?", ("abrió", "puente", "ciudad")),
    ("Quando è stata aperta la biblioteca della città?", ("aperta", "biblioteca", "città")),
    ("Qual é a altura da torre?", ("altura", "torre")),
    ("Wanneer is de brug over het kanaal geopend?", ("brug", "kanaal", "geopend")),
    ("Did he die in the war?", ("die", "war")), ("war die", ()), ("war casualties", ("war", "casualties")),
])  # fmt: skip
def test_words_that_hold_a_question_together_are_not_missing(
    question: str, missing: tuple[str, ...], words: TantivyStore
) -> None:
    assert question_terms(question, words).missing() == missing


def test_shares_are_weighted_by_rarity(words: TantivyStore) -> None:
    terms = question_terms("oil terminal", words)
    oil, terminal = inverse_document_frequency(2, 3), inverse_document_frequency(0, 3)
    assert terms.share_in(frozenset({"oil"})) == pytest.approx(oil / (oil + terminal))
    assert terms.share_in(frozenset()) == 0.0


def test_words_that_frame_a_question_are_no_part_of_its_subject(words: TantivyStore) -> None:
    terms = question_terms("What happens if oil is missing by default?", words)
    assert terms.share_in(frozenset({"oil"})) < 1.0 == terms.share_of_subject_in(frozenset({"oil"}))
    assert terms.share_of_subject_in(frozenset({"default", "happen"})) == 0.0
    assert question_terms("How long does it take?", words).share_of_subject_in(frozenset()) == 1.0


def test_names_and_numbers_are_told_by_their_form(words: TantivyStore) -> None:
    terms = question_terms("Did Baku sell oil to France in 2012?", words)
    assert terms.share_of_names_in(frozenset({"baku", "2012", "oil"})) == pytest.approx(2 / 3)
    assert question_terms("who sells oil", words).share_of_names_in(frozenset()) == 1.0


def test_a_question_of_function_words_keeps_them_and_a_blank_one_has_none(words: TantivyStore) -> None:
    assert question_terms("Who is it?", words).written == ("Who", "is", "it")
    assert question_terms("?!", words).share_in(frozenset({"oil"})) == 0.0


@pytest.mark.parametrize(("question", "kind"), [
    ("How many drones were sold?", "number"), ("What percentage is Azeri?", "number"), ("When did it fall?", "time"),
    ("In what year was it built?", "time"), ("Who sent it?", "name"), ("Where is Baku?", "name"), ("Why?", "any"),
    ("What is the whole story?", "any"), ("Wer war das?", "any"),
])  # fmt: skip
def test_kinds_of_answers(question: str, kind: str) -> None:
    assert answer_kind(question) == kind


@pytest.mark.parametrize(("text", "kind", "expected"), [
    ("It rose by 5.", "number", 1.0), ("It rose twofold, by two thirds and two.", "number", 1.0),
    ("It rose a little.", "number", -1.0), ("On a Monday in May.", "time", 1.0), ("In 1991 it fell.", "time", 1.0),
    ("It fell later.", "time", -1.0), ("He met Aliyev.", "name", 1.0), ("They met him. He left.", "name", -1.0),
    ("anything", "any", 0.0),
])  # fmt: skip
def test_what_a_text_holds(text: str, kind: str, expected: float) -> None:
    assert holds_kind(text, kind) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("question", "form"), [
    ("Does Israel buy oil?", "yes_no"), ("Is it true that Baku sells oil?", "yes_no"), ("How many drones?", "number"),
    ("By how much did sales rise?", "number"), ("What share of oil is sold?", "number"), ("When did it fall?", "time"),
    ("In which year did it fall?", "time"), ("Who sent it?", "name"), ("With whom did he meet?", "name"),
    ("Where is Baku?", "place"), ("Which country recognised it?", "place"), ("Why did it fall?", "reason"),
    ("How was it arranged?", "manner"), ("Which missiles did they buy?", "list"), ("What weapons were sold?", "list"),
    ("List the missiles", "list"), ("oil exports Baku", "keywords"), ("drones", "keywords"),
    ("What is its status?", "other"), ("What was this?", "other"), ("And when was that?", "time"), ("", "keywords"),
])  # fmt: skip
def test_forms_of_questions(question: str, form: str) -> None:
    assert question_form(question) == form


@pytest.mark.parametrize("question", [
    "And when was that?", "What about him?", "Why?", "Who is it?", "What is its capital?", "Where was she born?",
    "And why?", "What happened then?", "How much did it cost?", "Is that true?", "And his wife?", "What else?",
    "AND WHEN WAS THAT?", "what does this mean", "Who are they?", "How so?",
])  # fmt: skip
def test_a_question_that_names_nothing_needs_what_was_said_before(question: str) -> None:
    assert needs_context(question)


@pytest.mark.parametrize("question", [
    "When did the bridge open?", "What about oil?", "What about US sanctions?", "Who won?", "drones", "Was ist das?",
    "When was that bridge opened?", "Who was born in Baku?", "What did he say about oil?", "?!", "", "2012",
    "Когда это?", "What did Israel do with it?", "Who is Who?", "Israel: what then?",
])  # fmt: skip
def test_a_question_that_names_something_stands_alone(question: str) -> None:
    assert not needs_context(question)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Despite the war, when did Armenia join?", {"armenia"}),
        ("NYC has how many parks?", {"nyc"}),
        ("1992 saw what?", {"1992"}),
        ("which plan B did Q prefer", set()),
        ("who sells oil", set()),
    ],
)
def test_names_are_told_by_how_they_are_written(question: str, names: set[str], words: TantivyStore) -> None:
    assert question_terms(question, words).names == names


@pytest.mark.parametrize("given", [None, 5, b"When?", ["When?"]])
def test_what_is_no_text_is_no_question(given: Any) -> None:
    with pytest.raises(InvalidQuestion, match="A question is text, not ") as caught:
        checked(given, 100)
    assert caught.value.remedy
    with pytest.raises(InvalidQuestion, match="A question is text, not "):
        checked_all([given], 100)


@pytest.mark.parametrize("given", ["When?", b"When?", None, 5])
def test_one_question_is_no_list_of_them(given: Any) -> None:
    with pytest.raises(InvalidQuestion, match="Several questions are a list") as caught:
        checked_all(given, 100)
    assert "`ask`" in caught.value.remedy


@pytest.mark.parametrize(("question", "form"), [
    ("What happens to boats that are not used?", "other"), ("What causes rust?", "other"),
    ("Which boats are used?", "list"), ("How do I stop it?", "procedure"), ("How to stop it", "procedure"),
    ("How does it stop?", "manner"),
])  # fmt: skip
def test_a_verb_is_no_plural_and_a_procedure_no_manner(question: str, form: str) -> None:
    assert question_form(question) == form


@pytest.mark.parametrize(
    ("question", "sentence", "lacking"),
    [
        ("How many stars has it on the site?", "See the status on the site.", True),
        ("How many dogs may I bring?", "No dogs are allowed.", False),
        ("How much does the pilot cost?", "The pilot costs 310 euros.", False),
        ("What year was it founded?", "It is a founded member.", True),
        ("When was the tower built?", "It was built after the war.", False),
        ("How long does it wait?", "It waits until the lock is free.", False),
        ("Who built it?", "See the status.", False),
        ("How many metres is it high?", "高二十一米", False),
    ],
)
def test_a_sentence_without_any_amount_or_date_gives_none(question: str, sentence: str, lacking: bool) -> None:
    assert lacks_value(question, sentence) is lacking
