"""Cutting an axis and putting it together again."""

import numpy as np
import pytest
from keras import ops

from models import chunking


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_join_undoes_split(size, axis):
    x = np.random.default_rng(0).normal(size=(5, 5, 5)).astype("float32")
    chunks = chunking.split(x, size, axis)
    assert chunks.shape[0] == -(-5 // size)
    assert chunks.shape[1 + axis] == size
    np.testing.assert_array_equal(chunking.join(chunks, 5, axis), x)


def test_chunks_are_in_order_and_filled_up_with_zeros():
    chunks = chunking.split(np.arange(1, 6), 2, axis=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(chunks), [[1, 2], [3, 4], [5, 0]])
