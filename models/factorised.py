"""The published logits of many pairs, from exponentials of what a query and a key contribute alone.

Gates that are affine in the pair have pre-activations ``x = u_i + v_j``, and ``e^x = e^u_i e^v_j`` costs one
multiplication a pair instead of an exponential. With the products ``A = 1 + e^-x_phi`` and
``B = 1 + e^-x_h``, the gates ``phi = 1 / A`` and ``h = 1 / B``, and ``t = tanh(tau h / 2)``, the solution
``(phi / tau) (1 - e^(-tau h))`` of `solvers.exact` is ``2 t / (A tau (1 + t))``: one loop over the pairs with
a logarithm and a hyperbolic tangent, which a compiler fuses. The gradient is written down, because that
of the products keeps a dozen arrays of pairs.

The logits lie in [0, 1), so that their softmax needs no maximum, and its division can wait until the values
are summed.
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


MANY_PAIRS = 64 * 64
"""Below this number of pairs the additional operations cost more than the exponentials."""


class Shares(NamedTuple):
    """What queries (columns `(..., T, 1)`) or keys (rows `(..., 1, S)`) contribute to the pre-activations."""

    phi: Tensor
    tau: Tensor
    horizon: Tensor


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
    weights = ops.exp(logits(queries, keys, tau_epsilon))
    if mask is not None:
        weights = ops.where(mask, weights, 0.0)
    total = ops.sum(weights, axis=-1, keepdims=True)
    # Each admitted key weighs at least e^0, so that the 1 only replaces the sum over no key.
    return ops.matmul(weights, ops.cast(values, weights.dtype)) / ops.maximum(total, 1.0)


def logits(queries: Shares, keys: Shares, tau_epsilon: float) -> Tensor:
    """Return the published exact logits of all pairs, with their gradient.

    Args:
        queries: The queries' shares, each `(..., T, 1)`.
        keys: The keys' shares, each `(..., 1, S)`.
        tau_epsilon: A floor for tau.

    Returns:
        `(..., T, S)`, in [0, 1).
    """

    def solve(*shares: Tensor) -> tuple[Tensor, Callable[..., tuple[Tensor, ...]]]:
        def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            upstream = arguments[0] if upstream is None else upstream
            of_pairs = _gradients(Shares(*shares[:3]), Shares(*shares[3:]), tau_epsilon, upstream)
            columns = [ops.sum(x, axis=-1, keepdims=True) for x in of_pairs]
            rows = [ops.sum(x, axis=-2, keepdims=True) for x in of_pairs]
            return (*columns, *rows)

        return _solve(Shares(*shares[:3]), Shares(*shares[3:]), tau_epsilon), gradient

    if keras.backend.backend() == "numpy":  # It has no gradients.
        return solve(*queries, *keys)[0]
    return ops.custom_gradient(solve)(*queries, *keys)


def _solve(queries: Shares, keys: Shares, tau_epsilon: float) -> Tensor:
    half_a = 0.5 + (0.5 * _exp(-queries.phi)) * _exp(-keys.phi)
    twice_b = 2.0 + (2.0 * _exp(-queries.horizon)) * _exp(-keys.horizon)
    tau = _tau(queries.tau, keys.tau, tau_epsilon)
    t = ops.tanh(tau / twice_b)
    return t / (half_a * tau * (1.0 + t))


def _gradients(queries: Shares, keys: Shares, tau_epsilon: float, upstream: Tensor) -> Shares:
    """Return the gradients for the pre-activations of all pairs."""
    phi = _sigmoid(queries.phi, keys.phi)
    horizon = _sigmoid(queries.horizon, keys.horizon)
    tau = _tau(queries.tau, keys.tau, tau_epsilon)
    t = ops.tanh(0.5 * tau * horizon)
    by_logit = upstream * (2.0 * phi * t) / (tau * (1.0 + t))
    # The derivative for h is phi e^(-tau h), that for tau is (phi h e^(-tau h) - a) / tau.
    by_horizon = upstream * phi * horizon * (1.0 - t) / (1.0 + t)
    return Shares(
        phi=by_logit * (1.0 - phi),
        tau=(by_horizon - by_logit) / tau * _sigmoid(queries.tau, keys.tau),
        horizon=by_horizon * (1.0 - horizon),
    )


def _sigmoid(query: Tensor, key: Tensor) -> Tensor:
    return 1.0 / (1.0 + _exp(-query) * _exp(-key))


def _tau(query: Tensor, key: Tensor, tau_epsilon: float) -> Tensor:
    """Return ``softplus(x) + tau_epsilon = max(x, 0) + log(1 + e^-|x|) + tau_epsilon``."""
    decay = ops.minimum(_exp(query) * _exp(key), _exp(-query) * _exp(-key))
    return ops.maximum(query + key, 0.0) + ops.log(1.0 + decay) + tau_epsilon


def _exp(share: Tensor) -> Tensor:
    return ops.exp(ops.clip(share, -LARGEST_SHARE, LARGEST_SHARE))
