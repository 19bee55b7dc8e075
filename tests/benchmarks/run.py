"""Measures the data sets below and writes one dated JSON for each to `results/`. Run by hand, one set at a time."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from rag.core.settings import Settings
from rag.evaluation.datasets import References
from rag.evaluation.observation import RANKED_STAGES
from rag.evaluation.reporting.terminal import render_terminal
from rag.evaluation.results import Evaluation, write_json
from rag.evaluation.run import EVALUATED_STAGES, evaluate

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Benchmark:
    """A data set folder, how its answers are meant, and the set whose questions it cannot answer."""

    name: str
    other_field: str
    references: References = "any"
    stages: Sequence[str] = EVALUATED_STAGES


BENCHMARKS = (
    Benchmark("squad2", other_field="scifact"),
    Benchmark("nq_open_gold", other_field="cranfield"),
    Benchmark("hotpot_val_sample", other_field="scifact"),
    Benchmark("scifact", other_field="hotpot_val_sample"),
    Benchmark("chroma", other_field="scifact", references="all"),
    Benchmark("cranfield", other_field="scifact", stages=RANKED_STAGES),
)


def main() -> None:
    """Measure the sets asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds the data set folders")
    parser.add_argument("--only", nargs="*", choices=[item.name for item in BENCHMARKS], help="names of sets")
    parser.add_argument("--sample", type=int, help="ask only so many questions of each set")
    parser.add_argument("--cache", type=Path, help="where indexes are kept")
    parser.add_argument("--reader", default="shipped", help="the setting `reader`")
    given = parser.parse_args()
    for benchmark in BENCHMARKS:
        if not given.only or benchmark.name in given.only:
            measure(benchmark, given.data, given.sample, given.cache, given.reader)


def measure(benchmark: Benchmark, data: Path, sample: int | None, cache: Path | None, reader: str) -> None:
    """Measure one set and write its result; the name of that without the shipped reader says so."""
    console = Console()
    other = "" if reader == "shipped" else f"-{reader}"
    with console.status(benchmark.name) as status:
        found = evaluate(
            data / benchmark.name,
            Settings(reader=reader),
            sample=sample,
            stages=benchmark.stages,
            references=benchmark.references,
            other_field=data / benchmark.other_field,
            cache=cache,
            progress=lambda what, done, total: status.update(f"{benchmark.name}: {what} {done} of {total}"),
        )
    console.print(render_terminal(found))
    RESULTS.mkdir(exist_ok=True)
    write_json(without_texts(found), RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{benchmark.name}{other}.json")


def without_texts(found: Evaluation) -> Evaluation:
    """Return an evaluation whose failures tell places and figures only: texts of data sets stay out of here."""
    failures = []
    for failure in found.failures:
        kept = {name: value for name, value in failure.items() if name not in ("question", "gold", "returned")}
        place = failure["returned"] and {name: value for name, value in failure["returned"].items() if name != "text"}
        failures.append({**kept, "returned": place})
    return replace(found, failures=tuple(failures))


if __name__ == "__main__":
    main()
