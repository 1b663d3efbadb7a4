"""What a layer remembers of the keys: a whole sequence, or the newest few while frames stream in."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

Tensor = Any


class KeyMemory(NamedTuple):
    """All that a query needs to know of S keys, oldest first.

    Attributes:
        keys: Projected keys, `(B, H, S, D)`.
        values: Projected values, `(B, H, S, D)`.
        terms: The keys' share of the gates' affine maps, `(B, H, G, S)`.
        times: Seconds of `horizon='elapsed'`, or the factor t of `horizon='gate'`, `(B, S)` or what
            broadcasts to it; None for a factor of 1.
        valid: Which keys may be attended, boolean `(B, S)`; None for all.
    """

    keys: Tensor
    values: Tensor
    terms: Tensor
    times: Tensor
    valid: Tensor | None

    def seconds_since_newest(self, time_s: Tensor) -> Tensor:
        """Return the time from the newest key to `time_s`, `(B,)`; 0 where there is no key yet."""
        since_s = time_s - self.times[:, -1]
        return since_s if self.valid is None else ops.where(self.valid[:, -1], since_s, 0.0)


# The axis of the keys in each field.
_KEY_AXES = KeyMemory(keys=2, values=2, terms=3, times=1, valid=1)


def empty_memory(
    batch: int, heads: int, window: int, head_dim: int, terms: int, dtypes: tuple[str, str]
) -> KeyMemory:
    """Return a memory of `window` keys of which none is valid yet.

    Args:
        batch: The batch size `B`.
        heads: The number of heads `H`.
        window: The number of keys `S`.
        head_dim: The features of a head `D`.
        terms: The units of the gates' affine maps `G`.
        dtypes: The types of keys and values, and of the gate terms.

    Returns:
        A memory of zeros. Its time stamps are float64 where the backend has it.
    """
    features, gates = dtypes
    return KeyMemory(
        keys=ops.zeros((batch, heads, window, head_dim), dtype=features),
        values=ops.zeros((batch, heads, window, head_dim), dtype=features),
        terms=ops.zeros((batch, heads, terms, window), dtype=gates),
        times=ops.zeros((batch, window), dtype="float64"),
        valid=ops.zeros((batch, window), dtype="bool"),
    )


def push(memory: KeyMemory, newest: KeyMemory) -> KeyMemory:
    """Return `memory` without its oldest key and with the one key of `newest` at the end."""
    return KeyMemory(
        *(_shift(old, new, axis) for old, new, axis in zip(memory, newest, _KEY_AXES, strict=True))
    )


def _shift(old: Tensor, new: Tensor, axis: int) -> Tensor:
    kept = old[(slice(None),) * axis + (slice(1, None),)]
    return ops.concatenate([kept, ops.cast(new, old.dtype)], axis=axis)
