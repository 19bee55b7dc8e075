import pytest

from rag.core.errors import InvalidInput
from rag.server.limits.rate_limit import MAX_CLIENTS, RateLimit
from tests.server.clock import Clock


def test_a_minutes_questions_may_come_at_once_and_then_fill_evenly() -> None:
    clock = Clock(100.0)
    limit = RateLimit(6, clock)
    for _ in range(6):
        limit.take("a")
    with pytest.raises(InvalidInput, match="more than the 6 a minute") as refusal:
        limit.take("a")
    assert refusal.value.remedy == "Wait 11 s and ask again."
    clock.now += 10  # one sixth of a minute: one question
    limit.take("a")
    with pytest.raises(InvalidInput):
        limit.take("a")


def test_one_client_takes_nothing_from_another() -> None:
    limit = RateLimit(1, Clock(100.0))
    limit.take("a")
    limit.take("b")
    with pytest.raises(InvalidInput):
        limit.take("a")


def test_a_bucket_never_holds_more_than_a_minutes_questions() -> None:
    clock = Clock(100.0)
    limit = RateLimit(2, clock)
    limit.take("a")
    clock.now += 3_600
    limit.take("a", 2)
    with pytest.raises(InvalidInput):
        limit.take("a")


def test_a_file_of_more_questions_than_a_minute_has_is_refused_whole_and_costs_nothing() -> None:
    limit = RateLimit(5, Clock(100.0))
    with pytest.raises(InvalidInput, match="6 questions at once") as refusal:
        limit.take("a", 6)
    assert "at most 5" in refusal.value.remedy
    limit.take("a", 5)


def test_clients_that_have_been_idle_are_forgotten() -> None:
    clock = Clock(100.0)
    limit = RateLimit(1, clock)
    for number in range(MAX_CLIENTS):
        limit.take(str(number))
    clock.now += 61
    limit.take("new")
    assert set(limit._buckets) == {"new"}


def test_what_is_given_back_can_be_taken_again_and_fills_no_bucket_beyond_its_size() -> None:
    limit = RateLimit(2, Clock(100.0))
    limit.give_back("a")
    limit.take("a", 2)
    limit.give_back("a")
    limit.take("a")
    with pytest.raises(InvalidInput):
        limit.take("a")
