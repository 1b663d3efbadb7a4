"""Which keys a query may attend, and a softmax over those keys only."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

Tensor = Any


def intersection(*masks: Tensor | None) -> Tensor | None:
    """Return the logical and of the masks that are not None, or None if all are."""
    present = [ops.cast(mask, "bool") for mask in masks if mask is not None]
    if not present:
        return None
    result = present[0]
    for mask in present[1:]:
        result = ops.logical_and(result, mask)
    return result


def causal(query_positions: Tensor, keys: Tensor | int, window: int | None = None) -> Tensor:
    """Return which keys are not in a query's future nor older than its window.

    Args:
        query_positions: The integer positions of the queries, `(T,)`.
        keys: The number `S` of keys.
        window: How many positions, its own included, a query looks back on; None for all.

    Returns:
        A boolean mask `(T, S)`, True where the query may attend the key.
    """
    age = query_positions[:, None] - ops.arange(keys, dtype="int32")[None, :]
    mask = age >= 0
    return mask if window is None else ops.logical_and(mask, age < window)


def masked_softmax(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Return the softmax over the last axis restricted to the keys that `mask` admits.

    Args:
        logits: `(..., S)`.
        mask: Boolean, broadcastable to `logits`; None admits every key.

    Returns:
        Weights of the shape of `logits`. They sum to 1, or are all zero in a row without an admitted key.
    """
    if mask is None:
        return _softmax(logits)
    lowest = float(np.finfo(np.float32).min)
    return ops.where(mask, _softmax(ops.where(mask, logits, lowest)), 0.0)


def _softmax(logits: Tensor) -> Tensor:
    if logits.shape[-1] == 1:
        return 1.0 + 0.0 * logits  # The same value and gradient, without Keras' warning at every call.
    return ops.softmax(logits, axis=-1)
