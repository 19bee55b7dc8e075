"""Packs the vectors of a passage's sentences into 8 bits a figure, with a checksum."""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.index.storage.remedies import BUILD_AGAIN

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d

CHECKSUM_BYTES = 4


def packed(vectors: "Floats2d") -> bytes:
    """Return unit rows in 8 bits a figure: the float32 scale of each row, its int8 figures, and a CRC-32 of all."""
    scales = np.abs(vectors).max(axis=1, initial=0.0) / 127
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    content = scales.tobytes() + np.rint(vectors / scales[:, None]).astype(np.int8).tobytes()
    return bytes(content + zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "little"))


def packed_size(count: int, dimension: int) -> int:
    """Return the length of `packed` for `count` rows."""
    return count * (dimension + 4) + CHECKSUM_BYTES


def unpacked(content: bytes, dimension: int) -> "Floats2d":
    """Return the float32 (n, dimension) rows of `packed`, each figure within half a step of the original.

    Raises IndexCorrupt if the content is damaged.
    """
    count = (len(content) - CHECKSUM_BYTES) // (dimension + 4)
    body, end = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if len(content) != packed_size(count, dimension) or end != zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little"):
        what = f"The sentence vectors of a passage, {len(content)} bytes, are not what was written."
        raise IndexCorrupt(what, BUILD_AGAIN)
    scales = np.frombuffer(content, np.float32, count)
    figures = np.frombuffer(content, np.int8, count * dimension, offset=4 * count)
    return np.asarray(figures.reshape(count, dimension) * scales[:, None], np.float32)


def cosine(vectors: "Floats2d", query: "Floats2d") -> Sequence[float]:
    """Return the inner product of each unit row with the unit query, computed row by row.

    The value of a row does not depend on the number of rows, which a matrix product does not guarantee.
    """
    return [float(np.dot(row, query)) for row in vectors]
