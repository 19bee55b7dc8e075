"""Fits the confidence on a user's own questions and stores it beside their index."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.answering.assistant import Assistant
from rag.answering.confidence import Calibration, fit, save_calibration, shipped
from rag.answering.feedback import read_feedback
from rag.core.settings import Settings
from rag.evaluation.datasets import Dataset, Question, load_dataset
from rag.evaluation.metrics.abstention import OperatingPoint
from rag.evaluation.observation import is_right, quoted
from rag.index.index import Index
from rag.index.location import require_folder
from rag.index.storage.manifest import CALIBRATION

QUESTIONS_PER_BATCH = 64
TABLE_STEP = 5


@dataclass(frozen=True)
class CalibrationReport:
    """A fitted calibration with its file and its numbers of questions.

    `taken_out` questions were asked again without their article; `skipped` questions got no sentence at all.
    """

    calibration: Calibration
    path: Path
    precision: float
    questions: int
    taken_out: int
    skipped: int

    @property
    def table(self) -> list[OperatingPoint]:
        """Return every fifth point of the held-out risk-coverage curve, in order of threshold."""
        return [
            OperatingPoint(threshold, coverage, precision)
            for threshold, precision, coverage in sorted(self.calibration.curve)[::TABLE_STEP]
        ]

    def lines(self) -> list[str]:
        """Return the summary of the fit."""
        return [
            f"Fitted on {self.calibration.questions} questions, {self.taken_out} of them without their article"
            f" ({self.skipped} more got no sentence).",
            f"Threshold for a precision of {self.precision:g}: {self.calibration.threshold:.2f}",
            f"Written to {self.path}; `rag ask` uses it from now on.",
        ]


def calibrate(
    dataset: str | Path,
    index: str | Path,
    precision: float = 0.9,
    *,
    settings: Settings | None = None,
    sample: int | None = None,
    seed: int = 0,
    take_out: bool = True,
    feedback: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> CalibrationReport:
    """Fit the confidence of `index` on the questions of a data set folder and store it. Folds are split by document.

    The documents are those of the index; the folder needs queries.jsonl and answers.jsonl. If `take_out` is true, each
    question with an answer is asked again without its article. If `feedback` is true, readers' verdicts on first
    answers of this index count too. Raises EvaluationError.
    """
    require_folder(index, "rag calibrate")
    assistant, report_step = _assistant(Path(index), settings), progress or (lambda step, done, total: None)
    documents = (assistant.index.document(summary.id) for summary in assistant.index.documents())
    sampled = load_dataset(dataset, corpus=(document for document in documents if document)).sampled(sample, seed)
    questions = [question for question in sampled.questions if question.answerable or question.impossible]
    without_article = [question for question in questions if question.answerable] if take_out else []
    examples = [
        *_examples(assistant, questions, None, report_step),
        *_examples(assistant, without_article, sampled, report_step),
    ]
    usable = [example for example in examples if example.features]
    judged = _judged_examples(Path(index), usable) if feedback else []
    source = f"{sampled.name}, {len(questions)} questions"
    source += f", {len(judged)} answers judged by readers" if feedback else ""
    calibration = replace(_fit([*usable, *judged], precision, source), reader=assistant.settings.reader)
    path = Path(index) / CALIBRATION
    save_calibration(calibration, path)
    skipped = len(examples) - len(usable)
    return CalibrationReport(calibration, path, precision, len(questions), len(without_article), skipped)


def _fit(examples: "Sequence[_Example]", precision: float, source: str) -> Calibration:
    return fit(
        [example.features for example in examples],
        [example.right for example in examples],
        [example.group for example in examples],
        precision,
        fitted_on=source,
    )


def _assistant(path: Path, settings: Settings | None) -> Assistant:
    index = Index.open(path)
    settings = settings or index.settings
    # The shipped calibration, because the stored one may belong to another reader and is about to be replaced.
    return Assistant(index, settings, calibration=shipped(settings.reader))


@dataclass(frozen=True)
class _Example:
    features: Mapping[str, float]
    right: bool
    group: str


def _judged_examples(index: Path, others: "Sequence[_Example]") -> "list[_Example]":
    """Return readers' verdicts on first answers whose features are those of the other examples."""
    names = set(others[0].features) if others else set()
    lines = [line for line in read_feedback(index) if line["rank"] == 1 and names == set(line["features"])]
    return [
        _Example({name: line["features"][name] for name in names}, line["verdict"] == "right", line["document_id"])
        for line in lines
    ]


def _examples(
    assistant: Assistant,
    questions: Sequence[Question],
    taken_out_of: Dataset | None,
    report_step: Callable[[str, int, int], None],
) -> Iterator[_Example]:
    """Yield the best extraction of each question. If `taken_out_of` is set, its article is hidden, so none is right."""
    step = "asking without the article" if taken_out_of else "asking"
    for start in range(0, len(questions), QUESTIONS_PER_BATCH):
        report_step(step, start, len(questions))
        batch = questions[start : start + QUESTIONS_PER_BATCH]
        without = [taken_out_of.own_documents(question) for question in batch] if taken_out_of else None
        for question, trace in zip(
            batch, assistant.trace_many([item.text for item in batch], without=without), strict=True
        ):
            best = next(iter(trace.extractions), None)
            golds = () if best is None or taken_out_of else question.golds
            right = best is not None and is_right(
                quoted(best, assistant.index, assistant.settings.context_sentences), golds
            )
            yield _Example(best.features if best else {}, right, question.group)
    report_step(step, len(questions), len(questions))
