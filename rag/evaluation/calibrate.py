"""Fits the confidence on a user's own questions and stores it beside their index."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.answering.assistant import Assistant
from rag.answering.confidence import CALIBRATION, Calibration, fit, save, shipped
from rag.answering.feedback import read
from rag.core.settings import Settings
from rag.evaluation.datasets import Dataset, Question, load
from rag.evaluation.metrics.abstention import OperatingPoint
from rag.evaluation.observation import is_right, quoted
from rag.index.index import Index
from rag.index.milvus.address import require_folder

BATCH = 64
TABLE_STEP = 5


@dataclass(frozen=True)
class CalibrationReport:
    """What was fitted, where it was stored, and on how many questions.

    `taken_out` of them were asked with their article out of the index; `skipped` found no sentence at all.
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
        """Return in words what was done."""
        return [
            f"Fitted on {self.calibration.questions} questions, {self.taken_out} of them with their article taken out"
            f" ({self.skipped} more found no sentence).",
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
    """Fit the confidence of `index` on the questions of a data set folder, cross-validated by document, and store it.

    The documents are those of the index; the folder needs queries.jsonl and answers.jsonl. With `take_out` each
    question that has an answer is asked again as if its article were not there. With `feedback` what readers said of
    first answers of this index counts too. Raises EvaluationError.
    """
    require_folder(index, "rag calibrate")
    assistant, tell = _assistant(Path(index), settings), progress or (lambda what, done, total: None)
    held = (assistant.index.document(summary.id) for summary in assistant.index.documents())
    chosen = load(dataset, corpus=(document for document in held if document)).sampled(sample, seed)
    asked = [question for question in chosen.questions if question.answerable or question.impossible]
    removed = [question for question in asked if question.answerable] if take_out else []
    examples = [*_examples(assistant, asked, None, tell), *_examples(assistant, removed, chosen, tell)]
    kept = [example for example in examples if example.features]
    said = _said(Path(index), kept) if feedback else []
    kept += said
    fitted = fit(
        [example.features for example in kept],
        [example.right for example in kept],
        [example.group for example in kept],
        precision,
        fitted_on=f"{chosen.name}, {len(asked)} questions"
        + (f", {len(said)} answers judged by readers" if feedback else ""),
    )
    fitted = replace(fitted, reader=assistant.settings.reader)
    path = Path(index) / CALIBRATION
    save(fitted, path)
    return CalibrationReport(fitted, path, precision, len(asked), len(removed), len(examples) - len(kept))


def _assistant(path: Path, settings: Settings | None) -> Assistant:
    index = Index.open(path)
    settings = settings or index.settings
    # An earlier calibration, maybe of another reader, is what is to be made anew: it has no say here.
    return Assistant(index, settings, calibration=shipped(settings.reader))


@dataclass(frozen=True)
class _Example:
    features: Mapping[str, float]
    right: bool
    group: str


def _said(index: Path, others: "Sequence[_Example]") -> "list[_Example]":
    """Return what readers said of first answers, as far as these were judged by the figures of the other examples."""
    names = set(others[0].features) if others else set()
    lines = [line for line in read(index) if line["rank"] == 1 and names == set(line["features"])]
    return [
        _Example({name: line["features"][name] for name in names}, line["verdict"] == "right", line["document_id"])
        for line in lines
    ]


def _examples(
    assistant: Assistant,
    questions: Sequence[Question],
    taken_out_of: Dataset | None,
    tell: Callable[[str, int, int], None],
) -> Iterator[_Example]:
    """Yield the best extraction of each question; with `taken_out_of`, its article out of the index: never right."""
    what = "asking without the article" if taken_out_of else "asking"
    for start in range(0, len(questions), BATCH):
        tell(what, start, len(questions))
        batch = questions[start : start + BATCH]
        without = [taken_out_of.own_documents(question) for question in batch] if taken_out_of else None
        for question, trace in zip(
            batch, assistant.trace_many([item.text for item in batch], without=without), strict=True
        ):
            best = next(iter(trace.extractions), None)
            known = () if best is None or taken_out_of else question.golds
            right = best is not None and is_right(
                quoted(best, assistant.index, assistant.settings.context_sentences), known
            )
            yield _Example(best.features if best else {}, right, question.group)
    tell(what, len(questions), len(questions))
