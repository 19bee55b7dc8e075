"""Measures an index on questions with known answers: `rag eval` and `rag calibrate`."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, SetOption
from rag.core.configuration import changes_of
from rag.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from rag.evaluation.datasets import References
    from rag.evaluation.results import Evaluation

SECONDS_BETWEEN_STEPS = 10

DatasetFolder = Annotated[
    Path, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl, and qrels.tsv or answers.jsonl.")
]
OwnQuestions = Annotated[
    Path, typer.Argument(help="Folder with queries.jsonl and answers.jsonl about the documents of the index.")
]
Sample = Annotated[int | None, typer.Option(help="Ask only this many questions; the corpus stays whole.")]
Seed = Annotated[int, typer.Option(help="Seed that draws the sample.")]
Stages = Annotated[
    str | None,
    typer.Option(help="Comma-separated: lexical dense fused read answers chunks abstention citations cost."),
]
HowMeant = Annotated[
    str | None,
    typer.Option(help="any: gold answers are alternatives; all: a set to be covered. Default: META.json."),
]
OtherField = Annotated[Path | None, typer.Option(help="Data set folder whose questions this one cannot answer.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures and each question's values here.")]
ReportFile = Annotated[Path | None, typer.Option(help="Write one self-contained HTML page here.")]
Earlier = Annotated[Path | None, typer.Option(help="An earlier --json file: show the differences.")]
CacheFolder = Annotated[Path | None, typer.Option(help="Folder for indexes between runs.")]
IndexFolder = Annotated[Path, typer.Option(help="The index to calibrate.")]
PrecisionOption = Annotated[
    float, typer.Option(min=0.5, max=1.0, help="Required fraction of right answers among those shown.")
]
Feedback = Annotated[bool, typer.Option(help="Also use the readers' feedback on first answers.")]
TakeOut = Annotated[bool, typer.Option(help="Ask each question again without its article.")]


def eval_command(
    dataset: DatasetFolder,
    sample: Sample = None,
    seed: Seed = 0,
    stages: Stages = None,
    references: HowMeant = None,
    other_field: OtherField = None,
    json_file: JsonFile = None,
    report: ReportFile = None,
    compare: Earlier = None,
    cache: CacheFolder = None,
    settings: SetOption = None,
) -> None:
    """Measure every stage on a data set with known answers, with intervals, curves and the worst failures."""
    from rag.evaluation.results import read_json, require_extra, write_json
    from rag.evaluation.run import EVALUATED_STAGES, evaluate

    if report:
        require_extra("matplotlib")
    earlier = read_json(compare) if compare else None
    with _progress() as tell:
        evaluation = evaluate(
            dataset,
            Settings().updated(changes_of(settings)),
            sample=sample,
            seed=seed,
            stages=[name.strip() for name in stages.split(",")] if stages else EVALUATED_STAGES,
            references=_references(references),
            other_field=other_field,
            cache=cache,
            progress=tell,
        )
    if json_file:
        write_json(evaluation, json_file)
    _show(evaluation, earlier, report)


def calibrate_command(
    dataset: OwnQuestions,
    index: IndexFolder = DEFAULT_INDEX,
    precision: PrecisionOption = 0.9,
    sample: Sample = None,
    seed: Seed = 0,
    take_out: TakeOut = True,
    feedback: Feedback = False,
    settings: SetOption = None,
) -> None:
    """Fit the confidence on your own questions, store it beside the index, and print risk and coverage."""
    from rich.console import Console

    from rag.evaluation.calibrate import calibrate
    from rag.evaluation.reporting.terminal import render_calibration
    from rag.index.index import Index

    with closing(Index.open(index)) as opened:
        new_settings = opened.settings.updated(changes_of(settings))
    with _progress() as tell:
        report = calibrate(
            dataset, index, precision,
            settings=new_settings, sample=sample, seed=seed, take_out=take_out, feedback=feedback, progress=tell,
        )  # fmt: skip
    Console().print(render_calibration(report))


def _show(evaluation: "Evaluation", earlier: "Evaluation | None", report: Path | None) -> None:
    from rich.console import Console

    from rag.evaluation.reporting.compare import compare
    from rag.evaluation.reporting.terminal import render_comparison, render_terminal

    console = Console()
    console.print(render_terminal(evaluation))
    comparison = compare(earlier, evaluation) if earlier else None
    if comparison:
        console.print(render_comparison(comparison))
    if report:
        from rag.evaluation.reporting.report import write_html

        write_html(evaluation, report, comparison)
        console.print(f"Report: {report}")


def _references(value: str | None) -> "References | None":
    from rag.core.errors import EvaluationError

    if value in (None, "any", "all"):
        return value  # type: ignore[return-value]
    raise EvaluationError(f"--references {value!r} is unknown.", "Give any or all.")


@contextmanager
def _progress() -> "Iterator[Callable[[str, int, int], None]]":
    """Show each step's progress and remaining time on standard error: bars on a terminal, lines elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield show


def _lines(console: "Console") -> "Callable[[str, int, int], None]":
    started_at: dict[str, float] = {}
    printed_at = 0.0

    def show(step: str, done: int, total: int) -> None:
        nonlocal printed_at
        now = time.monotonic()
        seconds = now - started_at.setdefault(step, now)
        if done >= total or now - printed_at >= SECONDS_BETWEEN_STEPS:
            remaining = f", about {seconds * (total - done) / done:.0f} s left" if 0 < done < total else ""
            console.print(f"{step}: {done} of {total}{remaining}", highlight=False)
            printed_at = now

    return show
