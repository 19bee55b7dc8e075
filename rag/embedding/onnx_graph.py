"""Writes a BERT encoder as an ONNX graph straight from its weights, in full precision or with 8-bit matrices.

The graph of the embedder maps the tokens of one text to their vectors: `input_ids` int32 (1, n), `positions` int32
(n,) to `tokens` float32 (1, n, dimension). That of the reader takes `segments` int32 (n,) too and gives `tokens`
float32 (1, n, 3), scores of start, end and reason, and `relevance` float32 (1, 1). Nothing is traced, so torch is not
needed and no length is special.

One text at a time: the 8-bit products scale their input by the largest figure in it, so that in a batch a text's
vectors would depend on the other texts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Product = Callable[[str, Array, str, Array | None], str]

Precision = Literal["int8", "fp32"]

LARGEST_WEIGHT = 63
"""Of a quantised matrix: with seven bits the sums of two products fit the 16 bits that processors without VNNI add
them in, so that every processor computes the same integers."""
INPUTS: Mapping[str, list[Any]] = {"input_ids": [1, "n"], "segments": ["n"], "positions": ["n"]}
FUSED = "com.microsoft"
"""The domain of ONNX Runtime's own fused operators."""


@dataclass(frozen=True)
class EncoderShape:
    """The numbers of a BERT encoder that its weights do not tell."""

    heads: int
    epsilon: float


def quantised(matrix: "Array", largest: int, axis: int) -> tuple["Array", "Array"]:
    """Return int8 integers and float32 scales, one along `axis` for each slice, so that integer * scale is near.

    >>> integers, scales = quantised(np.array([[1.0, -4.0], [0.5, 2.0]], np.float32), 4, axis=0)
    >>> integers.tolist(), scales.tolist()
    ([[4, -4], [2, 2]], [0.25, 1.0])
    """
    scales = np.abs(matrix).max(axis=axis) / largest
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    rounded = np.rint(matrix / np.expand_dims(scales, axis))
    return np.clip(rounded, -largest, largest).astype(np.int8), scales


def encoder_graph(weights: Path, shape: EncoderShape, precision: Precision) -> bytes:
    """Return the serialised graph of the encoder whose safetensors file is `weights`.

    Raises KeyError if a tensor of the BERT architecture is missing.
    """
    graph = _Graph(_tensors(weights), shape, precision)
    tokens = graph.encoded(graph.embedded())
    return graph.serialised({"tokens": tokens}, ("input_ids", "positions"))


def reader_graph(weights: Path, shape: EncoderShape, precision: Precision) -> bytes:
    """Return the serialised graph of the reader whose safetensors file `training/reader` wrote.

    With 8 bits the inputs of the feed-forward part are rounded token by token: 5% slower. With one scale for
    a text the reader marked other words than full precision for 13 questions of 100 (n=300), now for 6 or 7. The
    embedder's graph does not do so, because other vectors would make every index outdated. Raises KeyError if a
    tensor is missing.
    """
    graph = _Graph(_tensors(weights), shape, precision, by_token=True)
    hidden = graph.encoded(graph.embedded(segments="segments"))
    tokens, relevance = graph.head(hidden, "reader.tokens"), graph.head_of_first(hidden, "reader.relevance")
    return graph.serialised({"tokens": tokens, "relevance": relevance}, tuple(INPUTS))


def _tensors(weights: Path) -> dict[str, "Array"]:
    from safetensors.numpy import load_file

    tensors = load_file(weights)
    prefix = "" if "embeddings.word_embeddings.weight" in tensors else "bert."
    return {key.removeprefix(prefix): value for key, value in tensors.items()}


