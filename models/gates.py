"""The affine maps of a query-key pair, evaluated without ever building the pair.

A dense layer on the concatenation ``[q_i; k_j]`` is the sum ``u_i + v_j`` of a term of the query and a term
of the key, so its kernel of 2D rows is applied to T queries and T keys instead of to T x T pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

Tensor = Any


class GateDense(keras.layers.Dense):
    """A dense layer whose weights stay in full precision inside a layer of mixed precision."""

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """Create a weight that an enclosing half-precision scope does not cast."""
        return super().add_weight(*args, **{**kwargs, "autocast": False})


class Affine(NamedTuple):
    """An affine map ``x -> x kernel + bias`` of row vectors: kernel `(inputs, units)`, bias `(units,)`."""

    kernel: Tensor
    bias: Tensor


def affine_of(layer: keras.layers.Dense) -> Affine:
    """Return the map of a built dense layer without its activation."""
    kernel = ops.convert_to_tensor(layer.kernel)
    bias = ops.zeros((layer.units,), dtype=kernel.dtype) if layer.bias is None else layer.bias
    return Affine(kernel, ops.convert_to_tensor(bias))


def apply(x: Tensor, affine: Affine) -> Tensor:
    """Return ``x kernel + bias``: `(..., inputs)` to `(..., units)`."""
    return ops.matmul(x, affine.kernel) + affine.bias


def compose(first: Affine, second: Affine) -> Affine:
    """Return the one map that applies `first` and then `second`."""
    return Affine(ops.matmul(first.kernel, second.kernel), apply(first.bias, second))


def stack(maps: Sequence[Affine]) -> Affine:
    """Return the one map whose outputs are those of all `maps`, one after the other."""
    return Affine(
        ops.concatenate([m.kernel for m in maps], axis=1), ops.concatenate([m.bias for m in maps], axis=0)
    )


def side_by_side(first: Affine, second: Affine) -> Affine:
    """Return the one map that applies `first` to the first inputs and `second` to the others.

    Its block-diagonal kernel spares cutting an array of all pairs' hidden units, and joining its gradient.
    """
    kernel = ops.concatenate(
        [
            ops.pad(first.kernel, ((0, second.kernel.shape[0]), (0, 0))),
            ops.pad(second.kernel, ((first.kernel.shape[0], 0), (0, 0))),
        ],
        axis=1,
    )
    return Affine(kernel, ops.concatenate([first.bias, second.bias], axis=0))


def query_terms(queries: Tensor, pair: Affine) -> Tensor:
    """Return the queries' share ``u_i`` of a map of ``[q_i; k_j]``.

    Args:
        queries: `(..., T, D)`.
        pair: A map of `2 D` inputs and `G` units.

    Returns:
        `(..., T, G)`.
    """
    kernel = pair.kernel[: queries.shape[-1]]
    if queries.shape[-2] == 1:  # XLA hands so small a product of matrices to another thread and waits for it.
        return ops.sum(queries[..., None] * kernel, axis=-2)
    return ops.matmul(queries, kernel)


def key_terms(keys: Tensor, pair: Affine) -> Tensor:
    """Return the keys' share ``v_j`` of a map of ``[q_i; k_j]``, which holds the bias.

    Args:
        keys: `(..., S, D)`.
        pair: A map of `2 D` inputs and `G` units.

    Returns:
        `(..., G, S)`: the values of one unit lie side by side, as the inner loop over pairs wants them.
    """
    kernel = ops.transpose(pair.kernel[keys.shape[-1] :])
    return ops.matmul(kernel, ops.swapaxes(keys, -1, -2)) + pair.bias[:, None]


def key_terms_of_inputs(inputs: Tensor, projection: Affine, heads: int, pair: Affine) -> Tensor:
    """Return `key_terms` of the heads of projected inputs without projecting them.

    Args:
        inputs: `(B, S, F)`.
        projection: A map of `F` inputs to the `heads` times `D` features of the keys.
        heads: The number `H` of heads.
        pair: A map of `2 D` inputs and `G` units.

    Returns:
        `(B, H, G, S)`.
    """
    of_keys = pair.kernel[pair.kernel.shape[0] // 2 :]
    depth, count = of_keys.shape
    kernel = ops.matmul(ops.reshape(projection.kernel, (-1, depth)), of_keys)
    bias = ops.matmul(ops.reshape(projection.bias, (heads, depth)), of_keys) + pair.bias
    terms = ops.einsum("bsf,fu->bus", inputs, ops.reshape(kernel, (-1, heads * count)))
    terms = terms + ops.reshape(bias, (heads * count, 1))
    return ops.reshape(terms, (-1, heads, count, ops.shape(inputs)[1]))


def units(query_terms: Tensor, key_terms: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return for each unit a column and a row whose sum are its values ``u_i + v_j`` for all pairs.

    Args:
        query_terms: `(..., T, G)`.
        key_terms: `(..., G, S)`.

    Returns:
        `G` times `(..., T, 1)` and `(..., 1, S)`.
    """
    count = query_terms.shape[-1]
    columns, rows = ops.split(query_terms, count, axis=-1), ops.split(key_terms, count, axis=-2)
    return list(zip(columns, rows, strict=True))


def hidden_pair_sums(query_terms: Tensor, key_terms: Tensor) -> Tensor:
    """Return all units' values for all pairs: `(..., T, G)` and `(..., G, S)` to `(..., T, S, G)`."""
    return query_terms[..., :, None, :] + ops.swapaxes(key_terms, -1, -2)[..., None, :, :]
