"""Shows evaluations and comparisons as tables on a terminal."""

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rag.evaluation.results import NOTES, Evaluation, Measure

if TYPE_CHECKING:
    from rag.evaluation.calibrate import CalibrationReport
    from rag.evaluation.reporting.compare import Comparison

RANKED_STAGES = ("lexical", "dense", "fused", "read")


def render_terminal(evaluation: Evaluation) -> Group:
    """Return the figures as tables: rankings side by side, the rest a table for each stage."""
    stages = evaluation.stages()
    ranked = {stage: stages[stage] for stage in RANKED_STAGES if stage in stages}
    parts: list[Text | Table] = [Text(headline(evaluation), style="bold")]
    if ranked:
        parts.append(_rankings(ranked))
    parts += [_stage(stage, measures) for stage, measures in stages.items() if stage not in ranked]
    return Group(*parts)


def render_comparison(comparison: "Comparison") -> Group:
    """Return the differences between two runs, the smallest p-value first."""
    table = Table(
        title="after against before, paired by question", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for name in ("stage", "measure", "before", "after", "difference", "low", "high", "p", "n"):
        table.add_column(name, justify="left" if name in ("stage", "measure") else "right")
    for row in comparison.rows:
        bounds = ("" if bound is None else f"{bound:+.3f}" for bound in (row.low, row.high))
        style = "bold" if row.p_value is not None and row.p_value < 0.05 else ""
        p_value = "" if row.p_value is None else f"{row.p_value:.4f}"
        cells = (row.stage, row.name, number(row.before), number(row.after), f"{row.after - row.before:+.3f}")
        table.add_row(*cells, *bounds, p_value, str(row.n), style=style)
    return Group(*(Text(note) for note in comparison.notes), table)


def render_calibration(report: "CalibrationReport") -> Group:
    """Return the risk-coverage table and the threshold that was stored."""
    table = Table(title="risk and coverage, out of fold", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("threshold", "answered", "right of those", "wrong of those"):
        table.add_column(name, justify="right")
    for point in report.table:
        wrong = f"{1 - point.precision:.3f}"
        table.add_row(f"{point.threshold:.3f}", f"{point.coverage:.3f}", f"{point.precision:.3f}", wrong)
    return Group(table, *(Text(line) for line in report.lines()))


def headline(evaluation: Evaluation) -> str:
    """Return data set, number of questions, machine and versions in a line."""
    about, machine = evaluation.dataset, evaluation.environment
    sample = f" of {about['questions_available']}, seed {about['seed']}" if about["sample"] else ""
    return (
        f"{about['name']}: {about['questions']} questions{sample}, {about['documents']} documents,"
        f" {evaluation.index['chunks']} passages; {machine['processor']}, {machine['cores']} cores;"
        f" commit {machine['commit']}; {evaluation.created}"
    )


def number(value: float) -> str:
    """Return a figure with about four digits."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def interval_text(measure: Measure) -> str:
    """Return the interval, or an empty text if the measure has none."""
    if measure.low is None or measure.high is None:
        return ""
    return f"{number(measure.low)}–{number(measure.high)}"


def _rankings(ranked: dict[str, list[Measure]]) -> Table:
    first = next(iter(ranked.values()))
    title = f"retrieval of documents (a document counts by its best passage), n={first[0].n}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("stage")
    for measure in first:
        table.add_column(measure.name, justify="right")
    for stage, measures in ranked.items():
        table.add_row(stage, *(f"{number(measure.value)}\n[dim]{interval_text(measure)}[/dim]" for measure in measures))
    return table


def _stage(stage: str, measures: list[Measure]) -> Table:
    table = Table(title=f"{stage}: {NOTES.get(stage, '')}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("measure")
    for name in ("value", "95%", "n"):
        table.add_column(name, justify="right")
    for measure in measures:
        table.add_row(measure.name, number(measure.value), interval_text(measure), str(measure.n))
    return table
