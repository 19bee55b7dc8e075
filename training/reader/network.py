"""The reader as it is trained: a BERT encoder of the backbone's weights with four small heads, in plain torch.

Names of parameters are those of the backbone's file, so that `rag.embedding.onnx_graph` writes the trained encoder as
it
writes the embedder.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from rag.embedding.onnx_graph import LARGEST_WEIGHT
from rag.reading.reader_tokens import PASSAGE, PASSAGE_SHARED, QUESTION, QUESTION_SHARED, SEGMENTS
from training.reader.batches import Batch

HEADS, EPSILON = 12, 1e-12
RELATIVE = "encoder.relative_attention_bias.weight"
"""What attention adds for how far apart two tokens stand; only the teacher's backbone has it."""
RELATIVE_EPSILON = 1e-5
FARTHEST = 128
"""Tokens apart from which on all are as far."""
REASON_WEIGHT, RELEVANCE_WEIGHT = 0.4, 0.5
TEACHER_WEIGHT = 0.7
"""Share of the loss that comes from the teacher, where there is one."""
NEVER = -1e4
BF16: bool = torch.cpu._is_avx512_bf16_supported()
"""Whether the processor has instructions for bf16; without them it is ten times slower than full precision."""


class Rounded(torch.autograd.Function):
    """Rounds as the shipped graph does, and lets gradients through as if it did not."""

    @staticmethod
    def forward(context: Any, values: Tensor, low: Tensor, high: Tensor, steps: int) -> Tensor:
        """Return the nearest of `steps` equal steps from `low` to `high`, zero among them."""
        scale = ((high - low) / steps).clamp(min=1e-8)
        zero = (-low / scale).round()
        return (((values.float() / scale).round() + zero).clamp(0, steps) - zero).mul(scale).to(values.dtype)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient as it is."""
        return gradients[0], None, None, None


class Product(nn.Linear):
    """A linear layer that can compute as with 8-bit matrices: inputs of one example and weights of one row rounded.

    With `by_token` each token is divided by its largest figure before, as in the shipped graph.
    """

    quantised = by_token = False

    def forward(self, values: Tensor) -> Tensor:
        """Return values @ weight + bias."""
        if not self.quantised:
            return super().forward(values)
        largest = values.detach().abs().amax(-1, keepdim=True) if self.by_token else torch.ones(())
        product = functional.linear(*self._rounded(values / largest)) * largest
        return product + self.bias.to(product.dtype)

    def _rounded(self, values: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            low, high = values.float().amin((1, 2), keepdim=True), values.float().amax((1, 2), keepdim=True)
            most = self.weight.abs().amax(1, keepdim=True)
        rounded: Tensor = Rounded.apply(values, low.clamp(max=0), high.clamp(min=0), 255)  # type: ignore[no-untyped-call]
        weight: Tensor = Rounded.apply(self.weight, -most, most, 2 * LARGEST_WEIGHT)  # type: ignore[no-untyped-call]
        return rounded, weight


class Layer(nn.Module):
    """One layer of the encoder: attention, then the feed-forward part, each added to its input and normalised."""

    def __init__(self, width: int, inner: int, epsilon: float) -> None:
        """Make the layer; its weights are loaded over what is drawn here."""
        super().__init__()
        self.joined, self.mixed = Product(width, 3 * width), Product(width, width)
        self.wide, self.narrow = Product(width, inner), Product(inner, width)
        self.wide.by_token = self.narrow.by_token = True
        self.after_attention, self.after_narrow = (nn.LayerNorm(width, epsilon) for _ in range(2))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Return (examples, tokens, width). `mask`, of (examples, heads, tokens, tokens), is added to the attention."""
        rows, tokens, width = hidden.shape
        parts = self.joined(hidden).view(rows, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = parts
        # Written out: torch's fused attention takes three times as long for bf16 on processors without AMX.
        likeness = torch.matmul(query * (width // HEADS) ** -0.5, key.transpose(-1, -2))
        likeness = likeness if mask is None else likeness + mask
        attended = torch.matmul(likeness.softmax(-1, dtype=value.dtype), value).transpose(1, 2)
        hidden = self.after_attention(hidden + self.mixed(attended.reshape(rows, tokens, width)))
        grown = self.narrow(functional.gelu(self.wide(hidden)))
        return torch.as_tensor(self.after_narrow(hidden + grown))


class Network(nn.Module):
    """Encoder and heads: where an answer starts and ends, which sentences answer, and whether the passage does."""

    def __init__(self, backbone: Path) -> None:
        """Load the backbone's safetensors file, or one that `save` wrote."""
        super().__init__()
        tensors = load_file(backbone)
        words = tensors["embeddings.word_embeddings.weight"]
        inner = tensors["encoder.layer.0.intermediate.dense.weight"].shape[0]
        layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
        width = words.shape[1]
        self.words, self.positions = nn.Embedding(*words.shape), nn.Embedding(512, width)
        self.segments = nn.Embedding(SEGMENTS, width)
        self.relative = nn.Embedding(*tensors[RELATIVE].shape) if RELATIVE in tensors else None
        epsilon = EPSILON if self.relative is None else RELATIVE_EPSILON
        self.embedded = nn.LayerNorm(width, epsilon)
        self.layers = nn.ModuleList(Layer(width, inner, epsilon) for _ in range(layers))
        self.tokens, self.relevance = nn.Linear(width, 3), nn.Linear(width, 1)
        for head in (self.tokens, self.relevance):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
        self._take(tensors)

    def forward(self, ids: Tensor, segments: Tensor, filled: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores of tokens (examples, tokens, 3): start, end, reason; and relevance (examples,)."""
        places = self.positions.weight[: ids.shape[1]]
        hidden = self.embedded(self.words(ids) + places + self.segments(segments))
        mask = None if filled.all() else torch.where(filled, 0.0, NEVER)[:, None, None, :].to(torch.bfloat16)
        if self.relative is not None:
            apart = self.relative(_apart(ids.shape[1], self.relative.num_embeddings)).permute(2, 0, 1)[None]
            mask = apart.to(torch.bfloat16) if mask is None else mask + apart.to(torch.bfloat16)
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self.tokens(hidden), self.relevance(hidden[:, 0])[:, 0]

    def quantise(self, quantised: bool) -> None:
        """Compute from now on as with 8-bit matrices, or not."""
        for module in self.modules():
            if isinstance(module, Product):
                module.quantised = quantised

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights by the names of a BERT file, the heads as `reader.tokens` and `reader.relevance`."""
        found = {
            "embeddings.word_embeddings.weight": self.words.weight,
            "embeddings.position_embeddings.weight": self.positions.weight,
            "embeddings.token_type_embeddings.weight": self.segments.weight,
        } | _linear("embeddings.LayerNorm", self.embedded)
        if self.relative is not None:
            found[RELATIVE] = self.relative.weight
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            name = f"encoder.layer.{number}"
            parts = layer.joined.weight.chunk(3), layer.joined.bias.chunk(3)
            for part, weight, bias in zip(("query", "key", "value"), *parts, strict=True):
                found |= {f"{name}.attention.self.{part}.weight": weight, f"{name}.attention.self.{part}.bias": bias}
            found |= _linear(f"{name}.attention.output.dense", layer.mixed)
            found |= _linear(f"{name}.attention.output.LayerNorm", layer.after_attention)
            found |= _linear(f"{name}.intermediate.dense", layer.wide) | _linear(f"{name}.output.dense", layer.narrow)
            found |= _linear(f"{name}.output.LayerNorm", layer.after_narrow)
        found |= _linear("reader.tokens", self.tokens) | _linear("reader.relevance", self.relevance)
        return {name: tensor.detach().clone().contiguous() for name, tensor in found.items()}

    def save(self, path: Path) -> None:
        """Write the weights in full precision."""
        save_file(self.tensors(), path)

    def _take(self, tensors: dict[str, Tensor]) -> None:
        own = self.tensors()
        taken = own | {name: tensor for name, tensor in tensors.items() if name in own}
        kinds = tensors["embeddings.token_type_embeddings.weight"]
        if len(kinds) < SEGMENTS:
            taken["embeddings.token_type_embeddings.weight"] = kinds[_first_kinds()]
        self._put(taken)

    @torch.no_grad()
    def _put(self, tensors: dict[str, Tensor]) -> None:
        self.words.weight.copy_(tensors["embeddings.word_embeddings.weight"])
        self.positions.weight.copy_(tensors["embeddings.position_embeddings.weight"])
        self.segments.weight.copy_(tensors["embeddings.token_type_embeddings.weight"])
        if self.relative is not None:
            self.relative.weight.copy_(tensors[RELATIVE])
        modules: list[tuple[str, nn.Module]] = [("embeddings.LayerNorm", self.embedded)]
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            name = f"encoder.layer.{number}"
            for kind in ("weight", "bias"):
                parts = [tensors[f"{name}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
                getattr(layer.joined, kind).copy_(torch.cat(parts))
            modules += [
                (f"{name}.attention.output.dense", layer.mixed),
                (f"{name}.attention.output.LayerNorm", layer.after_attention),
                (f"{name}.intermediate.dense", layer.wide),
                (f"{name}.output.dense", layer.narrow),
                (f"{name}.output.LayerNorm", layer.after_narrow),
            ]
        modules += [("reader.tokens", self.tokens), ("reader.relevance", self.relevance)]
        for name, module in modules:
            for kind in ("weight", "bias"):
                getattr(module, kind).copy_(tensors[f"{name}.{kind}"])


def loss(network: Network, batch: Batch, said: "Said | None" = None) -> Tensor:
    """Return the mean loss of a batch: of spans (the right places' share of a softmax), of reasons, of relevance.

    With what a teacher `said` of it, mixed with how far the network is from that, also where nothing else is known.
    """
    allowed = torch.from_numpy(batch.allowed)
    tokens, relevance = scores(network, batch)
    logs = [tokens[..., place].masked_fill(~allowed, NEVER).log_softmax(-1) for place in range(2)]
    spans = torch.zeros(())
    for each, right in zip(logs, (batch.starts, batch.ends), strict=True):
        marked = torch.from_numpy(right)
        found = -each.masked_fill(~marked, NEVER).logsumexp(-1)
        spans = spans + torch.where(marked.any(-1), found, 0.0).sum() / 2
    reasons = torch.from_numpy(batch.reasons).float()
    truth = torch.from_numpy(batch.relevant)
    learnt = _together(spans, tokens[..., 2], reasons.clamp(min=0), reasons >= 0, relevance, truth)
    if said is None:
        return learnt
    spans = torch.zeros(())
    for place, each in enumerate(logs):
        spans = spans - (said.tokens[..., place].masked_fill(~allowed, NEVER).softmax(-1) * each).sum() / 2
    inside = allowed.clone()
    inside[:, 0] = False
    sure, likely = said.tokens[..., 2].sigmoid(), said.relevance.sigmoid()
    taught = _together(spans, tokens[..., 2], sure, inside, relevance, likely)
    return (1 - TEACHER_WEIGHT) * learnt + TEACHER_WEIGHT * taught


class Said(NamedTuple):
    """What a network says of a batch, float32: of tokens (examples, tokens, 3), of relevance (examples,)."""

    tokens: Tensor
    relevance: Tensor


def scores(network: Network, batch: Batch) -> Said:
    """Return what a network says of a batch."""
    ids, segments, filled = (torch.from_numpy(array) for array in (batch.ids, batch.segments, batch.filled))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BF16):
        tokens, relevance = network(ids, segments, filled)
    return Said(tokens.float(), relevance.float())


def _together(spans: Tensor, reasons: Tensor, right: Tensor, told: Tensor, relevance: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over a batch of three losses, that of `spans` given as a sum; reasons count where `told`."""
    each = functional.binary_cross_entropy_with_logits(reasons, right, reduction="none")
    by_row = (each * told).sum(-1) / told.sum(-1).clamp(min=1)
    related = functional.binary_cross_entropy_with_logits(relevance, truth, reduction="sum")
    return (spans + REASON_WEIGHT * by_row.sum() + RELEVANCE_WEIGHT * related) / len(truth)


def _linear(name: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{name}.{kind}": getattr(module, kind) for kind in ("weight", "bias")}


def _apart(tokens: int, kinds: int) -> Tensor:
    """Return int64 (tokens, tokens): which of `kinds` stands for how far the column's token is from the row's.

    Half of them for either direction, of these half for one token each, the others on a logarithmic scale (T5, MPNet).
    """
    places = torch.arange(tokens)
    offset = places[None, :] - places[:, None]
    side, near = kinds // 2, kinds // 4
    distance = offset.abs()
    far = near + (torch.log(distance.clamp(min=1) / near) / math.log(FARTHEST / near) * (side - near)).long()
    return torch.where(distance < near, distance, far.clamp(max=side - 1)) + side * (offset > 0)


def _first_kinds() -> list[int]:
    """Return for each segment the row of the backbone's two that it starts from."""
    start = {QUESTION: 0, PASSAGE: 1, PASSAGE_SHARED: 1, QUESTION_SHARED: 0}
    return [start[number] for number in range(SEGMENTS)]
