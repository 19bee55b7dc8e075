import pytest

from rag.errors import InvalidSettings
from rag.ui.options import Options, name_and_password


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


@pytest.mark.parametrize("name", ["questions_a_minute", "upload_megabytes"])
def test_a_limit_that_lets_nothing_through_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        Options(**{name: 0})  # type: ignore[arg-type]
