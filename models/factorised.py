"""The published attention of many pairs, from exponentials of what a query and a key contribute alone.

Gates that are affine in the pair have pre-activations ``x = u_i + v_j``, and ``e^x = e^u_i e^v_j`` costs one
multiplication a pair instead of an exponential. With the products ``A = 1 + e^-x_phi`` and
``B = 1 + e^-x_h``, the gates ``phi = 1 / A`` and ``h = 1 / B``, and ``t = tanh(tau h / 2)``, the solution
``(phi / tau) (1 - e^(-tau h))`` of `solvers.exact` is ``2 t / (A tau (1 + t))``: one loop over the pairs with
a logarithm and a hyperbolic tangent, which a compiler fuses.

The logits lie in [0, 1), so that their softmax needs no maximum, and its division can wait until the values
are summed. The gradient is written down and computes the pairs anew, so that nothing of their number is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

Tensor = Any

LARGEST_SHARE = 80.0
"""Where a share is clipped so that its exponentials stay within float32. The product of two may overflow: it
then says that the gate is closed."""

LARGEST_PRODUCT = 1e38
"""Where ``1 + e^x`` is cut before its logarithm is taken, long after that has become x."""

MANY_PAIRS = 64 * 64
"""Below this number of pairs the additional operations cost more than the exponentials."""

LONG, CHUNK = 2048, 64
"""From how many queries on they are evaluated in chunks, whose pairs stay in the cache, and how many of them
at a time."""


class Shares(NamedTuple):
    """What queries (columns `(..., T, 1)`) or keys (rows `(..., 1, S)`) contribute to the pre-activations."""

    phi: Tensor
    tau: Tensor
    horizon: Tensor


class _Pairs(NamedTuple):
    """What the solution is made of, each `(..., T, S)`."""

    a: Tensor  # 1 / phi
    b: Tensor  # 1 / h
    growth: Tensor  # 1 + e^x_tau, the inverse of 1 - sigmoid(x_tau)
    half_tau: Tensor


def attend(queries: Shares, keys: Shares, tau_epsilon: float, mask: Tensor | None, values: Tensor) -> Tensor:
    """Return the mean of the values, weighted by the softmax of the published exact logits.

    Args:
        queries: The queries' shares, each `(..., T, 1)`.
        keys: The keys' shares, each `(..., 1, S)`.
        tau_epsilon: A floor for tau.
        mask: Which keys a query may attend, broadcastable to `(..., T, S)`; None for all.
        values: `(..., S, D)`.

    Returns:
        `(..., T, D)` in the type of the shares; zeros for a query that may attend no key.
    """

    def solve(*arguments: Tensor) -> tuple[Tensor, Callable[..., tuple[Tensor, ...]]]:
        queries, keys, values = Shares(*arguments[:3]), Shares(*arguments[3:6]), arguments[6]
        weights = _weights(logits(queries, keys, tau_epsilon), mask)
        # Each admitted key weighs at least e^0, so that the 1 only replaces the sum over no key.
        total = ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1.0)
        means = ops.matmul(weights, values) / total

        def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            share = (arguments[0] if upstream is None else upstream) / total
            pairs = _pairs(queries, keys, tau_epsilon)
            phi, h = 1.0 / pairs.a, 1.0 / pairs.b
            t = ops.tanh(pairs.half_tau * h)
            part = phi / (1.0 + t)
            logits = part * t / pairs.half_tau
            weights = _weights(logits, mask)
            by_values = ops.matmul(ops.swapaxes(share, -1, -2), weights)
            deviations = ops.matmul(share, ops.swapaxes(values, -1, -2))
            by_logits = weights * (deviations - ops.sum(share * means, axis=-1, keepdims=True))
            # The derivative for h is phi e^(-tau h), that for tau is (phi h e^(-tau h) - logit) / tau.
            by_phi = by_logits * logits
            by_h = by_logits * (part * h * (1.0 - t))
            by_sums = (
                by_phi * (1.0 - phi),
                (by_h - by_phi) / pairs.half_tau * (0.5 - 0.5 / pairs.growth),
                by_h * (1.0 - h),
            )
            columns = [ops.sum(x, axis=-1, keepdims=True) for x in by_sums]
            rows = [ops.sum(x, axis=-2, keepdims=True) for x in by_sums]
            return (*columns, *rows, ops.swapaxes(by_values, -1, -2))

        return means, gradient

    arguments = (*queries, *keys, ops.cast(values, queries.phi.dtype))
    if keras.backend.backend() == "numpy":  # It has no gradients.
        return solve(*arguments)[0]
    return ops.custom_gradient(solve)(*arguments)


def logits(queries: Shares, keys: Shares, tau_epsilon: float) -> Tensor:
    """Return the published exact logits of all pairs.

    Args:
        queries: The queries' shares, each `(..., T, 1)`.
        keys: The keys' shares, each `(..., 1, S)`.
        tau_epsilon: A floor for tau.

    Returns:
        `(..., T, S)`, in [0, 1).
    """
    a, b, _, half_tau = _pairs(queries, keys, tau_epsilon)
    t = ops.tanh(half_tau / b)
    return t / (a * half_tau * (1.0 + t))


def _pairs(queries: Shares, keys: Shares, tau_epsilon: float) -> _Pairs:
    growth = ops.minimum(1.0 + _products(queries.tau, keys.tau), LARGEST_PRODUCT)
    half_softplus = ops.maximum(0.5 * queries.tau + 0.5 * keys.tau, 0.5 * ops.log(growth))
    return _Pairs(
        a=1.0 + _products(-queries.phi, -keys.phi),
        b=1.0 + _products(-queries.horizon, -keys.horizon),
        growth=growth,
        half_tau=half_softplus + 0.5 * tau_epsilon,
    )


def _weights(logits: Tensor, mask: Tensor | None) -> Tensor:
    weights = ops.exp(logits)
    return weights if mask is None else weights * ops.cast(mask, weights.dtype)


def _products(columns: Tensor, rows: Tensor) -> Tensor:
    """Return the exponentials of all pairs' sums."""
    # Without a compiler, TensorFlow multiplies matrices faster than it broadcasts.
    return ops.matmul(_exp(columns), _exp(rows))


def _exp(share: Tensor) -> Tensor:
    return ops.exp(ops.clip(share, -LARGEST_SHARE, LARGEST_SHARE))
