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
    what it computes with it.

    Attributes:
        features: Of each key, one below the other, its terms, its value and itself (if it matters),
            `(B, H, F, S)`.
        times: As in `KeyMemory`, `(B, S)`; `NEVER_S` where there has been no key yet.
    """

    features: Tensor
    times: Tensor

    def push(self, newest: KeyMemory) -> StreamState:
        """Return the state without its oldest key and with the one key of `newest` at the end."""
        rows = [newest.terms, ops.swapaxes(newest.values, -1, -2)]
        if newest.keys is not None:
            rows.append(newest.keys)
        features = ops.concatenate([ops.cast(x, self.features.dtype) for x in rows], axis=2)
        return StreamState(_shift(self.features, features), _shift(self.times, newest.times))

    def memory(self, terms: int, head_dim: int, dtype: str) -> KeyMemory:
        """Return the keys as a query needs them.

        Args:
            terms: The units of the gates' affine maps `G`.
            head_dim: The features of a head `D`.
            dtype: The type of keys and values.
        """
        has_keys = self.features.shape[2] > terms + head_dim
        ends = [terms, terms + head_dim] if has_keys else [terms]
        of_terms, values, *keys = ops.split(self.features, ends, axis=2)
        return KeyMemory(
            keys=ops.cast(keys[0], dtype) if keys else None,
            values=ops.cast(ops.swapaxes(values, -1, -2), dtype),
            terms=of_terms,
            times=self.times,
            valid=self.times > NEVER_S,
        )

    def seconds_since_newest(self, time_s: Tensor) -> Tensor:
        """Return the time from the newest key to `time_s`, `(B,)`; 0 for no key yet and for times gone by."""
        newest_s = self.times[:, -1]
        return ops.where(newest_s > NEVER_S, ops.maximum(time_s - newest_s, 0.0), 0.0)


def empty_state(batch: int, heads: int, window: int, features: int, dtype: str) -> StreamState:
    """Return a state of `window` keys of which there has been none yet.

    Args:
        batch: The batch size `B`.
        heads: The number of heads `H`.
        window: The number of keys `S`.
        features: The numbers `F` that belong to one key of one head.
        dtype: Their type.

    Returns:
        A state whose time stamps are float64 where the backend has it.
    """
    return StreamState(
        features=ops.zeros((batch, heads, features, window), dtype=dtype),
        times=ops.full((batch, window), NEVER_S, dtype="float64"),
    )


def _shift(old: Tensor, new: Tensor) -> Tensor:
    return ops.concatenate([old[..., 1:], ops.cast(new, old.dtype)], axis=-1)
