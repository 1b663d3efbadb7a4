"""The compiled parts of graphs that are not compiled."""

import keras
import numpy as np
import pytest

from models import compiling
from tests.models.lan_reference import built, features

tf = pytest.importorskip("tensorflow")
if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow builds graphs", allow_module_level=True)

STEPS = 260
X = features(1, STEPS, 6)


def graph_of(layer, length=STEPS, **options):
    signature = tf.TensorSpec((1, length, 6), "float32")
    return tf.function(lambda x: layer(x, **options), autograph=False).get_concrete_function(signature)


def compiled_calls(graph):
    return [node for node in graph.graph.as_graph_def().node if node.attr["_XlaMustCompile"].b]


def test_known_lengths_are_compiled():
    layer = built(8, 2, return_sequences=True)
    assert compiled_calls(graph_of(layer))


def test_unknown_lengths_are_not():
    """Each length would be compiled anew."""
    layer = built(8, 2, return_sequences=True)
    graph = graph_of(layer, length=None)
    assert not compiled_calls(graph)
    np.testing.assert_allclose(graph(tf.constant(X)), layer(X), atol=1e-6)


@pytest.mark.parametrize("every_step", [True, False])
def test_few_pairs_are_not(every_step):
    assert not compiled_calls(graph_of(built(8, 2, return_sequences=every_step), length=70))


def test_the_last_step_alone_is_compiled():
    layer = built(8, 2)
    graph = graph_of(layer)
    assert compiled_calls(graph)
    np.testing.assert_allclose(graph(tf.constant(X)), layer(X), atol=1e-6)


def test_uncompiled_graphs_have_plain_operations_only():
    layer = built(8, 2, return_sequences=True)
    with compiling.uncompiled():
        graph = graph_of(layer)
    assert not compiled_calls(graph)
    np.testing.assert_allclose(graph(tf.constant(X)), layer(X), atol=1e-6)
    assert compiled_calls(graph_of(layer))


MASKS = {
    "none": {},
    "causal": {"use_causal_mask": True},
    "keys": {"mask": np.arange(STEPS)[None] < 200},
    "pairs": {"attention_mask": np.tri(STEPS, k=5, dtype=bool)},
}


LAYERS = {
    "whole": {"return_sequences": True},
    "chunks": {"return_sequences": True, "query_chunk": 100},
    "last": {},
}


@pytest.mark.parametrize("settings", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("options", MASKS.values(), ids=MASKS)
def test_compiled_gradients_equal_plain_ones(options, settings):
    layer = built(8, 2, **settings)

    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, **options)
            loss = tf.reduce_sum(output * features(*output.shape, seed=3))
        return [output, *tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])]

    in_graph = tf.function(gradients, autograph=False)
    for actual, expected in zip(in_graph(tf.constant(X)), gradients(tf.constant(X)), strict=True):
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(actual, expected, atol=2e-6 * scale)
