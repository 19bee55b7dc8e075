"""Joins two readers: one learns from each what that one does better.

    python -m training.reader.join DATA OUT FIRST SECOND [--minutes 11]

FIRST teaches the answers of prose, SECOND what has no answer and all structure. A share of the loss is the truth. It
begins with the mean of both. Tuning by itself made a reader forget what a larger model had taught it about prose.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from rag.embedding.weights import SHIPPED_MODEL, model_path
from training.reader.batches import Batch, Encoder, batched
from training.reader.examples import Example, Maker
from training.reader.network import Network, Said, scores
from training.reader.sources import TABLES, taken
from training.reader.train import WEIGHTS, grouped, rate_at, record
from training.reader.tune import FROZEN, MAX_PAIR_TOKENS, PART_TOKENS, SEED, SHARES, drawn, learn

RATE = 8e-5
QUANTISED_FROM = 0.5
"""Share of the time from which on it computes as with 8-bit matrices."""
MAX_PROSE_TOKENS = 288
"""Tokens of the longest example of prose: whole paragraphs, so that it does not forget how to read them."""
SHARE_OF_SECOND = 0.7
STRUCTURE = frozenset(("table", "fields", "option", "definition", "list", "heading", "negated", *TABLES))


@dataclass(frozen=True)
class Teachers:
    """The reader that teaches prose, and the one that teaches everything else."""

    prose: Network
    rest: Network

    def say(self, number: int, part: Batch) -> Said:
        """Return what is said of a part of a step: the first is prose."""
        with torch.no_grad():
            return scores((self.prose, self.rest)[number], part)


def main() -> None:
    """Join two readers, and write `reader.safetensors` and `metrics.jsonl`."""
    options = arguments()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    backbone = model_path(SHIPPED_MODEL)
    assert backbone is not None
    encoder = Encoder(backbone / "tokenizer.json")
    mean = options.out / "mean.safetensors"
    write_mean(options.first, options.second, SHARE_OF_SECOND, mean)
    maker = cache(lambda: Maker(options.data, SEED, SHARES, taken("tuned")))
    network = Network(mean)
    steps = steps_without_end(lambda number: drawn(maker(), number), encoder)
    teachers = Teachers(Network(options.first), Network(options.second))
    join(network, teachers, steps, options.minutes * 60, options.out)
    network.save(options.out / WEIGHTS)


def write_mean(first: Path, second: Path, share: float, file: Path) -> None:
    """Write the weights between two readers, `share` of them of the second."""
    one, other = load_file(first), load_file(second)
    save_file({name: one[name] * (1 - share) + other[name] * share for name in one}, file)


def steps_without_end(
    draw: Callable[[int], list[Example]], encoder: Encoder, first: int = 0
) -> Iterator[tuple[Batch, Batch]]:
    """Yield steps of two parts: prose that answers, and everything else. The shorter of both comes again in a pass."""
    number = first
    while True:
        examples = draw(number)
        prose, rest = parts_of(examples)
        chance = random.Random(f"{SEED}/{number}/join")
        parts = [
            batches_of(prose, encoder, MAX_PROSE_TOKENS, chance),
            batches_of(rest, encoder, MAX_PAIR_TOKENS, chance),
        ]
        yield from zip(*parts, strict=False)
        number += 1


def parts_of(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Return the examples of prose that answer, and all others."""
    parts: tuple[list[Example], list[Example]] = [], []
    for example in examples:
        parts[not example.golds or example.origin in STRUCTURE].append(example)
    return parts


def batches_of(examples: Sequence[Example], encoder: Encoder, longest: int, chance: random.Random) -> list[Batch]:
    """Return examples of at most so many tokens in batches, in a drawn order."""
    items = [item for item in map(encoder.encode, examples) if len(item.pair) <= longest]
    return list(batched(items, PART_TOKENS, chance))


def join(network: Network, teachers: Teachers, steps: Iterator[tuple[Batch, Batch]], seconds: float, out: Path) -> None:
    """Train a network in place for so many seconds."""
    torch.manual_seed(SEED)
    optimizer = torch.optim.AdamW(grouped(network, FROZEN), lr=RATE)
    done, began = 0, time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        for parts in steps:
            share = (time.monotonic() - began) / seconds
            if share >= 1:
                break
            network.quantise(share >= QUANTISED_FROM)
            value = learn(network, optimizer, parts, RATE * rate_at(share), pool, teachers.say)
            done += 1
            if done % 10 == 0:
                spent = round(share * seconds)
                record(out / "metrics.jsonl", {"joined": done, "seconds": spent, "loss": round(value, 4)})
    network.quantise(False)


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "out", "first", "second"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--minutes", type=float, default=11.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
