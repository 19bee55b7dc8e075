import pytest

from rag.retrieval.follow_up import FollowUp, follow_up

ALLOWANCE = "What is the daily allowance in Norway?"

SURE = [
    (ALLOWANCE, "And in France?", "What is the daily allowance in France?"),
    ("What is the daily allowance?", "And in France?", "What is the daily allowance in France?"),
    (ALLOWANCE, "In France?", "What is the daily allowance in France?"),
    (ALLOWANCE, "What about France?", "What is the daily allowance in France?"),
    (ALLOWANCE, "And in 2024?", "What is the daily allowance in Norway in 2024?"),
    ("When did the war in Syria begin in 2011?", "And in Libya?", "When did the war in Libya begin in 2011?"),
    ("How much is taken off for dinner?", "And for breakfast?", "How much is taken off for breakfast?"),
    ("How old was Anna Smith in May 2020?", "And Bert Jones?", "How old was Bert Jones in May 2020?"),
    ("When was the bridge in Ostrava opened?", "And in Prague?", "When was the bridge in Prague opened?"),
    ("When was the bridge opened?", "Why?", "Why was the bridge opened?"),
    ("Was the bridge opened?", "And when?", "When was the bridge opened?"),
    ("Who is Rick Becker?", "Where was he born?", "Where was Rick Becker born?"),
    ("What is the capital of France?", "And of Italy?", "What is the capital of Italy?"),
    ("Wie hoch ist das Tagegeld in Norwegen?", "Und in Frankreich?", "Wie hoch ist das Tagegeld in Frankreich?"),
]
UNSURE = [
    (ALLOWANCE, "And the hotel limit?", "What is the hotel limit in Norway?"),
    (ALLOWANCE, "And abroad?", "What is the daily allowance abroad?"),
    ("How much does the museum cost?", "And the castle?", "How much does the castle cost?"),
    ("How much is taken off for dinner?", "And breakfast?", "How much is taken off for breakfast?"),
    ("Who built the bridge of Ostrava?", "When was it opened?", "When was the bridge of Ostrava opened?"),
    ("What is the capital of France?", "What is its population?", "What is the capital of France’s population?"),
    ("Did Anna meet Bert?", "And Carl?", "Did Anna meet Carl?"),
]


@pytest.mark.parametrize(("previous", "question", "completed"), SURE)
def test_what_a_question_leaves_out_is_taken_from_the_one_before(previous: str, question: str, completed: str) -> None:
    assert follow_up(previous, question) == FollowUp(completed, True)


@pytest.mark.parametrize(("previous", "question", "completed"), UNSURE)
def test_if_another_reading_is_possible_it_says_so(previous: str, question: str, completed: str) -> None:
    assert follow_up(previous, question) == FollowUp(completed, False)


@pytest.mark.parametrize(
    ("previous", "question"),
    [
        ("", "And in France?"),
        (ALLOWANCE, ""),
        (ALLOWANCE, "Who built the bridge?"),
        (ALLOWANCE, "And who pays for the hotel?"),
        (ALLOWANCE, "And"),
        (ALLOWANCE, "And so on and on and on it goes for France and others?"),
        ("Who built the bridge?", "Why?"),
        ("Why did Armenia recall its ambassador?", "When was that?"),
        ("How many days of holiday do employees have?", "And interns?"),
    ],
)
def test_a_question_that_stands_alone_or_fits_no_rule_is_left_as_it_is(previous: str, question: str) -> None:
    assert follow_up(previous, question) is None


def test_no_word_comes_from_elsewhere() -> None:
    for previous, question, _ in SURE + UNSURE:
        completed = follow_up(previous, question)
        assert completed is not None
        words = set(f"{previous} {question}".lower().strip("?").replace("?", "").split())
        assert {word.removesuffix("’s") for word in completed.question.lower().strip("?").split()} <= words
