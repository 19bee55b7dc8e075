"""Settings refuse what they do not know and what is out of range, and say what would do."""

from dataclasses import fields

import pytest

from rag.core.errors import InvalidSettings
from rag.core.settings import RANGES, Options, Settings, merge_settings, name_and_password


def test_every_number_has_a_range_and_its_default_lies_inside() -> None:
    both = (*fields(Settings), *fields(Options))
    numbers = {item.name for item in both if item.type in (int, float, float | None)}
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


def test_a_login_is_split_at_its_first_colon() -> None:
    assert name_and_password("ann:se:cret") == ("ann", "se:cret")


@pytest.mark.parametrize("given", ["ann", "ann:", ":secret", ""])
def test_half_a_login_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        name_and_password(given)
    assert refusal.value.message == "The login is not of the form name:password."


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_page_is_for_this_machine_alone_unless_told_otherwise(host: str) -> None:
    assert Options().local and Options(host).local and not Options("0.0.0.0").local


@pytest.mark.parametrize(("name", "value"), [
    ("rate_limit", 0), ("upload_limit", 0), ("port", -1), ("port", 65_536), ("readonly", 1), ("readonly", "perhaps"),
    ("host", ""), ("host", 1),
])  # fmt: skip
def test_what_cannot_be_served_by_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidSettings, match=name):
        Options().updated({name: value})


def test_text_is_read_as_the_option_s_own_type() -> None:
    changed = Options().updated({"port": "0", "auth": "ann:se:cret", "readonly": "Yes", "host": "::1"})
    assert (changed.port, changed.auth, changed.readonly, changed.host) == (0, ("ann", "se:cret"), True, "::1")
    assert not changed.updated({"readonly": "off"}).readonly


def test_a_later_threshold_displaces_the_other_one() -> None:
    merged = merge_settings({"min_precision": 0.9}, {"min_confidence": 0.5, "top_k": 3})
    assert merged == {"top_k": 3, "min_precision": 0.9}
    assert merge_settings({"top_k": 4}, {"min_confidence": 0.5, "top_k": 3}) == {"min_confidence": 0.5, "top_k": 4}
