"""Which keys queries may attend, and a few queries at a time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from models.queries import Queries, attend_in_chunks
from models.streaming import KeyMemory

B, H, T, S, D = 2, 3, 5, 5, 4


def queries(**fields: Any) -> Queries:
    random = np.random.default_rng(0)
    projected = random.normal(size=(B, H, T, D)).astype("float32")
    return Queries(ops.convert_to_tensor(projected), ops.convert_to_tensor(projected[..., :2]), **fields)


def keys(**fields: Any) -> KeyMemory:
    random = np.random.default_rng(1)
    values = random.normal(size=(B, H, S, D)).astype("float32")
    terms = np.swapaxes(values[..., :2], -1, -2)
    empty = {"times": None, "valid": None}
    return KeyMemory(None, ops.convert_to_tensor(values), ops.convert_to_tensor(terms), **(empty | fields))


ALLOWED = {
    "none": None,
    "one row for all": np.arange(S) != 2,
    "a row for each": np.random.default_rng(2).random((B, H, T, S)) < 0.6,
}


def masked(name: str) -> np.ndarray | None:
    allowed = ALLOWED[name]
    return None if allowed is None else np.reshape(allowed, (1,) * (4 - allowed.ndim) + allowed.shape)


def test_every_query_may_attend_every_key_unless_something_is_said():
    assert queries().mask(keys()) is None


def test_a_key_needs_the_consent_of_all_masks():
    valid = np.array([[False, True, True, True, True], [True] * 5])
    asked = queries(positions=ops.arange(T), allowed=masked("a row for each"))
    mask = asked.mask(keys(valid=valid), window=3)
    band = np.tri(T, dtype=bool) & ~np.tri(T, k=-3, dtype=bool)
    np.testing.assert_array_equal(mask, ALLOWED["a row for each"] & valid[:, None, None] & band)


@given(
    allowed=st.sampled_from(sorted(ALLOWED)),
    is_causal=st.booleans(),
    window=st.none() | st.integers(1, T),
    numbers=st.lists(st.integers(0, T - 1), min_size=1, max_size=T),
)
def test_the_mask_of_some_queries_is_their_rows_of_the_whole(allowed, is_causal, window, numbers):
    all_queries = queries(positions=ops.arange(T) if is_causal else None, allowed=masked(allowed))
    whole = all_queries.mask(keys(), window)
    some = all_queries.mask(keys(), window, ops.convert_to_tensor(numbers))
    if whole is None:
        assert some is None
        return
    rows = np.broadcast_to(whole, (B, H, T, S))[:, :, numbers]
    np.testing.assert_array_equal(np.broadcast_to(some, rows.shape), rows)


@pytest.mark.parametrize("size", [1, 2, 5, 9])
@pytest.mark.parametrize("allowed", sorted(ALLOWED))
def test_chunks_attend_as_the_whole_does(size, allowed):
    times = np.cumsum(np.ones((B, T)), axis=1)
    asked = queries(times=times, positions=ops.arange(T), allowed=masked(allowed))

    def attend(some: Queries, memory: KeyMemory, weights: Any) -> list[Any]:
        ages = some.times[:, None, :, None] - memory.times[:, None, None, :]
        factors = ops.where(some.mask(memory, window=3), ops.cast(ages, "float32"), 0.0)
        pairs = ops.matmul(some.queries, ops.swapaxes(memory.values, -1, -2)) * factors
        return [ops.matmul(pairs, memory.values) * weights["factor"], pairs]

    weights = {"factor": ops.convert_to_tensor(np.float32(2.0))}
    memory = keys(times=times)
    found = attend_in_chunks(attend, asked, memory, weights, size)
    for chunked, whole in zip(found, attend(asked, memory, weights), strict=True):
        np.testing.assert_allclose(chunked, whole, rtol=1e-5, atol=1e-6)
