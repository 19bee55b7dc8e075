from rag.evaluation.results import Evaluation
from rag.server.page.html.evaluation_views import verdict


def evaluation(answered: list[float | None], wrongly_answered: list[float | None]) -> Evaluation:
    values = {"answers.right@1": answered, "lost.not refused": wrongly_answered}
    ids = tuple(map(str, range(len(answered))))
    return Evaluation("", {}, {}, {}, {}, (), ids, values, {}, ())


def test_the_verdict_counts_right_answers_and_right_refusals() -> None:
    mixed = evaluation([1.0, 1.0, 0.0, None, None], [None, None, None, 0.0, 1.0])
    assert verdict(mixed) == ("3 of 5 right (60%)", "2 of 3 answered right, 1 of 2 rightly refused.")
    assert verdict(evaluation([1.0], [None])) == ("1 of 1 right (100%)", "1 of 1 answered right.")
    assert verdict(evaluation([None], [1.0])) == ("0 of 1 right (0%)", "0 of 1 rightly refused.")
