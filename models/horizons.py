"""The horizon: the time at which a pair's logit is read."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from models import call_inputs

Tensor = Any


def per_key(t: Tensor, batch: int | None, keys: int | None) -> Tensor:
    """Arrange the factor of a gated horizon so that it broadcasts to `(B, S)`.

    Args:
        t: A scalar, one value a sample `(B,)`, one a key `(1, S)`, or `(B, S)`.
        batch: The static batch size `B`, or None.
        keys: The static number `S` of keys, or None.

    Returns:
        `t` with the shape `(1, 1)`, `(B, 1)`, `(1, S)` or `(B, S)`.

    Raises:
        ValueError: If `t` has another shape.
    """
    call_inputs.check_shape("t", t, ("", "B", "1S", "BS"), B=batch, S=keys)
    if len(t.shape) == 0:
        return ops.reshape(t, (1, 1))
    return t[:, None] if len(t.shape) == 1 else t


def per_step(t: Tensor, batch: int | None, steps: int | None) -> Tensor:
    """Arrange the time stamps of an elapsed horizon as `(B, T)` or `(1, T)`.

    Args:
        t: Seconds, `(B, T)`, or `(T,)` if all samples share them.
        batch: The static batch size `B`, or None.
        steps: The static number `T` of steps, or None.

    Returns:
        `t` with two axes; integers as int64.

    Raises:
        ValueError: If `t` has another shape.
    """
    call_inputs.check_shape(
        "t of horizon='elapsed', time stamps in seconds,", t, ("BT", "T"), B=batch, T=steps
    )
    if keras.backend.is_int_dtype(keras.backend.standardize_dtype(t.dtype)):
        # Without a sign, the negative age of a future key would wrap to a huge one.
        t = ops.cast(t, "int64")
    return t[None, :] if len(t.shape) == 1 else t


def elapsed(query_times: Tensor, key_times: Tensor, dtype: str) -> Tensor:
    """Return the seconds from each key to each query, zero for keys in the future.

    The difference is taken in the time stamps' own type and cast afterwards: at a Unix time of 1.7e9 s,
    float64 resolves 0.24 microseconds and float32 only 128 s.

    Args:
        query_times: `(B, T)` in seconds.
        key_times: `(B, S)` in seconds.
        dtype: The type of the result.

    Returns:
        `(B, 1, T, S)` in seconds, with an axis for the heads.
    """
    seconds = query_times[:, None, :, None] - key_times[:, None, None, :]
    return ops.maximum(ops.cast(seconds, dtype), 0.0)
