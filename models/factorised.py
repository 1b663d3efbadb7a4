"""The published attention of many pairs, from exponentials of what a query and a key contribute alone.

Gates that are affine in the pair have pre-activations ``x = u_i + v_j``, and ``e^x = e^u_i e^v_j`` costs one
multiplication a pair instead of an exponential; where a factor would overflow, ``e^x`` is computed as it is.
With ``A = 1 + e^-x_phi`` and ``B = 1 + e^-x_h``, the gates ``phi = 1 / A`` and ``h = 1 / B``, and
``t = tanh(tau h / 2)``, the solution ``(phi / tau) (1 - e^(-tau h))`` of `solvers.exact` is
``2 t / (A tau (1 + t))``: one loop over the pairs with a logarithm and a hyperbolic tangent, which a compiler
fuses.

The logits lie in [0, 1), so that their softmax needs no maximum, and its division can wait until the values
are summed. The gradient is written down and computes the pairs anew, so that nothing of their number is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import ops

from models import chunking
from models.compiling import compiled

Tensor = Any
Mask = Callable[[Tensor | None], Tensor | None]
Exponentials = Callable[[Tensor, Tensor], Tensor]
"""Returns ``e^(u_i + v_j)`` of all pairs, given columns `(..., T, 1)` and rows `(..., 1, S)`."""

LARGEST_SHARE = 80.0
"""Up to where the exponentials of a share and of its negative stay within float32. The product of two may
overflow: it then says that the gate is closed."""

LARGEST_PRODUCT = 1e30
"""Where ``e^x`` is cut that must not become infinite: ``1 + e^x`` before its logarithm is taken, long after
that has become x, and what second derivatives multiply by zero, as that of a closed gate."""

MANY_PAIRS = 64 * 64
"""Below this number of pairs the additional operations cost more than the exponentials."""

PAIRS_TO_COMPILE = 256 * 256
"""From this number on a compiled loop saves more than its call costs."""

LONG, CHUNK = 1024, 64
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


def attend(
    queries: Shares,
    keys: Shares,
    tau_epsilon: float,
    values: Tensor,
    mask: Mask | None = None,
    chunk: int | None = None,
) -> Tensor:
    """Return the mean of the values, weighted by the softmax of the published exact logits.

    Args:
        queries: The queries' shares, each `(..., T, 1)`.
        keys: The keys' shares, each `(..., 1, S)`.
        tau_epsilon: A floor for tau.
        values: `(..., S, D)`.
        mask: Returns which keys the queries with the given numbers may attend, broadcastable to
            `(..., T, S)`; for all queries where it is given None. No mask admits every key.
        chunk: How many queries to evaluate at a time; None leaves that to their number.

    Returns:
        `(..., T, D)` in the type of the shares; zeros for a query that may attend no key.
    """
    length, count = queries.phi.shape[-2], keys.phi.shape[-1]
    is_known = None not in (length, count)
    many = is_known and length * count >= PAIRS_TO_COMPILE
    is_long = is_known and length >= LONG
    attention = _Attention(tau_epsilon, mask, chunk or (CHUNK if is_long else None))

    def solve(*arguments: Tensor) -> tuple[Tensor, Callable[..., tuple[Tensor, ...]]]:
        means, total = compiled(attention.means, *arguments, worthwhile=many)

        def gradient(*outer: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            share = (outer[0] if upstream is None else upstream) / total
            return tuple(compiled(attention.gradients, share, means, *arguments, worthwhile=many))

        return means, gradient

    arguments = (*queries, *keys, ops.cast(values, queries.phi.dtype))
    if keras.backend.backend() == "numpy":  # It has no gradients.
        return solve(*arguments)[0]
    return ops.custom_gradient(solve)(*arguments)


@dataclass(frozen=True, slots=True)
class _Attention:
    """The attention and its gradient, each a function of the arguments: queries' and keys' shares, values."""

    tau_epsilon: float
    mask: Mask | None
    chunk: int | None

    def means(self, *arguments: Tensor) -> list[Tensor]:
        """Return the means of the values `(..., T, D)`, and the sums of the weights `(..., T, 1)`."""
        return _with_exponentials(arguments[:6], lambda exponentials: self._means(exponentials, *arguments))

    def _means(self, exponentials: Exponentials, *arguments: Tensor) -> list[Tensor]:
        keys, values = arguments[3:6], arguments[6]

        def of(numbers: Tensor | None, *queries: Tensor) -> list[Tensor]:
            weights = self._weights(_logits(self._pairs(exponentials, queries, keys)), numbers)
            # Each admitted key weighs at least e^0, so that the 1 only replaces the sum over no key.
            total = ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1.0)
            return [ops.matmul(weights, values) / total, total]

        if self.chunk is None:
            return of(None, *arguments[:3])
        parts = ops.map(lambda chunk: of(*chunk), _chunks(arguments[:3], self.chunk))
        return _joined(parts, arguments[0])

    def gradients(self, share: Tensor, means: Tensor, *arguments: Tensor) -> list[Tensor]:
        """Return the gradients of the arguments, given that of the means.

        Args:
            share: The gradient of the means, divided by the sums of the weights, `(..., T, D)`.
            means: What `means` returned, `(..., T, D)`.
            *arguments: What `means` was called with.
        """
        return _with_exponentials(
            arguments[:6], lambda exponentials: self._gradients(exponentials, share, means, *arguments)
        )

    def _gradients(
        self, exponentials: Exponentials, share: Tensor, means: Tensor, *arguments: Tensor
    ) -> list[Tensor]:
        columns, keys, values = (*arguments[:3], share, means), arguments[3:6], arguments[6]
        if self.chunk is None:
            by_queries, by_keys = self._gradients_of(exponentials, None, columns, keys, values)
            return [*by_queries, *by_keys]
        chunks = _chunks(columns, self.chunk)

        def step(
            index: Tensor, by_queries: list[Tensor], by_keys: list[Tensor]
        ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
            numbers, *columns = [ops.take(x, index, axis=0) for x in chunks]
            of_queries, of_keys = self._gradients_of(exponentials, numbers, tuple(columns), keys, values)
            return (
                index + 1,
                [_with_chunk(x, index, chunk) for x, chunk in zip(by_queries, of_queries, strict=True)],
                [x + more for x, more in zip(by_keys, of_keys, strict=True)],
            )

        start = [ops.zeros_like(x) for x in chunks[1:4]], [ops.zeros_like(x) for x in (*keys, values)]
        count = ops.shape(chunks[0])[0]
        _, by_queries, by_keys = ops.while_loop(lambda index, *_: index < count, step, (0, *start))
        return [*_joined(by_queries, arguments[0]), *by_keys]

    def _gradients_of(
        self,
        exponentials: Exponentials,
        numbers: Tensor | None,
        columns: tuple[Tensor, ...],
        keys: tuple[Tensor, ...],
        values: Tensor,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return what some queries have: the gradients of their shares, and their part of the others'."""
        share, means = columns[3:]
        pairs = self._pairs(exponentials, columns[:3], keys)
        phi, h = 1.0 / pairs.a, 1.0 / pairs.b
        t = ops.tanh(pairs.half_tau * h)
        part = phi / (1.0 + t)
        logits = part * t / pairs.half_tau
        weights = self._weights(logits, numbers)
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
        return (
            [ops.sum(x, axis=-1, keepdims=True) for x in by_sums],
            [*(ops.sum(x, axis=-2, keepdims=True) for x in by_sums), ops.swapaxes(by_values, -1, -2)],
        )

    def _pairs(
        self, exponentials: Exponentials, queries: tuple[Tensor, ...], keys: tuple[Tensor, ...]
    ) -> _Pairs:
        return _pairs(exponentials, Shares(*queries), Shares(*keys), self.tau_epsilon)

    def _weights(self, logits: Tensor, numbers: Tensor | None) -> Tensor:
        weights = ops.exp(logits)
        mask = None if self.mask is None else self.mask(numbers)
        return weights if mask is None else weights * ops.cast(mask, weights.dtype)


