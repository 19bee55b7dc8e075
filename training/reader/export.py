"""Writes the trained reader as it ships, and measures it beside full precision.

    python -m training.reader.export DATA OUT

OUT is the folder of `training.reader.train`. The graph with 8-bit matrices, its tokenizer and its card go to
`rag/models/reader/`; the graph in full precision stays in OUT. Both are measured on all held-out articles, the first
also on those for the fit, by which weights are chosen, and on those that are only reported on.
"""

import json
import shutil
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rag.core.runtime import side_by_side
from rag.embedding.onnx_graph import EncoderShape, Precision, reader_graph
from rag.embedding.weights import SHIPPED_MODEL, model_path
from rag.reading.reader_model import CARD, GRAPH, SHIPPED_READER, TOKENIZER, SpanModel, sums_of
from training.reader.batches import Encoder
from training.reader.examples import Example
from training.reader.measure import gold_paragraphs, held_out_questions
from training.reader.network import EPSILON, HEADS
from training.reader.sources import fitted_articles, held_out_articles

TIMED = 100


def main(data: Path, out: Path) -> None:
    """Write both graphs, measure them on all held-out questions, write the card."""
    questions = held_out_questions(data)
    backbone = model_path(SHIPPED_MODEL)
    assert backbone is not None
    encoder = Encoder(backbone / TOKENIZER)
    figures: dict[str, dict[str, object]] = {}
    folders: dict[Precision, Path] = {"fp32": out / "fp32", "int8": SHIPPED_READER}
    for precision, folder in folders.items():
        write_model(out / "reader.safetensors", backbone / TOKENIZER, folder, precision)
        model = SpanModel(folder)
        figures[precision] = gold_paragraphs(partial(side_by_side, model.run), questions, encoder)
        figures[precision] |= speed(model, questions, encoder) | {"bytes": (folder / GRAPH).stat().st_size}
        print(precision, json.dumps(figures[precision]), flush=True)
    fitted = fitted_articles(data)
    parts = {"for_fit": fitted, "only_reported": held_out_articles(data) - fitted}
    for name, articles in parts.items():
        asked = held_out_questions(data, articles=articles)
        figures[name] = gold_paragraphs(partial(side_by_side, model.run), asked, encoder)
        print(name, json.dumps(figures[name]), flush=True)
    card = json.loads((SHIPPED_READER / CARD).read_text(encoding="utf-8"))
    curve = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    card |= {"made": f"{datetime.now(UTC):%Y-%m-%d}", "held_out": figures, "by_step": curve}
    (SHIPPED_READER / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def write_model(weights: Path, tokenizer: Path, folder: Path, precision: Precision) -> None:
    """Write graph, tokenizer and their sums."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(reader_graph(weights, EncoderShape(HEADS, EPSILON), precision))
    shutil.copyfile(tokenizer, folder / TOKENIZER)
    content = {"sha256": sums_of(folder, (GRAPH, TOKENIZER))}
    (folder / CARD).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def speed(model: SpanModel, questions: list[tuple[Example, list[str]]], encoder: Encoder) -> dict[str, float]:
    """Return how many passages a CPU second are read, one after the other on one thread."""
    pairs = [encoder.encode(example).pair for example, _ in questions[:TIMED]]
    began = time.process_time()
    for pair in pairs:
        model.run(pair)
    spent = time.process_time() - began
    return {"passages_per_cpu_second": round(len(pairs) / spent, 1)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
