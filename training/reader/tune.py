"""Tunes a trained reader further, within a bound of time.

    python -m training.reader.tune DATA OUT [--begin WEIGHTS] [--minutes 60]

It begins with the shipped reader if no other weights are given, and draws the examples of `Source.tuned`. The rate
falls by the time that was spent, so a run ends in time on any machine. A run that was interrupted goes on from its
last checkpoint when the same command is given again. Each step is computed in parts, by as many threads as there are
cores: each thread computes by itself, which wastes less than threads that share each product if other programs take
the cores too.
"""

import argparse
import pickle
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from rag.embedding.weights import SHIPPED_MODEL, model_path
from rag.reading.reader_model import GRAPH, SHIPPED_READER
from training.reader.batches import Batch, Encoder, batched
from training.reader.examples import Example, Maker
from training.reader.from_graph import weights_of
from training.reader.network import Network, Said, loss
from training.reader.sources import TABLES, taken
from training.reader.structure import structured
from training.reader.train import LARGEST_SLOPE, WEIGHTS, grouped, rate_at, record

SEED = 20261129
SHARES = {"cut": 0.85, "retrieved": 0.05, "removed": 0.02, "edited": 0.03}
"""As `training.reader.examples.SHARES`; there are near misses by people now, so few are made."""
RATE = 1e-4
FROZEN = 2
"""Layers that stay as they are, beside the word vectors."""
PART_TOKENS, PARTS = 1_024, 2
"""Tokens of a part of a step, padding counted, and parts of a step."""
QUANTISED_FROM = 0.85
"""Share of the time from which on it computes as with 8-bit matrices."""
MAX_PAIR_TOKENS = 160
"""Tokens of the longest example: more examples an hour."""
STRUCTURED = 8_000
"""Examples of structure in a pass, a quarter of it."""
SAVED_EVERY_SECONDS = 300


@dataclass
class Progress:
    """How far a run has come: the pass, the step in it, all steps, and the seconds spent."""

    number: int = 0
    step: int = 0
    done: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Run:
    """What a run is given: its folder, its seconds, its highest rate and its threads."""

    out: Path
    seconds: float
    rate: float
    threads: int


def main() -> None:
    """Tune, and write `reader.safetensors` and `metrics.jsonl`."""
    options = arguments()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    begin = options.begin or options.out / "begin.safetensors"
    if not begin.exists():
        save_file({name: torch.tensor(one) for name, one in weights_of(SHIPPED_READER / GRAPH).items()}, begin)
    backbone = model_path(SHIPPED_MODEL)
    assert backbone is not None
    encoder = Encoder(backbone / "tokenizer.json")
    maker = cache(lambda: Maker(options.data, SEED, SHARES, taken("tuned")))
    network = Network(begin)
    run = Run(options.out, options.minutes * 60, options.rate, options.threads)
    tuned(network, run, lambda number: kept_steps(options.out, number, lambda: drawn(maker(), number), encoder))
    network.save(options.out / WEIGHTS)


def drawn(maker: Maker, number: int) -> list[Example]:
    """Return the examples of a pass: those of the sources, and those of structure, made of them or by rule."""
    examples = maker.draw(number)
    prose = [example for example in examples if example.origin not in TABLES]
    tables = [passage.text for passage in maker.passages if passage.id.startswith(TABLES)]
    return examples + structured(random.Random(f"{SEED}/{number}/structure"), STRUCTURED, prose, tables)


def kept_steps(folder: Path, number: int, draw: Callable[[], list[Example]], encoder: Encoder) -> list[list[Batch]]:
    """Return the steps of a pass, from a file if they were drawn before: to draw them takes minutes."""
    file = folder / f"pass{number}.pickle"
    if not file.exists():
        file.with_suffix(".partial").write_bytes(pickle.dumps(steps_of(draw(), encoder, number)))
        file.with_suffix(".partial").replace(file)
    steps: list[list[Batch]] = pickle.loads(file.read_bytes())
    return steps


