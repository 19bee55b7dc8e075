"""BM25 by hand, words of many scripts, and changes that are seen after a commit."""

import math
from pathlib import Path

import pytest

from rag.core.errors import IndexCorrupt, InvalidSettings
from rag.index.storage.lexical import FIELD_WEIGHTS, TantivyStore
from rag.retrieval.question_types import inverse_document_frequency


def store(texts: dict[int, str], folder: Path | None = None, stemmer: str = "english") -> TantivyStore:
    made = TantivyStore(folder, stemmer)
    made.add(list(texts), list(texts.values()), [""] * len(texts))
    made.commit()
    return made


def rows(made: TantivyStore, query: str, k: int = 10) -> list[int]:
    return [row for row, _ in made.search(query, k)]


def bm25(count: int, total: int, frequency: int, length: int, mean_length: float) -> float:
    k1, b = 1.2, 0.75
    idf = inverse_document_frequency(count, total)
    return idf * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * length / mean_length))


def test_the_score_is_bm25() -> None:
    made = store({1: "baku baku oil", 2: "oil gas wind", 3: "gas sun rain"})
    # `baku` in 1 of 3 rows, twice, all rows 3 words long; the same in both fields that hold the passage
    expected = bm25(1, 3, 2, 3, 3.0) * (FIELD_WEIGHTS["stems"] + FIELD_WEIGHTS["words"])
    (row, score) = made.search("baku", 5)[0]
    assert (row, len(made.search("baku", 5))) == (1, 1)
    assert score == pytest.approx(expected, rel=1e-4)


def test_inverse_document_frequency_by_hand() -> None:
    assert inverse_document_frequency(1, 3) == pytest.approx(math.log(1 + 2.5 / 1.5))
    assert inverse_document_frequency(0, 0) == pytest.approx(math.log(2))


def test_words_are_stemmed_lowered_and_freed_of_accents() -> None:
    made = store({1: "The embassies were opened", 2: "A café in Zürich"})
    assert rows(made, "EMBASSY opens") == [1]
    assert rows(made, "zurich cafe") == [2]
    assert rows(made, "Café") == [2]


def test_the_exact_form_is_better_than_its_stem() -> None:
    made = store({1: "they organized nothing else today", 2: "the organization stayed calm today"})
    assert rows(made, "organization")[0] == 2


def test_titles_and_headings_are_searched() -> None:
    made = TantivyStore()
    made.add([1, 2], ["Prices rose.", "Prices fell."], ["Oil market", "Wheat market"])
    made.commit()
    assert rows(made, "wheat prices")[0] == 2


@pytest.mark.parametrize(("text", "query"), [
    ("阿塞拜疆的首都是巴库。", "首都"), ("عاصمة أذربيجان هي باكو", "باكو"), ("Столица Азербайджана", "столица"),
    ("กรุงเทพมหานคร", "เทพ"), ("😀 smile", "smile"), ("e\u0301te\u0301", "e\u0301te\u0301"),
])  # fmt: skip
def test_scripts(text: str, query: str) -> None:
    assert rows(store({1: text, 2: "nothing alike here"}), query) == [1]


@pytest.mark.parametrize("query", ["", "  ", "?!", 'AND (OR "x" : ^2 [a TO b] -', "row:1", "\x00", "a" * 5_000])
def test_no_query_is_an_error_or_an_operator(query: str) -> None:
    assert rows(store({1: "baku", 2: "oil"}), query) == []


def test_rows_without_a_common_word_are_not_found_and_ties_go_by_row() -> None:
    made = store({7: "oil", 2: "oil", 5: "gas"})
    assert rows(made, "oil") == [2, 7]
    assert rows(made, "oil", 0) == []


def test_changes_are_seen_after_commit_and_after_reopening(tmp_path: Path) -> None:
    made = store({1: "oil", 2: "oil"}, tmp_path)
    made.remove([1])
    assert rows(made, "oil") == [1, 2]
    made.commit()
    assert rows(made, "oil") == [2]
    assert len(made) == 1
    assert rows(TantivyStore(tmp_path), "oil") == [2]


def test_document_frequency_counts_rows() -> None:
    made = store({1: "oil oil", 2: "oils", 3: "gas"})
    assert [made.document_frequency(term) for term in ("oil", "gas", "sun")] == [2, 1, 0]


