"""Trains the reader.

    python -m training.reader.train DATA OUT [--teacher TEACHER]

DATA is the folder of data sets, OUT a folder for checkpoints, metrics by step and the trained weights. Each round
begins with the weights that the one before ended with, raises the rate again and draws anew; the mean of the last two
is the result. With `--teacher` a last round begins with that mean and learns what the teacher says of its examples;
then the mean of before and after is the result. A run that was interrupted goes on from its last checkpoint when the
same command is given again.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from rag.embedding.weights import SHIPPED_MODEL, model_path
from training.reader.batches import Batch, Encoder, batched
from training.reader.examples import SHARES, Example, Maker
from training.reader.measure import by_network, gold_paragraphs, held_out_questions
from training.reader.network import Network, Said, loss, scores
from training.reader.sources import taken

SEED = 20261125
WEIGHTS = "reader.safetensors"
PASSES = 2
"""Passes over the data in a round; the second is not finished: two cores take some 50 minutes for a round."""
QUANTISED_FROM = 0.8
"""Share of a round from which on it computes as with 8-bit matrices: without this the shipped model loses 3 points."""
TOKENS = 6_144
"""Tokens of a step, padding counted: some 40 examples."""


@dataclass(frozen=True)
class Round:
    """A round: its steps, its highest rate, layers that stay as they are; whether its end computes with 8 bits."""

    steps: int
    rate: float
    frozen: int = 0
    quantised: bool = True


ROUNDS = (Round(1_800, 2e-4), Round(1_800, 1.5e-4), Round(1_800, 1.5e-4))
AVERAGED = 2
"""Rounds whose weights are averaged: better than those of either on articles for the fit."""
TAUGHT = Round(1_500, 1.5e-4)
"""The round after these, which begins with their mean; the pass that the teacher has read comes again and again."""
TAUGHT_PASS = 6
WARM_UP, DECAY, LARGEST_SLOPE = 0.06, 0.01, 1.0
SAVED_EVERY = 50
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
    shares = {name: 0.0 if name in given.without else share for name, share in SHARES.items()}
    encoder = Encoder(backbone / "tokenizer.json")
    maker = Maker(given.data, SEED, shares, by_rule=given.invented)
    course = Course(given.out, encoder, held_out_questions(given.data, MEASURED))

    def drawn(number: int) -> list[list[Batch]]:
        passes = range(number * PASSES, (number + 1) * PASSES)
        return [steps_of(maker.draw(each), encoder, each, given.tokens) for each in passes]

    ends = [backbone / "model.safetensors"]
    for number, plan in enumerate(ROUNDS[: given.rounds]):
        plan = replace(plan, steps=given.steps or plan.steps)
        ends.append(course.trained(f"round{number + 1}", ends[-1], plan, partial(drawn, number)))
    if not given.teacher:
        return write_mean(ends[1:][-AVERAGED:], given.out / WEIGHTS)
    begin = given.out / "untaught.safetensors"
    write_mean(ends[1:][-AVERAGED:], begin)
    steps = steps_of(taught_examples(given.data), encoder, TAUGHT_PASS)
    again = [steps] * math.ceil(TAUGHT.steps / len(steps))
    taught = course.trained("taught", begin, TAUGHT, lambda: again, given.teacher / f"pass{TAUGHT_PASS}")
    write_mean([begin, taught], given.out / WEIGHTS)


@dataclass(frozen=True)
class Course:
    """What all rounds share: where they write, and what they are measured on."""

    out: Path
    encoder: Encoder
    questions: list[tuple[Example, list[str]]]

    def trained(
        self, name: str, begin: Path, plan: Round, drawn: Callable[[], list[list[Batch]]], said: Path | None = None
    ) -> Path:
        """Return the weights after a round that begins with those in `begin`, trained if they are not there yet."""
        file = self.out / name / WEIGHTS
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            network = Network(begin)
            for steps in learnt(network, drawn(), file.parent, plan, said):
                figures = gold_paragraphs(by_network(network), self.questions, self.encoder)
                record(self.out / "metrics.jsonl", {"round": name, "steps": steps, **figures})
            network.save(file)
        return file


def taught_examples(data: Path) -> list[Example]:
    """Return the examples that the teacher reads for the round that is taught."""
    return Maker(data, SEED, sources=taken("taught")).draw(TAUGHT_PASS)


def learnt(
    network: Network, drawn: list[list[Batch]], folder: Path, plan: Round, said: Path | None = None
) -> Iterator[int]:
    """Train one round, from its checkpoint in `folder` if there is one; yield the steps done where it is measured.

    `said` is a folder with what the teacher says of every pass.
    """
    torch.manual_seed(SEED)
    total = min(plan.steps, sum(map(len, drawn)))
    optimizer = torch.optim.AdamW(grouped(network, plan.frozen), lr=plan.rate, fused=True)
    state = restored(folder, network, optimizer)
    began = time.monotonic()
    for number in range(state.number, len(drawn)):
        for step in range(state.step, len(drawn[number])):
            if state.done == total:
                return
            network.quantise(plan.quantised and state.done >= QUANTISED_FROM * total)
            told = teaching(said, step) if said else None
            value = learn(network, optimizer, drawn[number][step], plan.rate * rate_at(state.done / total), told)
            state = State(number, step + 1, state.done + 1)
            if state.done % 25 == 0:
                print(f"{state.done}/{total} loss {value:.3f} {time.monotonic() - began:.0f} s", flush=True)
            if state.done % SAVED_EVERY == 0:
                keep(folder, network, optimizer, state)
            if state.done % MEASURED_EVERY == 0:
                yield state.done
        state = State(number + 1, 0, state.done)


def tell(teacher: Network, batches: Sequence[Batch], folder: Path) -> None:
    """Write what a teacher says of each batch of a pass; what is written already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for place, batch in enumerate(batches):
        if not (folder / f"{place}.npz").exists():
            with torch.inference_mode():
                said = scores(teacher, batch)
            partial = folder / "partial.npz"
            np.savez(partial, tokens=said.tokens.half().numpy(), relevance=said.relevance.half().numpy())
            partial.replace(folder / f"{place}.npz")
        if place % 25 == 0:
            print(f"{folder.name}: {place} of {len(batches)}, {time.monotonic() - began:.0f} s", flush=True)


