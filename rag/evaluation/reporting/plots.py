"""Draws the curves of an evaluation as inline SVG in the text colour of the page, light or dark."""

import re
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from rag.evaluation.reporting.terminal import RANKED_STAGES
from rag.evaluation.results import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#010203"
"""Stands for the text colour of the page; no plot uses it otherwise."""
COLOURS = ("#3b7dd8", "#d9822b", "#3a9d5d", "#b04fb0")
"""Readable on white and on near-black."""


def figures(evaluation: Evaluation) -> dict[str, str]:
    """Return title to SVG for every curve that the evaluation has data for."""
    populations = evaluation.curves.get("populations", {})
    latency = evaluation.curves.get("latency_ms")
    images: dict[str, str] = {}
    if any(stage in RANKED_STAGES for stage in evaluation.stages()):
        images["Recall per stage"] = svg("recall", lambda axes: _recall(axes, evaluation))
    if populations:
        images["Reliability"] = svg("reliability", lambda axes: _reliability(axes, populations))
        images["Risk and coverage"] = svg("risk", lambda axes: _risk_coverage(axes, populations))
    if latency:
        images["Latency, one by one"] = svg("latency", lambda axes: _latency(axes, latency))
    return images


def svg(name: str, draw: "Callable[[Axes], None]") -> str:
    """Call `draw` on axes and return one <svg> element: no script, no link, ids that begin with `name`."""
    import matplotlib
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    settings |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(5.2, 3.6), layout="constrained")
        draw(figure.add_subplot())
        output = StringIO()
        figure.savefig(output, format="svg", transparent=True, metadata={"Date": None})
    return _inline(output.getvalue(), name)


def _inline(text: str, name: str) -> str:
    """Return only the <svg> element, without size and metadata, with distinct ids."""
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*pt"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*pt"', r"\1", text, count=1)
    return text.replace(INK, "currentColor").replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def _recall(axes: "Axes", evaluation: Evaluation) -> None:
    stages = [stage for stage in evaluation.stages() if stage in RANKED_STAGES]
    for offset, (k, colour) in enumerate(zip((1, 5, 10), COLOURS, strict=False)):
        measures = [evaluation.measure(stage, f"recall@{k}") for stage in stages]
        positions = [i + (offset - 1) * 0.26 for i in range(len(stages))]
        low = [max(0.0, measure.value - (measure.low or 0.0)) for measure in measures]
        high = [max(0.0, (measure.high or 0.0) - measure.value) for measure in measures]
        axes.bar(positions, [measure.value for measure in measures], 0.24, color=colour, label=f"recall@{k}")
        axes.errorbar(
            positions, [measure.value for measure in measures], yerr=[low, high], fmt="none", ecolor=INK, lw=1
        )
    axes.set_xticks(range(len(stages)), stages)
    axes.set_ylim(0, 1)
    _legend(axes)


def _reliability(axes: "Axes", populations: Mapping[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":")
    for (name, curves), colour in zip(populations.items(), COLOURS, strict=False):
        bins = curves["reliability"]
        axes.plot(
            [part[0] for part in bins], [part[1] for part in bins], "o-", ms=3, lw=1, color=colour, label=_short(name)
        )
    axes.set(xlabel="confidence", ylabel="fraction right", xlim=(0, 1), ylim=(0, 1))
    _legend(axes)


def _risk_coverage(axes: "Axes", populations: Mapping[str, Any]) -> None:
    for (name, curves), colour in zip(populations.items(), COLOURS, strict=False):
        points = curves["risk_coverage"]
        axes.plot(
            [point[1] for point in points], [1 - point[2] for point in points], lw=1.4, color=colour, label=_short(name)
        )
    axes.axhline(0.1, color=INK, lw=0.8, ls=":")
    axes.set(xlabel="coverage: fraction answered", ylabel="risk: fraction wrong of those", xlim=(0, 1), ylim=(0, None))
    _legend(axes)


def _latency(axes: "Axes", milliseconds: Sequence[float]) -> None:
    axes.hist(milliseconds, bins=min(30, len(milliseconds)), color=COLOURS[0])
    axes.set(xlabel="milliseconds", ylabel="questions")


def _legend(axes: "Axes") -> None:
    axes.figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=8, handlelength=1.2, columnspacing=1)


def _short(name: str) -> str:
    return name.removeprefix("abstention, ")
