"""Settings refuse what they do not know and what is out of range, and say what would do."""

from dataclasses import fields

import pytest

from rag.errors import InvalidSettings
from rag.settings import RANGES, Settings


def test_every_number_has_a_range_and_its_default_lies_inside() -> None:
    numbers = {item.name for item in fields(Settings) if item.type in (int, float, float | None)}
    assert numbers == set(RANGES)


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(InvalidSettings, match="Did you mean 'top_k'"):
        Settings().updated({"topk": 3})


def test_a_key_like_no_other_lists_all() -> None:
    with pytest.raises(InvalidSettings, match="Known settings: embedding_model"):
        Settings().updated({"zzz": 3})


@pytest.mark.parametrize(("name", "value"), [
    ("top_k", 0), ("top_k", 51), ("top_k", 2.5), ("top_k", True), ("min_confidence", 1.1), ("dense_weight", -0.1),
    ("dense_weight", float("nan")), ("chunk_size", 10), ("top_k", "many"),
])  # fmt: skip
def test_values_out_of_range_or_kind_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidSettings, match=name):
        Settings().updated({name: value})


def test_text_is_read_as_the_setting_s_own_type() -> None:
    changed = Settings().updated({"top_k": "7", "dense_weight": "0.25", "min_confidence": "0.5", "stemmer": "german"})
    assert (changed.top_k, changed.dense_weight, changed.min_confidence, changed.stemmer) == (7, 0.25, 0.5, "german")