def teaching(folder: Path, place: int) -> Said:
    """Return what the teacher said of a batch."""
    with np.load(folder / f"{place}.npz") as found:
        return Said(*(torch.from_numpy(found[name]).float() for name in Said._fields))


def write_mean(files: list[Path], file: Path) -> None:
    """Write the mean of the weights in `files`, which have one shape."""
    found = [load_file(one) for one in files]
    save_file({name: np.mean([one[name] for one in found], axis=0) for name in found[0]}, file)


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--teacher", type=Path, help="the folder of `training.reader.teacher`, for the taught round")
    parser.add_argument("--rounds", type=int, default=len(ROUNDS), choices=range(1, len(ROUNDS) + 1))
    parser.add_argument(
        "--steps", type=int, help="of a round without a teacher, if not as planned; its rate falls to nothing then"
    )
    parser.add_argument("--without", nargs="+", default=(), choices=SHARES, help="made examples to measure the gain of")
    parser.add_argument("--invented", type=float, default=0.0, help="share of passages that rules ask about, 0 to 1")
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def steps_of(examples: list[Example], encoder: Encoder, number: int, tokens_of_step: int = TOKENS) -> list[Batch]:
    """Return the batches of a pass."""
    encoded = [encoder.encode(example) for example in examples]
    tokens = sum(len(item.pair) for item in encoded)
    batches = list(batched(encoded, tokens_of_step, random.Random(f"{SEED}/{number}/order")))
    print(f"pass {number + 1}: {len(encoded)} examples, {tokens} tokens, {len(batches)} steps", flush=True)
    return batches


def grouped(network: Network, frozen: int = 0) -> list[dict[str, object]]:
    """Return the trained parameters: word vectors and `frozen` layers stay as they are, and vectors do not decay."""
    fixed: list[nn.Module] = [network.words]
    if frozen:
        fixed += [network.positions, network.embedded, *list(network.layers)[:frozen]]
    for module in fixed:
        module.requires_grad_(False)
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


def learn(
    network: Network, optimizer: torch.optim.Optimizer, batch: Batch, rate: float, said: Said | None = None
) -> float:
    """Take one step and return the loss before it."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    network.train()
    value = loss(network, batch, said)
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