def _chunks(columns: tuple[Tensor, ...], size: int) -> list[Tensor]:
    """Return the queries' numbers and columns `(..., T, N)` by chunks, `(chunks, ..., size, N)`."""
    axis = len(columns[0].shape) - 2
    numbers = ops.arange(ops.shape(columns[0])[axis], dtype="int32")
    return [chunking.split(numbers, size, axis=0), *(chunking.split(x, size, axis) for x in columns)]


def _joined(chunks: list[Tensor], column: Tensor) -> list[Tensor]:
    """Undo `_chunks` for columns of as many queries as `column` has."""
    axis = len(column.shape) - 2
    return [chunking.join(x, ops.shape(column)[axis], axis) for x in chunks]


def _with_chunk(chunks: Tensor, index: Tensor, chunk: Tensor) -> Tensor:
    return ops.slice_update(chunks, (index, *[0] * len(chunk.shape)), chunk[None])


def logits(queries: Shares, keys: Shares, tau_epsilon: float) -> Tensor:
    """Return the published exact logits of all pairs.

    Args:
        queries: The queries' shares, each `(..., T, 1)`.
        keys: The keys' shares, each `(..., 1, S)`.
        tau_epsilon: A floor for tau.

    Returns:
        `(..., T, S)`, in [0, 1).
    """
    return _with_exponentials(
        (*queries, *keys),
        lambda exponentials: _logits(_pairs(exponentials, queries, keys, tau_epsilon)),
    )


