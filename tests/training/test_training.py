"""Training of the reader, over a network small enough to train in a test; nothing of what is measured is stubbed."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from rag.embedding.onnx_graph import EncoderShape, reader_graph
from rag.embedding.weights import SHIPPED_MODEL, model_path
from training.reader.batches import Batch, Encoder, batched
from training.reader.examples import Example
from training.reader.mpnet import as_bert
from training.reader.network import EPSILON, HEADS, RELATIVE, Network, Product, Said, _apart, loss, scores
from training.reader.train import SAVED_EVERY, Round, learnt, teaching, tell

WIDTH, INNER = 24, 48
PLAN = Round(80, 1e-2)
BACKBONE = model_path(SHIPPED_MODEL)
TEXT = "The harbour opened in 1911. It was built by Ada Lund. Ships from 40 ports call there each year."
ASKED = (
    ("When did the harbour open?", (22, 26), (0, 27)),
    ("Who built the harbour?", (44, 52), (28, 53)),
    ("Who closed the harbour?", None, None),
)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer whose weights are drawn."""
    chance = torch.Generator().manual_seed(0)
    shapes = {
        "embeddings.word_embeddings.weight": (30_522, WIDTH),
        "embeddings.position_embeddings.weight": (512, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "encoder.layer.0.intermediate.dense.weight": (INNER, WIDTH),
    }
    file = tmp_path_factory.mktemp("backbone") / "model.safetensors"
    drawn = {name: torch.randn(shape, generator=chance) for name, shape in shapes.items()}
    save_file(drawn, file)
    return file


@pytest.fixture(scope="module")
def steps() -> list[Batch]:
    assert BACKBONE is not None
    encoder = Encoder(BACKBONE / "tokenizer.json")
    examples = [
        Example(question, "Harbour", TEXT, (gold,) if gold else (), (reason,) if reason else (), gold is not None)
        for question, gold, reason in ASKED
    ]
    items = [encoder.encode(example) for example in examples]
    return [batch for seed in range(40) for batch in batched(items, 90, random.Random(seed))]


def drawn_network(backbone: Path, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return Network(backbone)


def loss_of(network: Network, batch: Batch, said: Said | None = None) -> float:
    with torch.no_grad():
        return float(loss(network, batch, said))


class Cut(Exception):
    """Ends a run where it is read."""


class Unread:
    """Stands where a run ends without warning."""

    @property
    def allowed(self) -> Any:
        raise Cut


def test_what_is_learnt_is_where_the_answer_lies(steps: list[Batch]) -> None:
    for batch in steps[:4]:
        answered = batch.relevant > 0
        assert (batch.starts[:, 0] == ~answered).all(), "without an answer it is the first token"
        assert (batch.starts.sum(1) == 1).all() and (batch.ends.sum(1) == 1).all()


def test_an_interrupted_run_ends_as_one_that_was_not(backbone: Path, steps: list[Batch], tmp_path: Path) -> None:
    assert PLAN.steps > SAVED_EVERY
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    learner = drawn_network(backbone)
    before = loss_of(learner, steps[0])
    list(learnt(learner, [steps], whole, PLAN))
    assert loss_of(learner, steps[0]) < before / 2
    with pytest.raises(Cut):
        list(learnt(drawn_network(backbone), [[*steps[: SAVED_EVERY + 5], Unread(), *steps]], cut, PLAN))  # type: ignore[list-item]
    other = drawn_network(backbone, seed=9)
    list(learnt(other, [steps], cut, PLAN))
    first, second = learner.tensors(), other.tensors()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_taught_network_says_what_its_teacher_says(backbone: Path, steps: list[Batch], tmp_path: Path) -> None:
    teacher = drawn_network(backbone)
    list(learnt(teacher, [steps], tmp_path, PLAN))
    tell(teacher, steps, tmp_path / "pass")
    said = teaching(tmp_path / "pass", 0)
    for kept, now in zip(said, scores(teacher, steps[0]), strict=True):
        assert torch.allclose(kept, now, atol=0.02)
    other = drawn_network(backbone, seed=5)
    with torch.no_grad():
        for parameter in other.tokens.parameters():
            parameter.add_(0.5)
    assert loss_of(teacher, steps[0], said) < loss_of(other, steps[0], said)


def test_what_a_teacher_has_said_is_not_asked_again(backbone: Path, steps: list[Batch], tmp_path: Path) -> None:
    tell(drawn_network(backbone), steps[:2], tmp_path)
    (tmp_path / "1.npz").unlink()
    written = (tmp_path / "0.npz").stat().st_mtime_ns
    tell(drawn_network(backbone, seed=5), steps[:3], tmp_path)
    assert (tmp_path / "0.npz").stat().st_mtime_ns == written
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.npz", "1.npz", "2.npz"]


def test_an_unsure_teacher_asks_for_less_than_the_truth(backbone: Path, steps: list[Batch]) -> None:
    # One example: of one that answers and one that does not the gradients would cancel.
    batch, network = min(steps, key=lambda step: len(step.relevant)), drawn_network(backbone)
    even = Said(torch.zeros(*batch.ids.shape, 3), torch.zeros(len(batch.ids)))
    loss(network, batch, even).backward()  # type: ignore[no-untyped-call]
    mixed = network.relevance.bias.grad
    network.zero_grad()
    loss(network, batch).backward()  # type: ignore[no-untyped-call]
    alone = network.relevance.bias.grad
    assert mixed is not None and alone is not None
    assert abs(float(mixed)) < abs(float(alone))


def test_the_shipped_graph_rounds_as_training_does(backbone: Path, steps: list[Batch], tmp_path: Path) -> None:
    network = drawn_network(backbone)
    with torch.no_grad():  # some tokens get far larger figures than the others, as in a trained encoder
        network.layers[0].after_attention.weight[3] = 40.0  # type: ignore[union-attr, operator]
    network.save(tmp_path / "reader.safetensors")
    graph = reader_graph(tmp_path / "reader.safetensors", EncoderShape(HEADS, EPSILON), "int8")
    session = onnxruntime.InferenceSession(graph)
    batch = steps[0]
    length = int(batch.filled[0].sum())
    given = {
        "input_ids": batch.ids[:1, :length].astype(np.int32),
        "segments": batch.segments[0, :length].astype(np.int32),
        "positions": np.arange(length, dtype=np.int32),
    }
    shipped, relevance = session.run(["tokens", "relevance"], given)
    arrays = (batch.ids[:1, :length], batch.segments[:1, :length], batch.filled[:1, :length])
    apart = []
    for by_token in (True, False):
        network.quantise(True)
        for module in network.modules():
            if isinstance(module, Product):
                module.by_token = by_token and module.by_token
        with torch.no_grad():
            tokens, related = network(*map(torch.from_numpy, arrays))
        apart.append(float(max(np.abs(shipped - tokens.numpy()).max(), np.abs(relevance - related.numpy()).max())))
    assert apart[0] < 0.02, apart
    assert apart[0] < apart[1] / 2, "token by token, not with one scale for the text"


def test_distances_are_told_apart_as_mpnet_does() -> None:
    kinds = _apart(300, 32)
    expected = {0: 0, 1: 17, 7: 23, 8: 24, 11: 24, 12: 25, 16: 26, 64: 30, 127: 31, 299: 31}
    assert {place: int(kinds[0, place]) for place in expected} == expected
    assert [int(kinds[place, 0]) for place in (1, 7, 8, 299)] == [1, 7, 8, 15]


def test_word_vectors_of_the_teacher_come_in_the_readers_order() -> None:
    own = {"<s>": 0, "<pad>": 1, "</s>": 2, "sea": 3, "the": 4}
    wanted = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "the": 3, "sea": 4}
    tensors = {
        "embeddings.word_embeddings.weight": torch.arange(5.0)[:, None].repeat(1, 2),
        "embeddings.position_embeddings.weight": torch.arange(6.0)[:, None],
        "encoder.layer.0.attention.attn.q.weight": torch.ones(1),
        RELATIVE: torch.ones(32, 2),
    }
    found = as_bert(tensors, own, wanted)
    assert found["embeddings.word_embeddings.weight"][:, 0].tolist() == [1, 0, 2, 4, 3]
    assert found["embeddings.position_embeddings.weight"][:, 0].tolist() == [2, 3, 4, 5]
    assert "encoder.layer.0.attention.self.query.weight" in found
    with pytest.raises(KeyError, match="ship"):
        as_bert(tensors, own, wanted | {"ship": 5})
