"""The two commands of the shell that judge: `rag eval` and `rag calibrate`. Registered in `rag.cli.main`."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.core.configuration import changes_of
from rag.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from rag.evaluation.datasets import References
    from rag.evaluation.results import Evaluation

SECONDS_BETWEEN_LINES = 10

DatasetFolder = Annotated[
    Path, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl, and qrels.tsv or answers.jsonl.")
]
OwnQuestions = Annotated[
    Path, typer.Argument(help="Folder with queries.jsonl and answers.jsonl about the documents of the index.")
]
Sample = Annotated[int | None, typer.Option(help="Ask only so many questions; the corpus stays whole.")]
Seed = Annotated[int, typer.Option(help="Which questions a sample draws.")]
Stages = Annotated[
    str | None,
    typer.Option(help="Comma-separated: lexical dense fused read answers chunks abstention citations cost."),
]
HowMeant = Annotated[
    str | None,
    typer.Option(help="any: gold answers are alternatives; all: a set to be covered. Default: as META.json says."),
]
OtherField = Annotated[Path | None, typer.Option(help="Data set folder whose questions this one cannot answer.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures and each question's values here.")]
ReportFile = Annotated[Path | None, typer.Option(help="Write one self-contained HTML page here.")]
Earlier = Annotated[Path | None, typer.Option(help="An earlier --json file: show what moved.")]
CacheFolder = Annotated[Path | None, typer.Option(help="Where indexes are kept between runs.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A setting, as key=value; may be repeated.")]
IndexFolder = Annotated[Path, typer.Option(help="The index whose confidence is fitted.")]
Precision = Annotated[float, typer.Option(min=0.5, max=1.0, help="Fraction of shown answers that shall be right.")]
Feedback = Annotated[bool, typer.Option(help="Count what readers said of first answers of this index too.")]
TakeOut = Annotated[bool, typer.Option(help="Ask each question again as if its article were not there.")]


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
    from rag.evaluation.extras import require_extra
    from rag.evaluation.results import read_json, write_json
    from rag.evaluation.run import STAGES, evaluate

    if report:
        require_extra("matplotlib")
    earlier = read_json(compare) if compare else None
    with _progress() as tell:
        evaluation = evaluate(
            dataset,
            Settings().updated(changes_of(settings)),
            sample=sample,
            seed=seed,
            stages=[name.strip() for name in stages.split(",")] if stages else STAGES,
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
    index: IndexFolder = Path("index"),
    precision: Precision = 0.9,
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
        wanted = opened.settings.updated(changes_of(settings))
    with _progress() as tell:
        report = calibrate(
            dataset, index, precision,
            settings=wanted, sample=sample, seed=seed, take_out=take_out, feedback=feedback, progress=tell,
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


def _references(given: str | None) -> "References | None":
    from rag.core.errors import EvaluationError

    if given in (None, "any", "all"):
        return given  # type: ignore[return-value]
    raise EvaluationError(f"--references {given!r} is unknown.", "Give any or all.")


@contextmanager
def _progress() -> "Iterator[Callable[[str, int, int], None]]":
    """Show how far each step is and the time left, on the error stream: bars on a terminal, else a line at times."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


def _lines(console: "Console") -> "Callable[[str, int, int], None]":
    began: dict[str, float] = {}
    printed = 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal printed
        now = time.monotonic()
        spent = now - began.setdefault(what, now)
        if done >= total or now - printed >= SECONDS_BETWEEN_LINES:
            left = f", about {spent * (total - done) / done:.0f} s left" if 0 < done < total else ""
            console.print(f"{what}: {done} of {total}{left}", highlight=False)
            printed = now

    return tell
