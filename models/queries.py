"""The queries of an attention: which keys each may attend, and how to evaluate a few of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from models import chunking, masking
from models.streaming import KeyMemory

Tensor = Any


class Queries(NamedTuple):
    """All that belongs to T queries, so that any subset of them can be evaluated alone.

    Attributes:
        queries: Projected queries, `(B, H, T, D)`.
        terms: The queries' share of the gates' affine maps, `(B, H, T, G)`.
        times: Seconds of `horizon='elapsed'`, `(B, T)`; None where nothing reads them.
        positions: Their places in the sequence, `(T,)`, where attention is causal; None where it is not.
        allowed: Which keys each may attend, boolean `(B, H, T, S)` or what broadcasts to it; None for all.
    """

    queries: Tensor
    terms: Tensor
    times: Tensor | None = None
    positions: Tensor | None = None
    allowed: Tensor | None = None

    def mask(
        self, memory: KeyMemory, window: int | None = None, numbers: Tensor | None = None
    ) -> Tensor | None:
        """Return which keys the queries may attend.

        Args:
            memory: The keys.
            window: How many positions, its own included, a causal query looks back on; None for all.
            numbers: Which of the queries are asked for, integers; None for all of them.

        Returns:
            A boolean mask, broadcastable to `(B, H, T, S)`; None where every query may attend every key.
        """
        positions, allowed = self.positions, self.allowed
        if numbers is not None:
            positions = None if positions is None else ops.take(positions, numbers)
            if allowed is not None and allowed.shape[2] != 1:
                allowed = ops.take(self._every_row(), numbers, axis=2)
        causal = None
        if positions is not None:
            causal = masking.causal(positions, ops.shape(memory.terms)[3], window)
        valid = None if memory.valid is None else memory.valid[:, None, None, :]
        return masking.intersection(causal, valid, allowed)

    def separable(self) -> Queries:
        """Return the queries with a row of `allowed` for each, also where one row stands for all."""
        return self if self.allowed is None else self._replace(allowed=self._every_row())

    def _every_row(self) -> Tensor:
        return ops.logical_and(self.allowed, ops.ones((ops.shape(self.queries)[2], 1), "bool"))


# The axis of the queries in each field.
_AXES = Queries(queries=2, terms=2, times=1, positions=0, allowed=2)

Attend = Callable[[Queries, KeyMemory, Any], list[Tensor]]
"""Returns what the queries get of the keys, each `(B, H, T, ...)`, by weights in any nested structure."""


def attend_in_chunks(
    attend: Attend, queries: Queries, memory: KeyMemory, weights: Any, size: int
) -> list[Tensor]:
    """Return what `attend` does, evaluated for `size` queries at a time and anew in the backward pass."""
    length = ops.shape(queries.queries)[2]
    queries = queries.separable()
    if queries.times is not None:
        # The last chunk is filled up with zeros, which then are no moment far from all keys.
        newest = queries.times[:, -1:]
        queries = queries._replace(times=queries.times - newest)
        memory = memory._replace(times=memory.times - newest)

    def attend_chunk(chunk: dict[str, Tensor]) -> list[Tensor]:
        part = Queries(**chunk)
        # Recomputation drops the gradients of what its function captures, so all floats are arguments.
        arguments = (_float_fields(part), _float_fields(memory), weights)

        def recomputed(*flat: Tensor) -> list[Tensor]:
            of_queries, of_keys, of_weights = keras.tree.pack_sequence_as(arguments, flat)
            return attend(part._replace(**of_queries), memory._replace(**of_keys), of_weights)

        return keras.remat(recomputed)(*keras.tree.flatten(arguments))

    chunks = {
        name: chunking.split(x, size, getattr(_AXES, name))
        for name, x in queries._asdict().items()
        if x is not None
    }
    return [chunking.join(x, length, axis=2) for x in ops.map(attend_chunk, chunks)]


def _float_fields(bundle: NamedTuple) -> dict[str, Tensor]:
    return {
        name: x
        for name, x in bundle._asdict().items()
        if x is not None and keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))
    }
