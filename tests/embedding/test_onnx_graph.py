"""Quantised matrices lie as near as their steps allow."""

import numpy as np
import pytest

from rag.embedding.onnx_graph import LARGEST_WEIGHT, quantised


@pytest.mark.parametrize("axis", [0, 1])
def test_every_figure_is_within_half_a_step(axis: int) -> None:
    matrix = np.random.default_rng(1).normal(size=(40, 30)).astype(np.float32)
    integers, scales = quantised(matrix, LARGEST_WEIGHT, axis)
    steps = np.expand_dims(scales, axis)
    assert np.abs(integers * steps - matrix).max() <= steps.max() / 2 + 1e-6
    assert (np.abs(integers * steps - matrix) <= steps / 2 + 1e-6).all()
    assert np.abs(integers).max() == LARGEST_WEIGHT and integers.dtype == np.int8
    assert scales.shape == (matrix.shape[1 - axis],)


def test_a_slice_of_zeros_stays_zero() -> None:
    integers, scales = quantised(np.zeros((3, 2), np.float32), 63, 0)
    assert not integers.any() and scales.tolist() == [1.0, 1.0]
