"""Prints the tables of docs/site/figures.md from the newest results in `results/`."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rag.evaluation.results import EVALUATION_SCHEMA, Evaluation, Measure, read_json

RESULTS = Path(__file__).parent / "results"
RANKED = ("lexical", "dense", "fused", "read")
RANKING = ("recall@1", "recall@5", "recall@10", "MRR@10", "nDCG@10")
ANSWERS = (
    ("right first answer", "extractions", "right@1"),
    ("right, after the threshold", "answers", "right@1"),
    ("gold in first 5", "extractions", "gold in context@5"),
    ("verbatim", "citations", "verbatim rate"),
    ("leaks", "citations", "boilerplate leaks"),
    ("words a right answer", "citations", "words shown per right answer"),
    ("p50 ms", "cost", "p50 one by one, ms"),
    ("p95 ms", "cost", "p95 one by one, ms"),
)
KINDS = ("near miss", "article removed", "other field", "all kinds")
CHROMA = (
    ("recursive 200/0, MiniLM, five corpora, published", (0.757, 0.065, 0.065, 0.312)),
    ("cluster 200, MiniLM, five corpora, published", (0.752, 0.072, 0.072, 0.336)),
)
"""Smith and Troynikov 2024: recall, precision, IoU, precision omega at five chunks."""
LIBRARIES = {
    "pincite": "Pincite, passages", "pincite_reading": "Pincite, answers read",
    "faiss": "sentence-transformers + FAISS",
    "langchain": "LangChain", "haystack": "Haystack", "txtai": "txtai", "llamaindex": "LlamaIndex", "chroma": "Chroma",
}  # fmt: skip
SCIFACT = {"lexical": "BM25: 0.665 to 0.687 (BEIR, Pyserini, bm25s)", "dense": "all-MiniLM-L6-v2: 0.645 (MTEB)"}


def main() -> None:
    """Write the tables to standard output."""
    newest = {
        path.stem[11:]: read_json(path) for path in sorted(RESULTS.glob("*.json")) if EVALUATION_SCHEMA in _head(path)
    }
    runs = {name: found for name, found in newest.items() if found.index}
    sections = [retrieval(runs), answers(runs), abstention(runs), scifact(newest), chroma(runs), machines(newest)]
    sections += [speed(latest("speed")), peers(latest("peers"))]
    sys.stdout.write("\n\n".join(filter(None, sections)) + "\n")


def _head(path: Path) -> str:
    """Return the first characters of a file: other results lie there too."""
    with path.open(encoding="utf-8") as file:
        return file.read(100)


def retrieval(results: dict[str, Evaluation]) -> str:
    """Return documents found, by stage; the interval is that of recall@1."""
    rows = [
        [
            name,
            stage,
            *(cell(found, stage, measure) for measure in RANKING),
            interval(found, stage, "recall@1"),
            n(found, stage),
        ]
        for name, found in results.items()
        for stage in RANKED
    ]
    return table(["data set", "stage", *RANKING, "95 % of recall@1", "n"], rows)


def answers(results: dict[str, Evaluation]) -> str:
    """Return what the answers are worth and cost."""
    rows = [
        [name, *(cell(found, stage, measure) for _, stage, measure in ANSWERS), n(found, "extractions")]
        for name, found in results.items()
    ]
    return table(["data set", *(title for title, _, _ in ANSWERS), "n"], rows)


def abstention(results: dict[str, Evaluation]) -> str:
    """Return how well confidence tells the three kinds of questions without an answer, and what is true of all."""
    rows = [
        [name, kind, *(cell(found, f"abstention, {kind}", measure) for measure in ("AUROC", "refused", "AURC", "ECE")),
         cell(found, f"abstention, {kind}", "coverage at 0.9 precision"), n(found, f"abstention, {kind}")]
        for name, found in results.items()
        for kind in KINDS
        if f"abstention, {kind}" in found.stages()
    ]  # fmt: skip
    return table(["data set", "without an answer", "AUROC", "refused", "AURC", "ECE", "coverage at 0.9", "n"], rows)


def scifact(results: dict[str, Evaluation]) -> str:
    """Return our nDCG@10 on SciFact, abstracts whole and in passages, beside the published one."""
    if not {"scifact", "scifact_whole"} <= set(results):
        return ""
    whole, passages = results["scifact_whole"], results["scifact"]
    rows = [
        [
            stage,
            published,
            cell(whole, stage, "nDCG@10"),
            interval(whole, stage, "nDCG@10"),
            cell(passages, stage, "nDCG@10"),
        ]
        for stage, published in SCIFACT.items()
    ]
    heads = ["SciFact, nDCG@10, n = 300", "published", "ours, abstracts whole", "95 %", "ours, in passages"]
    return table(heads, rows)


def chroma(results: dict[str, Evaluation]) -> str:
    """Return Chroma's chunking measures for passages and answers beside the published ones."""
    if "chroma" not in results:
        return ""
    found = results["chroma"]
    rows = [[name, *(f"{value:.3f}" for value in values)] for name, values in CHROMA]
    for stage in ("passages, dense", "passages, fused", "sentences"):
        omega = "" if stage == "sentences" else cell(found, "passages", "precision omega")
        figures = [cell(found, stage, f"token {name}@5") for name in ("recall", "precision", "iou")]
        rows.append([f"ours: {stage}, three corpora, n = {n(found, stage)}", *figures, omega])
    return table(["Chroma, five retrieved", "recall", "precision", "IoU", "precision omega"], rows)


