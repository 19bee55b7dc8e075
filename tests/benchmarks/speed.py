"""Measures indexing, asking and memory, with sentence-transformers in turns and the machine's peak in the same run.

    python tests/benchmarks/speed.py DATA/bbc_news [--rounds 5] [--passages 64] [--questions 64] [--articles 300]

CPU seconds, because a shared machine's wall time says little. The texts are the data set's passages as they are
indexed; the questions are titles of its articles, asked of an index of all of them. The medians go to `results/`.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from coldstart import building, cold, peak_asking

from rag import Assistant, Index
from rag.chunking.chunks import embedding_text
from rag.core.runtime import session
from rag.core.settings import RUNTIMES, Settings
from rag.embedding.embedder import open_embedder
from rag.embedding.onnx_graph import FUSED
from rag.evaluation import datasets
from rag.evaluation.cost import environment

RESULTS = Path(__file__).parent / "results"
SEED = 3
SIDE = 1_024
LAYERS, WIDTH, INNER = 6, 384, 1_536
"""Of all-MiniLM-L6-v2."""
REFERENCE = "sentence-transformers"
ALONE = f"{REFERENCE}, one thread"
"""Torch waits for its second thread on a busy machine; this is what is left without."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passages", type=int, default=64)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--index", type=Path, default=Path("build/speed"), help="built where it is not there")
    given = parser.parse_args()
    path = given.index
    if not (path / "manifest.json").is_file():
        Index.build(datasets.documents(given.dataset), path).close()
    questions = titles(given.dataset)
    found = {
        "environment": environment(),
        "passages": given.passages,
        "rounds": given.rounds,
        "embedding": embedding(path, given.passages, given.rounds),
        "building": building(given.dataset, given.articles),
        "cold_cpu_seconds": cold(path, questions[0], given.rounds),
        "questions": given.questions,
        "warm_cpu_ms": warm(path, questions[: given.questions]),
        "ask_many": together(path, questions[given.questions :], given.questions // 2, given.rounds),
        "peak_mib_asking": peak_asking(path, questions[0]),
    }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    (RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-speed.json").write_text(json.dumps(found, indent=1) + "\n")


def titles(dataset: Path) -> list[str]:
    """Return the titles of the articles as questions, each once, in a drawn order."""
    found = sorted({f"{document.title}?" for document in datasets.documents(dataset) if document.title})
    random.Random(SEED).shuffle(found)
    return found


def embedding(path: Path, passages: int, rounds: int) -> dict[str, Any]:
    """Return for each runtime passages per CPU second and the share of the machine's peak that this is."""
    index = Assistant.open(path).index
    rows = random.Random(SEED).sample(index.store.rows(), passages)
    texts = [embedding_text(made) for made in index.store.chunks(rows)]
    runtimes = {name: open_embedder(Settings(embedding_runtime=name)) for name in RUNTIMES if name != "auto"}
    tokens = runtimes["onnx-int8"].count_tokens(texts)
    ways: dict[str, Callable[[Sequence[str]], object]] = {
        name: embedder.embed_passages for name, embedder in runtimes.items()
    }
    ways[ALONE] = partial(on_one_thread, ways[REFERENCE])
    for embed in ways.values():
        embed(texts[:2])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    peaks: dict[str, list[float]] = {"fp32": [], "int8": []}
    products = {"fp32": product(), "int8": product_in_8_bits()}
    for _ in range(rounds):
        for name, embed in ways.items():
            seconds[name].append(spent(embed, texts))
        for precision, multiply in products.items():
            peaks[precision].append(2 * SIDE**3 / 1e9 / median(spent(multiply) for _ in range(9)))
    gflop = sum(map(gflop_of, tokens))
    rates = {name: median(values) for name, values in seconds.items()}
    peak = {precision: median(values) for precision, values in peaks.items()}
    return {
        "tokens_per_passage": round(sum(tokens) / len(tokens), 1),
        "matrix_product_gflops_per_core": {precision: round(value, 1) for precision, value in peak.items()},
        "passages_per_cpu_second": {name: round(passages / value, 1) for name, value in rates.items()},
        "share_of_peak": {
            name: round(gflop / value / peak["int8" if name == "onnx-int8" else "fp32"], 3)
            for name, value in rates.items()
        },
    }


def on_one_thread(embed: Callable[[Sequence[str]], object], texts: Sequence[str]) -> object:
    """Embed while torch uses one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return embed(texts)
    finally:
        torch.set_num_threads(threads)


def gflop_of(tokens: int) -> float:
    """Return the arithmetic of one text: the products with matrices, and of the tokens with one another."""
    matrices = 2 * tokens * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER)
    return LAYERS * (matrices + 2 * 2 * tokens * tokens * WIDTH) / 1e9


def product() -> Callable[[], object]:
    """Return a float32 matrix product of `SIDE` rows, on one thread."""
    return multiplied("MatMul", np.float32, np.float32, np.float32)


def product_in_8_bits() -> Callable[[], object]:
    """Return one of 8-bit integers into 32-bit ones, as the lean runtime computes it."""
    return multiplied("MatMulInteger", np.uint8, np.int8, np.int32)


def multiplied(operator: str, left: type, right: type, out: type) -> Callable[[], object]:
    """Return a run of one matrix product by ONNX Runtime, whose right side is a constant."""
    from onnx import helper, numpy_helper

    values = np.random.default_rng(SEED).integers(0, 60, (SIDE, SIDE))
    kinds = {kind: helper.np_dtype_to_tensor_dtype(np.dtype(kind)) for kind in (left, out)}
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["out"])], "product",
        [helper.make_tensor_value_info("left", kinds[left], [SIDE, SIDE])],
        [helper.make_tensor_value_info("out", kinds[out], [SIDE, SIDE])],
        [numpy_helper.from_array(values.astype(right), "right")],
    )  # fmt: skip
    operators = [helper.make_opsetid("", 20), helper.make_opsetid(FUSED, 1)]
    running = session(helper.make_model(graph, opset_imports=operators, ir_version=9).SerializeToString())
    given: dict[str, Any] = {"left": values.astype(left)}
    return lambda: running.run(None, given)


def warm(path: Path, questions: Sequence[str]) -> dict[str, float]:
    """Return percentiles of the CPU milliseconds of one question, answered and only searched."""
    asking, searching = Assistant.open(path), Assistant.open(path)
    asking.ask("Is anybody there?")
    searching.search("Is anybody there?")
    taken = {
        "ask": [spent(asking.ask, question) for question in questions],
        "search": [spent(searching.search, question) for question in questions],
    }
    return {
        f"{what} p{share}": round(float(np.percentile(values, share)) * 1_000, 1)
        for what, values in taken.items()
        for share in (50, 95)
    }


def together(path: Path, questions: Sequence[str], count: int, rounds: int) -> dict[str, float]:
    """Return what `ask_many` gains over one by one, in clock and CPU seconds; new questions every time, in turns."""
    assistant = Assistant.open(path)
    assistant.ask("Is anybody there?")
    ratios: dict[str, list[float]] = {"clock": [], "cpu": []}
    drawn = iter(questions)
    for _ in range(rounds):
        alone = [next(drawn) for _ in range(count)]
        many = [next(drawn) for _ in range(count)]
        single = both_clocks(lambda alone=alone: [assistant.ask(question) for question in alone])  # type: ignore[misc]
        batch = both_clocks(lambda many=many: assistant.ask_many(many))  # type: ignore[misc]
        for name, one, other in zip(ratios, single, batch, strict=True):
            ratios[name].append(one / other)
    return {"questions": count} | {f"times faster, {name}": round(median(each), 2) for name, each in ratios.items()}


def both_clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds by the clock and of the CPU that a call takes."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def spent(work: Callable[..., object], *given: object) -> float:
    """Return the CPU seconds that a call takes, all threads counted."""
    began = time.process_time()
    work(*given)
    return time.process_time() - began


if __name__ == "__main__":
    main()
