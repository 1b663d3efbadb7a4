"""The compiled parts of graphs that are not compiled."""

import keras
import numpy as np
import pytest

from models import compiling
from tests.models.lan_reference import built, features, twin

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


def test_few_pairs_are_not():
    assert not compiled_calls(graph_of(built(8, 2, return_sequences=True), length=70))


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


@pytest.mark.parametrize("chunk", [None, 100], ids=["whole", "chunks"])
@pytest.mark.parametrize("options", MASKS.values(), ids=MASKS)
def test_compiled_gradients_equal_plain_ones(options, chunk):
    layer = twin(built(8, 2, return_sequences=True), query_chunk=chunk)
    x, upstream = tf.constant(X), tf.constant(features(1, STEPS, 8, seed=3))

    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, **options)
        return [output, *tape.gradient(output, [x, *(v.value for v in layer.trainable_variables)], upstream)]

    for actual, expected in zip(tf.function(gradients, autograph=False)(x), gradients(x), strict=True):
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(actual, expected, atol=2e-6 * scale)