def latest(kind: str) -> dict[str, Any]:
    """Return the newest result of another kind, empty where there is none."""
    files = sorted(RESULTS.glob(f"*-{kind}.json"))
    found: dict[str, Any] = json.loads(files[-1].read_text(encoding="utf-8")) if files else {}
    return found


def speed(found: dict[str, Any]) -> str:
    """Return what indexing and asking cost, beside what is wanted of them."""
    if "embedding" not in found:
        return ""
    embedding, warm, cold = found["embedding"], found["warm_cpu_ms"], found["cold_cpu_seconds"]
    rates, ours = embedding["passages_per_cpu_second"], embedding["passages_per_cpu_second"]["onnx-int8"]
    theirs, many = [rates[name] for name in rates if name.startswith("sentence")], found["ask_many"]
    rows = [
        [
            "embedding, passages a CPU second",
            f"{ours:.0f}; sentence-transformers {theirs[0]:.0f}, with one thread {theirs[-1]:.0f}",
            "3 times sentence-transformers' default",
        ],
        ["share of the peak of 8-bit products", f"{embedding['share_of_peak']['onnx-int8']:.2f}", "0.25"],
        ["whole index, passages a CPU second", f"{found['building']['passages_per_cpu_second']:.0f}", ""],
        ["fresh process to first answer, CPU s", f"{cold['rag ask']:.2f}", "1.0"],
        *(
            [["the same while `rag serve` runs, but for its share", f"{cold[beside]:.2f}", ""]]
            if (beside := "rag ask, a server running") in cold  # runs before it could be have none
            else []
        ),
        ["the same from Python", f"{cold['Assistant.open(…).ask(…)']:.2f}", "1.0"],
        ["`rag --help`, CPU s", f"{cold['rag --help']:.2f}", "0.3"],
        ["search, CPU ms, p50 / p95", f"{warm['search p50']:.1f} / {warm['search p95']:.1f}", "8"],
        ["ask, CPU ms, p50 / p95", f"{warm['ask p50']:.0f} / {warm['ask p95']:.0f}", "150 / 300"],
        ["`ask_many`, times one by one, clock", f"{many['times faster, clock']:.2f}", "2"],
        ["peak memory of asking, MiB", f"{found['peak_mib_asking']:.0f}", "400"],
        ["peak memory of indexing, MiB", f"{found['building']['peak_mib']:.0f}", "800"],
    ]
    return table(["speed", "measured", "wanted"], rows)


def peers(found: dict[str, Any]) -> str:
    """Return what each library costs."""
    rows = [
        [
            LIBRARIES[name],
            f"{row['passages_per_cpu_second']:.0f}",
            f"{row['cold_first_cpu_seconds']:.1f}",
            f"{row['warm_cpu_ms_p50']:.0f} / {row['warm_cpu_ms_p95']:.0f}",
            f"{row['peak_mib_asking']:.0f} / {row['peak_mib_indexing']:.0f}",
        ]
        for name, row in found.get("libraries", {}).items()
    ]
    heads = ["library", "passages indexed a CPU s", "start to first, CPU s", "question, CPU ms, p50 / p95"]
    return table([*heads, "peak MiB, asking / indexing"], rows)


def machines(results: dict[str, Evaluation]) -> str:
    """Return on what the figures were taken."""
    lines = {
        f"{name}: {found.environment['processor']}, {found.environment['cores']} cores, Python"
        f" {found.environment['python']}, commit {found.environment['commit']}, {found.created[:10]}"
        for name, found in results.items()
    }
    return "\n".join(f"- {line}" for line in sorted(lines))


def cell(found: Evaluation, stage: str, name: str) -> str:
    """Return a figure, empty where the run has none."""
    measure = known(found, stage, name)
    if measure is None:
        return ""
    return f"{measure.value:.3f}" if measure.value < 10 else f"{measure.value:.0f}"


def interval(found: Evaluation, stage: str, name: str) -> str:
    """Return the bounds of a figure, empty where it has none."""
    measure = known(found, stage, name)
    return "" if measure is None or measure.low is None else f"{measure.low:.3f} to {measure.high:.3f}"


def n(found: Evaluation, stage: str) -> str:
    """Return over how many questions the figures of a stage are taken."""
    return str(next((measure.n for measure in found.measures if measure.stage == stage), ""))


def known(found: Evaluation, stage: str, name: str) -> Measure | None:
    """Return a figure, None where the run has none."""
    try:
        return found.measure(stage, name)
    except KeyError:
        return None


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    if len(lines) == 2:
        return ""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
