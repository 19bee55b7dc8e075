"""Writes an evaluation as one self-contained HTML page: figures, curves, and failures with the worst first."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.evaluation.observation import LOSSES
from rag.evaluation.reporting.plots import figures
from rag.evaluation.reporting.terminal import RANKED_STAGES, interval_text, number
from rag.evaluation.results import NOTES, Evaluation, Measure

if TYPE_CHECKING:
    from rag.evaluation.reporting.compare import Comparison

STYLE = """
:root { color-scheme: light dark;
  --ink: #1b1f24; --paper: #ffffff; --line: #d0d5dc; --soft: #f4f6f8; --faint: #5b6470; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --paper: #15181c; --line: #3a4149; --soft: #1e2328; --faint: #a0a8b2; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 68rem;
  margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.note, caption, dt { color: var(--faint); } caption { text-align: left; padding: .3rem 0; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1.4rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; }
td small { color: var(--faint); display: block; }
.wide { overflow-x: auto; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(25rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; break-inside: avoid; } figure svg { width: 100%; height: auto; } figcaption { font-weight: 600; }
article { border: 1px solid var(--line); border-radius: 6px; background: var(--soft); padding: .6rem 1rem;
  margin: .8rem 0; break-inside: avoid; overflow-wrap: anywhere; }
article h3 { font-size: 1rem; margin: .2rem 0; } 
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .2rem .8rem; margin: .4rem 0; }
dd { margin: 0; }
@media print {
  :root { --ink: #000; --paper: #fff; --line: #999; --soft: #fff; --faint: #333; }
  body { font-size: 10pt; max-width: none; padding: 0; }
}
"""
MAX_FAILURES = 50


def write_html(evaluation: Evaluation, path: str | Path, comparison: "Comparison | None" = None) -> None:
    """Write the page."""
    Path(path).write_text(render_html(evaluation, comparison), encoding="utf-8")


def render_html(evaluation: Evaluation, comparison: "Comparison | None" = None) -> str:
    """Return the page. It has no script and loads nothing; all texts of the data are escaped."""
    name = escape(str(evaluation.dataset["name"]))
    sections = [
        _about(evaluation),
        _comparison(comparison),
        _curves(evaluation),
        _figures(evaluation),
        _failures(evaluation),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evaluation on {name}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>Evaluation on {name}</h1>\n{''.join(sections)}</body></html>\n"
    )


def _about(evaluation: Evaluation) -> str:
    about, machine = evaluation.dataset, evaluation.environment
    facts = {
        "questions": f"{about['questions']} of {about['questions_available']}"
        + (f", drawn by seed {about['seed']}" if about["sample"] else "")
        + f"; {about['answerable']} with a gold span, {about['impossible']} whose own passage holds none,"
        f" {about['without_gold_span']} without a gold span, {about['without_relevant_document']} without a relevant"
        f" document, {about['unjudged_left_out']} not judged and left out",
        "corpus": f"{about['documents']} documents, {evaluation.index['chunks']} passages;"
        f" sha256 {about['corpus_sha256'][:16]}…",
        "answers are": "a set to be covered" if about["references"] == "all" else "alternatives",
        "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB,"
        f" {machine['system']}",
        "created": f"{evaluation.created}, commit {machine['commit']}, Python {machine['python']}",
        "packages": ", ".join(f"{name} {version}" for name, version in machine["packages"].items()),
        "settings": ", ".join(f"{name} {value}" for name, value in evaluation.settings.items()),
    }
    note = (
        "Each mean has a 95% bootstrap interval over questions, and n."
        " Passages count for their document by best passage."
    )
    return f'<p class="note">{note}</p>{_list(facts)}'


def _list(facts: Mapping[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items()) + "</dl>"


def _curves(evaluation: Evaluation) -> str:
    images = figures(evaluation)
    if not images:
        return ""
    parts = (f"<figure><figcaption>{escape(title)}</figcaption>{image}</figure>" for title, image in images.items())
    return f'<h2>Curves</h2><div class="plots">{"".join(parts)}</div>'


def _figures(evaluation: Evaluation) -> str:
    stages = evaluation.stages()
    ranked = {stage: measures for stage, measures in stages.items() if stage in RANKED_STAGES}
    parts = [_rankings(ranked)] if ranked else []
    parts += [_stage(stage, measures) for stage, measures in stages.items() if stage not in ranked]
    return "<h2>Figures</h2>" + "".join(parts)


def _rankings(ranked: Mapping[str, Sequence[Measure]]) -> str:
    first = next(iter(ranked.values()))
    rows = [
        [_with_small(stage, NOTES[stage]), *(_with_small(number(one.value), interval_text(one)) for one in measures)]
        for stage, measures in ranked.items()
    ]
    caption = f"Retrieval of documents, n={first[0].n}"
    return _table(caption, ["stage", *(measure.name for measure in first)], rows)


def _with_small(text: str, small: str) -> str:
    return f"{escape(text)}<small>{escape(small)}</small>"


def _stage(stage: str, measures: Sequence[Measure]) -> str:
    rows = [[escape(one.name), number(one.value), interval_text(one), str(one.n)] for one in measures]
    return _table(f"{stage}: {NOTES.get(stage, '')}", ["measure", "value", "95%", "n"], rows)


def _comparison(comparison: "Comparison | None") -> str:
    if comparison is None:
        return ""
    rows = [
        [
            escape(f"{row.stage}: {row.name}"),
            number(row.before),
            number(row.after),
            f"{row.after - row.before:+.3f}",
            "" if row.low is None or row.high is None else f"{row.low:+.3f} .. {row.high:+.3f}",
            "" if row.p_value is None else f"{row.p_value:.4f}",
            str(row.n),
        ]
        for row in comparison.rows
    ]
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in comparison.notes)
    heads = ["measure", "before", "after", "difference", "95%", "p", "n"]
    return f"<h2>Differences</h2>{notes}{_table('Paired by question; smallest p first', heads, rows)}"


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; `rows` hold HTML, caption and heads are escaped here."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    content = f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{content}</table></div>'


def _failures(evaluation: Evaluation) -> str:
    if not evaluation.failures:
        return ""
    worst = evaluation.failures[:MAX_FAILURES]
    note = f"The worst {len(worst)}: wrong answers with the highest confidence first, then withheld answers."
    return f'<h2>Failures</h2><p class="note">{note}</p>' + "".join(map(_failure, worst))


def _failure(failure: Mapping[str, Any]) -> str:
    returned, lost = failure["returned"], failure["lost_at"]
    location = f" [{returned['document_id']} {returned['start']} .. {returned['end']}]" if returned else ""
    facts = {
        "gold": " | ".join(failure["gold"]) or "no answer in its passage",
        "returned" if failure["shown"] else "withheld": (returned["text"] + location) if returned else "nothing",
        "confidence": f"{failure['confidence']:.3f}",
        "lost at": f"{lost}: {LOSSES[lost]}" if lost else "shown, but judged wrong",
    }
    return f"<article><h3>{escape(failure['question'])}</h3>{_list(facts)}</article>"
