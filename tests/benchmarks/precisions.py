"""Measures one encoder pass in each precision that this processor has, by ONNX Runtime and by OpenVINO, in turns.

    pip install openvino
    python tests/benchmarks/precisions.py DATA/squad2 [--passages 60] [--rounds 5]

By this the precision of `embedding_runtime=auto` was chosen. All compute one text at a time on one thread, from graphs
of the same weights; OpenVINO reads the one in full precision and rounds to bf16 itself. Printed are passages a CPU
second and the least cosine with full precision.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np

from rag.core.runtime import session
from rag.embedding.encoder_files import encoder_shape
from rag.embedding.onnx_graph import Precision, encoder_graph
from rag.embedding.weights import SHIPPED_MODEL, WEIGHTS, model_path
from rag.evaluation.datasets import documents

LONGEST = 900
"""Characters of a passage, as they are cut."""
Run = Callable[[dict[str, Any]], Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--passages", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found = islice(documents(given.dataset), given.passages)
    texts = inputs([document.text[:LONGEST] for document in found])
    runs = by_onnxruntime() | by_openvino()
    for run in runs.values():
        _ = [run(text) for text in texts]  # OpenVINO compiles for each length
    spent, vectors = {name: list[float]() for name in runs}, dict[str, Any]()
    for _ in range(given.rounds):
        for name, run in runs.items():
            began = time.process_time()
            means = np.array([run(text)[0].mean(axis=0) for text in texts])
            spent[name].append(time.process_time() - began)
            vectors[name] = means / np.linalg.norm(means, axis=1, keepdims=True)
    exact = vectors["onnxruntime fp32"]
    figures = {
        name: {
            "passages_per_cpu_second": round(len(texts) / median(seconds), 1),
            "least_cosine": round(float((vectors[name] * exact).sum(axis=1).min()), 4),
        }
        for name, seconds in spent.items()
    }
    sys.stdout.write(json.dumps({"passages": len(texts), **figures}, indent=1) + "\n")


def inputs(texts: list[str]) -> list[dict[str, Any]]:
    """Return what the graphs take for each text."""
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(model() / "tokenizer.json"))
    tokenizer.no_padding()
    ids = [tokenizer.encode(text).ids[:256] for text in texts]
    return [{"input_ids": np.array([i], np.int32), "positions": np.arange(len(i), dtype=np.int32)} for i in ids]


def by_onnxruntime() -> dict[str, Run]:
    """Return what runs our graphs as Pincite does."""
    return {f"onnxruntime {name}": partial(_first_of_session, session(graph(name))) for name in get_args(Precision)}


def by_openvino() -> dict[str, Run]:
    """Return what runs the graph in full precision by OpenVINO, as it is and rounded to bf16."""
    import openvino

    core: Any = openvino.Core()
    runs = dict[str, Run]()
    for hint in ("f32", "bf16"):
        properties = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        request = core.compile_model(core.read_model(graph("fp32")), "CPU", properties).create_infer_request()
        runs[f"openvino {hint}"] = partial(_first_of_request, request)
    return runs


def _first_of_session(model: Any, given: dict[str, Any]) -> Any:
    return model.run(None, given)[0]


def _first_of_request(request: Any, given: dict[str, Any]) -> Any:
    return request.infer(given)[0].copy()  # the next call writes over it


def graph(precision: Precision) -> bytes:
    """Return the graph of the shipped model."""
    return encoder_graph(model() / WEIGHTS, encoder_shape(model()), precision)


def model() -> Path:
    """Return the folder of the shipped model."""
    path = model_path(SHIPPED_MODEL)
    assert path is not None
    return path


if __name__ == "__main__":
    main()