class _Graph:
    """Nodes and constants in the making; every method adds some and returns the name of its output."""

    def __init__(
        self, tensors: Mapping[str, "Array"], shape: EncoderShape, precision: Precision, by_token: bool = False
    ) -> None:
        self.tensors, self.shape, self.precision = tensors, shape, precision
        self.by_token = by_token and precision == "int8"
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def embedded(self, segments: str | None = None) -> str:
        """Return the sum of word, position and segment vectors, normalised; without `segments` all are of the first."""
        positions = self.tensors["embeddings.position_embeddings.weight"]
        kinds = self.tensors["embeddings.token_type_embeddings.weight"]
        if segments is None:
            places = self._add("Gather", [self._constant("positions.table", positions + kinds[0]), "positions"])
        else:
            places = self._add("Gather", [self._constant("positions.table", positions), "positions"])
            sides = self._add("Gather", [self._constant("segments.table", kinds), segments])
            places = self._add("Add", [places, sides])
        return self._normalised(self._words(), places, "embeddings.LayerNorm")

    def encoded(self, hidden: str) -> str:
        """Return the output of all layers over `hidden`."""
        numbers = (int(key.split(".")[2]) for key in self.tensors if key.startswith("encoder.layer."))
        for number in range(1 + max(numbers)):
            hidden = self.layer(hidden, f"encoder.layer.{number}")
        return hidden

    def head(self, hidden: str, name: str) -> str:
        """Return a linear layer over `hidden`, always in full precision: it is small."""
        matrix = self._constant(f"{name}.matrix", self.tensors[f"{name}.weight"].T)
        product = self._add("MatMul", [hidden, matrix])
        return self._add("Add", [product, self._constant(f"{name}.bias", self.tensors[f"{name}.bias"])])

    def head_of_first(self, hidden: str, name: str) -> str:
        """Return a linear layer over the first token alone, float32 (1, outputs)."""
        return self.head(self._add("Gather", [hidden, self._constant(f"{name}.place", np.array(0))], axis=1), name)

    def layer(self, hidden: str, name: str) -> str:
        """Return the output of one layer: attention, then the feed-forward part, each added to its input."""
        mixed = self._dense(self._attended(hidden, f"{name}.attention"), f"{name}.attention.output.dense")
        hidden = self._normalised(mixed, hidden, f"{name}.attention.output.LayerNorm")
        product = self._product_by_token if self.by_token else self._product
        wide = product(hidden, self.tensors[f"{name}.intermediate.dense.weight"].T, f"{name}.wide", None)
        wide_bias = self._constant(f"{name}.wide.bias", self.tensors[f"{name}.intermediate.dense.bias"])
        active = self._add("BiasGelu", [wide, wide_bias], FUSED)
        narrow = self._dense(active, f"{name}.output.dense", product)
        return self._normalised(narrow, hidden, f"{name}.output.LayerNorm")

    def _attended(self, hidden: str, name: str) -> str:
        """Return for each token the mix of all tokens' values by softmax(query . key / sqrt(size of a head))."""
        dimension = self.tensors[f"{name}.self.query.weight"].shape[0]
        size = dimension // self.shape.heads
        by_head = self._constant(f"{name}.by_head", np.array([-1, 3 * self.shape.heads, size], np.int64))
        heads = self._add("Reshape", [self._joined(hidden, name, np.float32(size**-0.5)), by_head])
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        self._node("Split", [self._add("Transpose", [heads], perm=[1, 0, 2])], parts, axis=0, num_outputs=3)
        query, key, value = parts
        scores = self._add("MatMul", [query, self._add("Transpose", [key], perm=[0, 2, 1])])
        mixed = self._add("MatMul", [self._add("Softmax", [scores], axis=-1), value])
        whole = self._constant(f"{name}.whole", np.array([1, -1, dimension], np.int64))
        return self._add("Reshape", [self._add("Transpose", [mixed], perm=[1, 0, 2]), whole])

    def _joined(self, hidden: str, name: str, scale: np.float32) -> str:
        """Return queries, keys and values side by side, in one product; the queries are scaled."""
        parts = ((f"{name}.self.{part}", scale if part == "query" else 1) for part in ("query", "key", "value"))
        weights, biases = zip(
            *((self.tensors[f"{part}.weight"] * by, self.tensors[f"{part}.bias"] * by) for part, by in parts),
            strict=True,
        )
        return self._product(hidden, np.concatenate(weights).T, f"{name}.joined", np.concatenate(biases))

    def serialised(self, outputs: Mapping[str, str], inputs: Sequence[str]) -> bytes:
        """Return the whole graph, whose outputs get the names that are the keys of `outputs`."""
        from onnx import TensorProto, helper

        for name, value in outputs.items():
            self._node("Identity", [value], [name])
        graph = helper.make_graph(
            self._nodes, "encoder",
            [helper.make_tensor_value_info(name, TensorProto.INT32, INPUTS[name]) for name in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self._constants,
        )  # fmt: skip
        operators = [helper.make_opsetid("", 20), helper.make_opsetid(FUSED, 1)]
        content: bytes = helper.make_model(graph, opset_imports=operators, ir_version=9).SerializeToString()
        return content

    def _words(self) -> str:
        table = self.tensors["embeddings.word_embeddings.weight"]
        if self.precision == "fp32":
            return self._add("Gather", [self._constant("words.table", table), "input_ids"])
        from onnx import TensorProto

        integers, scales = quantised(table, 127, axis=1)
        rows = self._add("Gather", [self._constant("words.table", integers), "input_ids"])
        scale = self._add("Gather", [self._constant("words.scales", scales[:, None]), "input_ids"])
        return self._add("Mul", [self._add("Cast", [rows], to=TensorProto.FLOAT), scale])

    def _dense(self, hidden: str, name: str, product: "Product | None" = None) -> str:
        return (product or self._product)(hidden, self.tensors[f"{name}.weight"].T, name, self.tensors[f"{name}.bias"])

    def _product_by_token(self, hidden: str, matrix: "Array", name: str, bias: "Array | None") -> str:
        """Return the product of a text, although some tokens have far larger figures than the others.

        Each token is divided by its largest figure first: one scale for all would round the others to a few steps.
        """
        axes = self._constant(f"{name}.figures", np.array([-1]))
        largest = self._add("ReduceMax", [self._add("Abs", [hidden]), axes], keepdims=1)
        product = self._product(self._add("Div", [hidden, largest]), matrix, name, None)
        product = self._add("Mul", [product, largest])
        return product if bias is None else self._add("Add", [product, self._constant(f"{name}.bias", bias)])

    def _product(self, hidden: str, matrix: "Array", name: str, bias: "Array | None") -> str:
        if self.precision == "fp32":
            product = self._add("MatMul", [hidden, self._constant(f"{name}.matrix", matrix)])
            return product if bias is None else self._add("Add", [product, self._constant(f"{name}.bias", bias)])
        integers, scales = quantised(matrix, LARGEST_WEIGHT, axis=0)
        inputs = [hidden, self._constant(f"{name}.matrix", integers), self._constant(f"{name}.scales", scales)]
        inputs.append(self._constant(f"{name}.zeros", np.zeros(len(scales), np.int8)))
        inputs += [] if bias is None else [self._constant(f"{name}.bias", bias)]
        return self._add("DynamicQuantizeMatMul", inputs, FUSED)

    def _normalised(self, hidden: str, other: str, name: str) -> str:
        # ONNX Runtime walks its own layer normalisation figure by figure. Its instance normalisation, given the tokens
        # for channels, computes the same by vectors: a layer's two take a fifth of the time.
        weight, bias = (self._constant(f"{name}.{part}", self.tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        total = self._add("Add", [hidden, other])
        plain = self._add("InstanceNormalization", [total, self._ones, self._zeros], epsilon=self.shape.epsilon)
        return self._add("Add", [self._add("Mul", [plain, weight]), bias])

    @cached_property
    def _ones(self) -> str:
        return self._for_each_token(1.0)

    @cached_property
    def _zeros(self) -> str:
        return self._for_each_token(0.0)

    def _for_each_token(self, value: float) -> str:
        from onnx import numpy_helper

        count = self._add("Shape", ["positions"])
        return self._add("ConstantOfShape", [count], value=numpy_helper.from_array(np.array([value], np.float32)))

    def _constant(self, name: str, values: "Array") -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _add(self, operator: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        output = f"{operator}.{len(self._nodes)}"
        self._node(operator, inputs, [output], domain, **attributes)
        return output

    def _node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any
    ) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
