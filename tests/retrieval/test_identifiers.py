"""Identifiers: found in questions, and held by a text to the letter or not at all."""

import pytest

from rag.retrieval.identifiers import holds_identifier, identifiers, missing_identifiers


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("default value of GID_MIN", {"gid_min"}),
        ("What does mke2fs do when -c is given twice?", {"mke2fs", "-c"}),
        ("Which edition is assumed when Cargo.toml has none?", {"cargo.toml"}),
        ("Who wrote C and who C++?", {"c", "c++"}),
        ("What belongs in /var/account?", {"/var/account"}),
        ("How much does grade A cost?", {"a"}),
        ("A boat of 10us, 20ms, 4GB, the 3rd, 50% or a 3-digit number in the U.S. or D.C.", set()),
        ("When was the built-in, on-call, TLS 1.1 service opened?", set()),
    ],
)
def test_identifiers_are_words_that_one_sign_makes_another(question: str, found: set[str]) -> None:
    assert identifiers(question) == found


@pytest.mark.parametrize(
    ("text", "word", "held"),
    [
        ("Grade A- costs 8 euros.", "a", False),
        ("Grade A costs 10 euros.", "a", True),
        ("Use C++ or C#.", "c", False),
        ("metadata_csum_seed", "metadata_csum", False),
        ("set --force-all", "--force", False),
        ("(see `--force`)", "--force", True),
        ("KillMode=", "killmode", True),
    ],
)
def test_a_text_holds_an_identifier_as_a_whole_word(text: str, word: str, held: bool) -> None:
    assert holds_identifier(text.lower(), word) is held
    assert missing_identifiers([word], text) == ([] if held else [word])