def test_the_words_as_written_stand_beside_the_searched_ones() -> None:
    made = TantivyStore()
    text = "Élan vital, U.S. 1.6 — ÉTÉ’s 巴库"
    assert len(made.words(text)) == len(made.words_as_written(text)) == len(made.terms(text))
    assert made.words(text)[:2] == ["elan", "vital"]
    assert made.words_as_written(text)[:2] == ["Élan", "vital"]


def test_an_unknown_stemmer_lists_the_known() -> None:
    with pytest.raises(InvalidSettings, match="none, arabic, danish"):
        TantivyStore(stemmer="klingon")


def test_a_folder_that_is_no_index_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(IndexCorrupt, match="rag check --repair"):
        TantivyStore(tmp_path)


def test_a_word_that_no_row_has_is_searched_as_those_one_edit_away() -> None:
    made = store({1: "Netanyahu spoke.", 2: "Aliyev listened.", 3: "A broad road."})
    for misspelt in ("Netanyaho", "netanyhau", "Netanyau", "Nettanyahu"):
        assert made.corrections(misspelt) == {misspelt.lower(): ("netanyahu",)}
        assert rows(made, f"What did {misspelt} say?") == [1]
    assert rows(made, "Netanyahoo") == []  # two edits


@pytest.mark.parametrize("word", ["Netanyahu", "bake", "Metanyahu", "2018", "F16s1", "", "netanyahu's"])
def test_known_words_short_words_figures_and_first_letters_are_as_they_are(word: str) -> None:
    assert store({1: "Netanyahu spoke in Baku in 2017 of F16s."}).corrections(word) == {}


def test_words_of_headings_and_of_other_alphabets_are_corrected_too() -> None:
    made = TantivyStore(stemmer="none")
    made.add([1, 2], ["It is far.", "Столица Азербайджана"], ["Nagorno-Karabakh", ""])
    made.commit()
    assert rows(made, "Karabak") == [1]
    assert rows(made, "Азербайжана") == [2]


def test_corrections_are_those_in_most_rows_and_never_more_than_three() -> None:
    made = store({1: "mater", 2: "matez matez", 3: "mated mater", 4: "matey", 5: "mates"}, stemmer="none")
    assert made.corrections("matex") == {"matex": ("mater", "mated", "mates")}


@pytest.mark.parametrize("query", ["Beyonce", "Beyoncé", "BEYONCÉ", "beyonce's"])
def test_a_name_is_found_with_its_accents_and_without(query: str) -> None:
    store = TantivyStore()
    store.add([1, 2], ["Beyoncé married in 2008.", "Rivers carve valleys."], ["", ""])
    store.commit()
    assert [row for row, _ in store.search(query, 5)] == [1]
    assert set(store.terms("Beyonce")) == set(store.terms("Beyoncé"))


def test_words_that_differ_by_a_sign_are_different_words() -> None:
    store = TantivyStore()
    texts = ["C was designed by Ritchie.", "C++ was designed by Stroustrup.", "C# was designed by Hejlsberg.",
             "Grade A+ costs 14.", "Grade A- costs 8."]  # fmt: skip
    store.add(range(5), texts, [""] * 5)
    store.commit()
    best = [store.search(query, 1)[0][0] for query in ("Who made C++?", "C#", "the price of A+", "A-, please")]
    assert best == [1, 2, 3, 4]
    assert store.words_as_written("C++ and .NET") == ["C++", "and", ".NET"]
    assert store.document_frequency(store.terms("C")[0]) == 1


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (
            "Die Brücken der Insel sind im Winter geschlossen.",
            "Wann ist die Brücke der Insel zu?",
        ),
        ("Les navires sont arrimés au quai par des cordages de la capitainerie.", "Quel cordage est sur le navire ?"),
        (
            "La sincronización de los archivos se hace con los otros dispositivos.",
            "¿Con qué se sincronizan los archivos?",
        ),
    ],
)
def test_a_text_in_another_language_is_stemmed_in_that_language(text: str, query: str) -> None:
    made = store({1: text, 2: "The harbour is closed."})
    own, english = ({*made.terms(text, name)} & {*made.terms(query, name)} for name in (None, ""))
    assert len(own) > len(english)
    assert rows(made, query)[0] == 1


def test_words_parted_at_the_end_of_a_line_are_searched_as_one() -> None:
    assert rows(store({1: "The de\u2010\n   fault is five."}), "default") == [1]
