"""What a layer remembers of the keys: a whole sequence, or the newest few while frames stream in."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

Tensor = Any

NEVER_S = -1e30
"""Stands for the moment of a key that there has not been; finite, so that gradients are, even in float32."""


class KeyMemory(NamedTuple):
    """All that a query needs to know of S keys, oldest first.

    Attributes:
        keys: Projected keys, `(B, H, D, S)`; None where nothing but their terms matters.
        values: Projected values, `(B, H, S, D)`; None where their inputs are averaged instead.
        terms: The keys' share of the gates' affine maps, `(B, H, G, S)`.
        times: Seconds of `horizon='elapsed'`, or the factor t of `horizon='gate'`, `(B, S)` or what
            broadcasts to it; None for a factor of 1.
        valid: Which keys may be attended, boolean `(B, S)`; None for all.
    """

    keys: Tensor | None
    values: Tensor
    terms: Tensor
    times: Tensor | None
    valid: Tensor | None


class StreamState(NamedTuple):
    """A memory of the newest S keys of a stream, oldest first.

    It has few tensors, because a compiled step spends more time on each that it takes and returns than on
    what it computes with it; but keys are apart, because XLA divides the copying of a tensor of more than 256
    KiB over threads, which takes longer than the copying.

    Attributes:
        features: Of each key, one below the other, its terms and its value, `(B, H, G + D, S)`.
        keys: As in `KeyMemory`, `(B, H, D, S)`; `()` where nothing but their terms matters, since loops over
            tensors take an empty structure, but not None.
        times: As in `KeyMemory`, `(B, S)`; `NEVER_S` where there has been no key yet.
    """

    features: Tensor
    keys: Tensor | tuple[()]
    times: Tensor

    def push(self, newest: KeyMemory) -> StreamState:
        """Return the state without its oldest key and with the one key of `newest` at the end."""
        new = [ops.cast(x, self.features.dtype) for x in (newest.terms, ops.swapaxes(newest.values, -1, -2))]
        return StreamState(
            features=_shift(self.features, ops.concatenate(new, axis=2)),
            keys=() if newest.keys is None else _shift(self.keys, newest.keys),
            times=_shift(self.times, newest.times),
        )

    def memory(self, terms: int, dtype: str) -> KeyMemory:
        """Return the keys as a query needs them.

        Args:
            terms: The units of the gates' affine maps `G`.
            dtype: The type of keys and values.
        """
        of_terms, values = ops.split(self.features, [terms], axis=2)
        return KeyMemory(
            keys=None if isinstance(self.keys, tuple) else ops.cast(self.keys, dtype),
            values=ops.cast(ops.swapaxes(values, -1, -2), dtype),
            terms=of_terms,
            times=self.times,
            valid=self.times > NEVER_S,
        )

    def seconds_since_newest(self, time_s: Tensor) -> Tensor:
        """Return the time from the newest key to `time_s`, `(B,)`; 0 for no key yet and for times gone by."""
        newest_s = self.times[:, -1]
        return ops.where(newest_s > NEVER_S, ops.maximum(time_s - newest_s, 0.0), 0.0)


def empty_state(
    batch: int, heads: int, window: int, features: int, key_dim: int | None, dtype: str
) -> StreamState:
    """Return a state of `window` keys of which there has been none yet.

    Args:
        batch: The batch size `B`.
        heads: The number of heads `H`.
        window: The number of keys `S`.
        features: The numbers `G + D` of terms and value that belong to one key of one head.
        key_dim: The features `D` of one key of one head, or None where nothing but their terms matters.
        dtype: Their type.

    Returns:
        A state whose time stamps are float64 where the backend has it.
    """
    return StreamState(
        features=ops.zeros((batch, heads, features, window), dtype=dtype),
        keys=() if key_dim is None else ops.zeros((batch, heads, key_dim, window), dtype=dtype),
        times=ops.full((batch, window), NEVER_S, dtype="float64"),
    )


def _shift(old: Tensor, new: Tensor) -> Tensor:
    return ops.concatenate([old[..., 1:], ops.cast(new, old.dtype)], axis=-1)
