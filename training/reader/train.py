"""Trains the reader.

    python -m training.reader.train DATA OUT

DATA is the folder of data sets, OUT a folder for checkpoints, metrics by step and the trained weights. Each round
begins with the weights that the one before ended with, raises the rate again and draws anew; the mean of the last two
is the result. A run that was interrupted goes on from its last checkpoint when the same command is given again.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from rag.weights import SHIPPED_MODEL, model_path
from training.reader.batches import Batch, Encoder, batched
from training.reader.examples import SHARES, Example, Maker
from training.reader.measure import by_network, gold_paragraphs, held_out_questions
from training.reader.network import Network, loss

SEED = 20261125
PASSES = 2
STEPS = 1_800
"""Of a round, whose second pass is not finished: two cores take some 50 minutes for this."""
QUANTISED_FROM = 0.8
"""Share of a round from which on it computes as with 8-bit matrices: without this the shipped model loses 3 points."""
TOKENS = 6_144
"""Tokens of a step, padding counted: some 40 examples."""
RATES = (2e-4, 1.5e-4, 1.5e-4)
"""The highest rate of each round."""
AVERAGED = 2
"""Rounds at the end whose weights are averaged: better than those of either on articles for the fit."""
WARM_UP, DECAY, LARGEST_SLOPE = 0.06, 0.01, 1.0
SAVED_EVERY = 100
MEASURED, MEASURED_EVERY = 1_000, 450
"""Questions over held-out articles that are measured after so many steps."""


@dataclass
class State:
    """How far a round has come: pass and step in it, and all steps that were done."""

    number: int = 0
    step: int = 0
    done: int = 0


def main() -> None:
    """Train round by round, measuring now and then; write `reader.safetensors` and `metrics.jsonl`."""
    given = arguments()
    torch.set_num_threads(given.threads)
    backbone = model_path(SHIPPED_MODEL)
    assert backbone is not None
    maker, encoder = Maker(given.data, SEED, given.without), Encoder(backbone / "tokenizer.json")
    questions = held_out_questions(given.data, MEASURED)
    weights = backbone / "model.safetensors"
    for number in range(given.rounds):
        folder = given.out / f"round{number + 1}"
        if not (folder / "reader.safetensors").exists():
            folder.mkdir(parents=True, exist_ok=True)
            passes = range(number * PASSES, (number + 1) * PASSES)
            drawn = [steps_of(maker.draw(each), encoder, given.tokens, each) for each in passes]
            network = Network(weights)
            for steps in learnt(network, drawn, folder, given.steps, RATES[number]):
                figures = gold_paragraphs(by_network(network), questions, encoder)
                record(given.out / "metrics.jsonl", {"round": number + 1, "steps": steps, **figures})
            network.save(folder / "reader.safetensors")
        weights = folder / "reader.safetensors"
    ends = [given.out / f"round{number + 1}" / weights.name for number in range(given.rounds)]
    write_mean(ends[-AVERAGED:], given.out / weights.name)


def learnt(network: Network, drawn: list[list[Batch]], folder: Path, steps: int, rate: float) -> Iterator[int]:
    """Train one round, from its checkpoint in `folder` if there is one; yield the steps done where it is measured."""
    torch.manual_seed(SEED)
    total = min(steps, sum(map(len, drawn)))
    optimizer = torch.optim.AdamW(grouped(network), lr=rate, fused=True)
    state = restored(folder, network, optimizer)
    began = time.monotonic()
    for number in range(state.number, len(drawn)):
        for step in range(state.step, len(drawn[number])):
            if state.done == total:
                return
            network.quantise(state.done >= QUANTISED_FROM * total)
            value = learn(network, optimizer, drawn[number][step], rate * rate_at(state.done / total))
            state = State(number, step + 1, state.done + 1)
            if state.done % 25 == 0:
                print(f"{state.done}/{total} loss {value:.3f} {time.monotonic() - began:.0f} s", flush=True)
            if state.done % SAVED_EVERY == 0:
                keep(folder, network, optimizer, state)
            if state.done % MEASURED_EVERY == 0:
                yield state.done
        state = State(number + 1, 0, state.done)


def write_mean(files: list[Path], file: Path) -> None:
    """Write the mean of the weights in `files`, which have one shape."""
    found = [load_file(one) for one in files]
    save_file({name: np.mean([one[name] for one in found], axis=0) for name in found[0]}, file)


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=len(RATES), choices=range(1, len(RATES) + 1))
    parser.add_argument("--steps", type=int, default=STEPS, help="of a round; its rate falls to nothing at this step")
    parser.add_argument("--without", nargs="+", default=(), choices=SHARES, help="made examples to measure the gain of")
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def steps_of(examples: list[Example], encoder: Encoder, tokens_of_step: int, number: int) -> list[Batch]:
    """Return the batches of a pass."""
    encoded = [encoder.encode(example) for example in examples]
    tokens = sum(len(item.pair) for item in encoded)
    batches = list(batched(encoded, tokens_of_step, random.Random(f"{SEED}/{number}/order")))
    print(f"pass {number + 1}: {len(encoded)} examples, {tokens} tokens, {len(batches)} steps", flush=True)
    return batches


def grouped(network: Network) -> list[dict[str, object]]:
    """Return the trained parameters: word vectors stay as they are, and vectors do not decay."""
    network.words.weight.requires_grad_(False)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [one for one in trained if one.ndim > 1], "weight_decay": DECAY},
        {"params": [one for one in trained if one.ndim == 1], "weight_decay": 0.0},
    ]


def rate_at(share: float) -> float:
    """Return the share of the rate at a share of the run: it rises in a line, then falls as a cosine.

    >>> rate_at(0.03), rate_at(0.06), round(rate_at(1.0), 3)
    (0.5, 1.0, 0.0)
    """
    if share < WARM_UP:
        return share / WARM_UP
    return 0.5 + 0.5 * math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))


def learn(network: Network, optimizer: torch.optim.Optimizer, batch: Batch, rate: float) -> float:
    """Take one step and return the loss before it."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    network.train()
    value = loss(network, batch)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(value)
    torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_SLOPE)
    optimizer.step()
    return float(value.detach())


def keep(folder: Path, network: Network, optimizer: torch.optim.Optimizer, state: State) -> None:
    """Write a checkpoint; an interruption leaves the one before."""
    content = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "state": vars(state)}
    torch.save(content, folder / "checkpoint.partial")
    (folder / "checkpoint.partial").replace(folder / "checkpoint.pt")


def restored(folder: Path, network: Network, optimizer: torch.optim.Optimizer) -> State:
    """Return how far an earlier run came, its weights taken over."""
    if not (folder / "checkpoint.pt").exists():
        return State()
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    network.load_state_dict(content["network"])
    optimizer.load_state_dict(content["optimizer"])
    return State(**content["state"])


def record(file: Path, figures: dict[str, object]) -> None:
    """Add one line of figures."""
    print(json.dumps(figures), flush=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