def _logits(pairs: _Pairs) -> Tensor:
    t = ops.tanh(pairs.half_tau / pairs.b)
    return t / (pairs.a * pairs.half_tau * (1.0 + t))


def _pairs(exponentials: Exponentials, queries: Shares, keys: Shares, tau_epsilon: float) -> _Pairs:
    growth = ops.minimum(1.0 + exponentials(queries.tau, keys.tau), LARGEST_PRODUCT)
    half_softplus = ops.maximum(0.5 * queries.tau + 0.5 * keys.tau, 0.5 * ops.log(growth))
    return _Pairs(
        a=ops.minimum(1.0 + exponentials(-queries.phi, -keys.phi), LARGEST_PRODUCT),
        b=1.0 + exponentials(-queries.horizon, -keys.horizon),
        growth=growth,
        half_tau=half_softplus + 0.5 * tau_epsilon,
    )


def _with_exponentials(shares: tuple[Tensor, ...], evaluate: Callable[[Exponentials], Any]) -> Any:
    """Call a function with exponentials that are right for these shares.

    It is called with the fast form in any case, and once more where that does not fit: in a branch of its own
    the fast form takes XLA a tenth longer.
    """
    by_products = evaluate(_products)
    fit = ops.all(ops.stack([ops.all(ops.abs(share) <= LARGEST_SHARE) for share in shares]))
    return ops.cond(fit, lambda: by_products, lambda: evaluate(_exponentials_of_sums))


def _products(columns: Tensor, rows: Tensor) -> Tensor:
    # Without a compiler, TensorFlow multiplies matrices faster than it broadcasts.
    return ops.matmul(_exp(columns), _exp(rows))


def _exp(share: Tensor) -> Tensor:
    return ops.exp(ops.clip(share, -LARGEST_SHARE, LARGEST_SHARE))


def _exponentials_of_sums(columns: Tensor, rows: Tensor) -> Tensor:
    # Large shares may cancel, so that only their sum can be cut.
    return ops.exp(ops.minimum(columns + rows, math.log(LARGEST_PRODUCT)))