def steps_of(examples: Sequence[Example], encoder: Encoder, number: int) -> list[list[Batch]]:
    """Return the steps of a pass, each in parts."""
    encoded = [item for item in map(encoder.encode, examples) if len(item.pair) <= MAX_PAIR_TOKENS]
    tokens = sum(len(item.pair) for item in encoded)
    parts = list(batched(encoded, PART_TOKENS, random.Random(f"{SEED}/{number}/order")))
    steps = [parts[start : start + PARTS] for start in range(0, len(parts), PARTS)]
    wrong = sum(not item.relevant for item in encoded)
    print(f"pass {number}: {len(encoded)} examples, {wrong} without an answer, {tokens} tokens, {len(steps)} steps")
    return steps


def tuned(network: Network, run: Run, drawn: Callable[[int], list[list[Batch]]]) -> None:
    """Tune a network in place for the time of a run, from its checkpoint if there is one."""
    torch.manual_seed(SEED)
    optimizer = torch.optim.AdamW(grouped(network, FROZEN), lr=run.rate)
    progress = restored(run.out, network, optimizer)
    saved = progress.seconds
    with ThreadPoolExecutor(run.threads) as pool:
        for step, number, following in steps_from(progress.number, progress.step, drawn):
            share = progress.seconds / run.seconds
            if share >= 1:
                break
            began = time.monotonic()
            network.quantise(share >= QUANTISED_FROM)
            value = learn(network, optimizer, step, run.rate * rate_at(share), pool)
            spent = progress.seconds + time.monotonic() - began
            progress = Progress(number, following, progress.done + 1, spent)
            if progress.done % 10 == 0:
                record(run.out / "metrics.jsonl", {**vars(progress), "loss": round(value, 4)})
            if progress.seconds - saved > SAVED_EVERY_SECONDS:
                keep(run.out, network, optimizer, progress)
                saved = progress.seconds
    network.quantise(False)


def steps_from(
    number: int, first: int, drawn: Callable[[int], list[list[Batch]]]
) -> Iterator[tuple[list[Batch], int, int]]:
    """Yield the steps from one of a pass on, each with its pass and the number of the step after it."""
    while True:
        steps = drawn(number)
        for i in range(first, len(steps)):
            yield steps[i], number, i + 1
        number, first = number + 1, 0


def learn(
    network: Network,
    optimizer: torch.optim.Optimizer,
    parts: Sequence[Batch],
    rate: float,
    pool: ThreadPoolExecutor,
    teach: Callable[[int, Batch], Said | None] = lambda number, part: None,
) -> float:
    """Take one step, each part by a thread of the pool; return the mean loss before it.

    `teach` returns what a teacher says of a part, given its number.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    examples = sum(len(part.relevant) for part in parts)

    def slopes(number: int, part: Batch) -> tuple[float, Sequence[Tensor]]:
        value = loss(network, part, teach(number, part)) * (len(part.relevant) / examples)
        return float(value.detach()), torch.autograd.grad(value, trained)

    values, by_part = zip(*pool.map(slopes, range(len(parts)), parts), strict=True)
    for parameter, *summands in zip(trained, *by_part, strict=True):
        parameter.grad = torch.stack(summands).sum(0)
    torch.nn.utils.clip_grad_norm_(trained, LARGEST_SLOPE)
    optimizer.step()
    return float(sum(values))


def keep(folder: Path, network: Network, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write a checkpoint; an interruption leaves the one before."""
    content = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "progress": vars(progress)}
    torch.save(content, folder / "checkpoint.partial")
    (folder / "checkpoint.partial").replace(folder / "checkpoint.pt")


def restored(folder: Path, network: Network, optimizer: torch.optim.Optimizer) -> Progress:
    """Return how far an earlier run came, its weights taken over."""
    if not (folder / "checkpoint.pt").exists():
        return Progress()
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    network.load_state_dict(content["network"])
    optimizer.load_state_dict(content["optimizer"])
    return Progress(**content["progress"])


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--begin", type=Path, help="weights to begin with, if not those of the shipped graph")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
