"""The factorised gates against dense layers on the concatenated pair."""

import keras
import numpy as np
import pytest
from keras import ops

from models import gates

D, T, S = 5, 4, 7


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 3, T, D)).astype("float32"), rng.normal(size=(2, 3, S, D)).astype("float32")


def dense(inputs, units, use_bias=True, seed=0):
    layer = gates.GateDense(
        units, use_bias=use_bias, bias_initializer=keras.initializers.RandomNormal(seed=seed)
    )
    layer.build((None, inputs))
    return layer


def on_pairs(layer, queries, keys):
    """Apply a dense layer to every concatenated pair."""
    left = np.broadcast_to(queries[..., :, None, :], (2, 3, T, S, D))
    right = np.broadcast_to(keys[..., None, :, :], (2, 3, T, S, D))
    return ops.convert_to_numpy(layer(np.concatenate([left, right], axis=-1)))


@pytest.mark.parametrize("use_bias", [True, False])
def test_terms_add_up_to_the_dense_layer_on_pairs(features, use_bias):
    queries, keys = features
    layer = dense(2 * D, 6, use_bias)
    pair = gates.affine_of(layer)
    query_terms, key_terms = gates.query_terms(queries, pair), gates.key_terms(keys, pair)
    expected = on_pairs(layer, queries, keys)
    hidden = ops.convert_to_numpy(gates.hidden_pair_sums(query_terms, key_terms))
    np.testing.assert_allclose(hidden, expected, atol=1e-6)
    for unit, (column, row) in enumerate(gates.units(query_terms, key_terms)):
        np.testing.assert_array_equal(column + row, hidden[..., unit])


@pytest.mark.parametrize("use_bias", [True, False])
def test_terms_of_inputs_are_those_of_their_projections(use_bias):
    heads = 3
    inputs = np.random.default_rng(0).normal(size=(2, S, 6)).astype("float32")
    projection, pair = dense(6, heads * D, use_bias), gates.affine_of(dense(2 * D, 4, seed=1))
    keys = ops.swapaxes(ops.reshape(projection(inputs), (2, S, heads, D)), 1, 2)
    terms = gates.key_terms_of_inputs(inputs, gates.affine_of(projection), heads, pair)
    np.testing.assert_allclose(terms, gates.key_terms(keys, pair), atol=1e-6)


def test_composition_is_one_layer_after_the_other(features):
    first, second = dense(D, 6), dense(6, 2, seed=1)
    x = features[0]
    composed = gates.apply(x, gates.compose(gates.affine_of(first), gates.affine_of(second)))
    np.testing.assert_allclose(composed, second(first(x)), atol=1e-6)


def test_stack_puts_outputs_side_by_side(features):
    layers = dense(D, 2), dense(D, 3, use_bias=False, seed=1)
    x = features[0]
    stacked = gates.apply(x, gates.stack([gates.affine_of(layer) for layer in layers]))
    np.testing.assert_allclose(stacked, np.concatenate([layer(x) for layer in layers], axis=-1), atol=1e-6)


def test_maps_side_by_side_take_their_own_inputs(features):
    first, second = dense(2, 1), dense(D - 2, 1, seed=1)
    x = features[0]
    joined = gates.apply(x, gates.side_by_side(gates.affine_of(first), gates.affine_of(second)))
    expected = np.concatenate([first(x[..., :2]), second(x[..., 2:])], axis=-1)
    np.testing.assert_allclose(joined, expected, atol=1e-6)


def test_gate_weights_keep_full_precision_in_a_mixed_layer():
    class Mixed(keras.layers.Layer):
        def __init__(self, layer):
            super().__init__(dtype="mixed_bfloat16")
            self.layer = layer

        def call(self, x):
            kernel = self.layer.kernel
            kernel = kernel.value if isinstance(kernel, keras.Variable) else kernel
            self.seen = keras.backend.standardize_dtype(kernel.dtype)
            return x

    seen = {}
    for kind in (gates.GateDense, keras.layers.Dense):
        inner = kind(1, dtype="float32")
        inner.build((None, 2))
        outer = Mixed(inner)
        outer(np.zeros((1, 2), "float32"))
        seen[kind.__name__] = outer.seen
    assert seen == {"GateDense": "float32", "Dense": "bfloat16"}
