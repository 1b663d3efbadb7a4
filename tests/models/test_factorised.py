"""The fast form of the published logits against float64 and against the plain layer."""

import keras
import numpy as np
import pytest
from keras import ops

from models import factorised
from models.factorised import Shares
from tests.models.lan_reference import built, features, numpy, pairwise, twin

EPSILON = 1e-6
X = features(2, 70, 6)  # 70 x 70 pairs are enough for the fast form.


def shares(size, seed, scale):
    """Columns of 40 queries and rows of 50 keys with pre-activations spread up to about `scale`."""
    rng = np.random.default_rng(seed)
    halves = [rng.uniform(-scale / 2, scale / 2, size=(3, *shape)) for shape in ((size, 1), (1, size + 10))]
    return tuple(Shares(*half.astype("float32")) for half in halves)


def logits64(queries, keys):
    phi, tau, h = (q.astype("float64") + k.astype("float64") for q, k in zip(queries, keys, strict=True))
    phi, h = (0.5 * (1 + np.tanh(x / 2)) for x in (phi, h))
    tau = np.logaddexp(0, tau) + EPSILON
    return phi / tau * -np.expm1(-tau * h)


@pytest.mark.parametrize("scale", [1, 5, 20, 40])
def test_logits_keep_float32_precision_for_gates_of_any_size(scale):
    queries, keys = shares(40, 0, scale)
    actual = numpy(factorised.logits(queries, keys, EPSILON))
    np.testing.assert_allclose(actual, logits64(queries, keys), rtol=1e-5, atol=3e-7)
    assert np.all((actual >= 0) & (actual <= 1))


@pytest.mark.parametrize("shift", [60, 128, 1024])
def test_large_shares_that_cancel_keep_their_precision(shift):
    queries, keys = shares(40, 0, 5)
    moved = Shares(*(q + shift for q in queries)), Shares(*(k - shift for k in keys))
    np.testing.assert_allclose(factorised.logits(*moved, EPSILON), logits64(*moved), rtol=1e-5, atol=3e-7)


@pytest.mark.parametrize("share", [79.0, 1e3, 1e30])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, -1), (1, -1, 1), (-1, 1, -1)])
def test_saturated_gates_reach_their_limits(share, signs):
    queries = Shares(*(np.float32([[sign * share]]) for sign in signs))
    actual = numpy(factorised.logits(queries, Shares(*[np.zeros((1, 1), "float32")] * 3), EPSILON))
    np.testing.assert_allclose(actual, logits64(queries, queries._make([np.zeros((1, 1))] * 3)), atol=1e-6)


@pytest.mark.parametrize("mask", [None, features(2, 1, 70, 70) > 0.5, np.tri(70, dtype=bool)])
@pytest.mark.parametrize("t", [None, 0.3, [0.3, 2.0]])
def test_layer_equals_its_plain_form(mask, t):
    layer = built(8, 2, return_sequences=True)
    plain = twin(layer, return_attention=True)
    inputs = X if t is None else (X, np.asarray(t, "float32"))
    expected, _ = plain(inputs, attention_mask=mask)
    np.testing.assert_allclose(layer(inputs, attention_mask=mask), expected, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="differentiates with TensorFlow")
@pytest.mark.parametrize(("run", "chunk"), [("eager", None), ("graph", None), ("jit", 32)])
def test_large_shares_change_neither_output_nor_gradients(run, chunk):
    import tensorflow as tf

    layer = built(8, 2, return_sequences=True)
    plain = twin(layer, return_attention=True)
    layer.query_chunk = chunk

    def gradients(model):
        with tf.GradientTape() as tape:
            output = model((X, 100.0))
            output = output[0] if model is plain else output
        return output, tape.gradient(output, [v.value for v in model.trainable_variables])

    function = gradients if run == "eager" else tf.function(gradients, jit_compile=run == "jit")
    output, actual = function(layer)
    expected_output, expected = gradients(plain)
    np.testing.assert_allclose(output, expected_output, atol=1e-6)
    for gradient, exact in zip(actual, expected, strict=True):
        np.testing.assert_allclose(gradient, exact, atol=1e-4 * np.abs(exact).max() + 1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="differentiates with TensorFlow")
@pytest.mark.parametrize("t", [1.0, 100.0, 1e6])
def test_second_derivatives_equal_those_of_the_plain_form(t):
    import tensorflow as tf

    layer = built(8, 2, return_sequences=True)
    x = tf.constant(X[:1])

    def second(model):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                output = keras.tree.flatten(model((x, t)))[0]
                loss = tf.reduce_sum(tf.sin(output))
            size = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return numpy(outer.gradient(size, x))

    expected = second(twin(layer, return_attention=True))
    np.testing.assert_allclose(second(layer), expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="differentiates with TensorFlow")
@pytest.mark.parametrize("gate", ["phi", "tau", "horizon"])
@pytest.mark.parametrize("share", [-75.0, -50.0, 50.0, 75.0])
def test_second_derivatives_are_finite_at_closed_and_open_gates(gate, share):
    import tensorflow as tf

    columns = [tf.fill((1, 8, 1), share if gate == name else 0.1) for name in Shares._fields]
    rows = [tf.fill((1, 1, 8), share if gate == name else -0.1) for name in Shares._fields]
    values = tf.constant(X[:1, :8])
    with tf.GradientTape() as outer:
        outer.watch(columns + rows)
        with tf.GradientTape() as inner:
            inner.watch(columns + rows)
            means = factorised.attend(Shares(*columns), Shares(*rows), 1e-6, values)
            loss = tf.reduce_sum(tf.sin(means))
        gradients = inner.gradient(loss, columns + rows)
        size = tf.add_n([tf.reduce_sum(gradient**2) for gradient in gradients])
    for gradient in outer.gradient(size, columns + rows):
        assert np.isfinite(gradient).all()


def test_layer_equals_the_pairwise_form():
    layer = built(8, 2, return_sequences=True)
    np.testing.assert_allclose(layer(X), pairwise(layer)(X)[0], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(policy):
    layer = built(8, 2, return_sequences=True)
    half = twin(layer, dtype=policy)(X)
    assert keras.backend.standardize_dtype(half.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(
        ops.cast(half, "float32"), layer(X), atol=2.0**-4 if "b" in policy else 2.0**-7
    )


MASKS = {"none": None, "rows": np.tri(70, dtype=bool), "keys": np.arange(70)[None, None] < 50}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_long_sequences_are_evaluated_in_chunks(mask, monkeypatch):
    layer = built(8, 2, return_sequences=True)
    whole = numpy(layer(X, attention_mask=mask))
    monkeypatch.setattr(factorised, "LONG", 70)
    sizes = []
    logits = factorised._logits
    monkeypatch.setattr(factorised, "_logits", lambda pairs: sizes.append(pairs.a.shape[-2]) or logits(pairs))
    np.testing.assert_allclose(layer(X, attention_mask=mask), whole, atol=1e-6)
    assert set(sizes) == {factorised.CHUNK}


@pytest.mark.filterwarnings("ignore:Rematerialization")
def test_chunks_change_nothing():
    layer = built(8, 2, return_sequences=True)
    np.testing.assert_allclose(twin(layer, query_chunk=64)(X), layer(X), atol=1e-6)


def test_row_without_keys_is_zero():
    layer = built(8, 2, return_sequences=True)
    mask = np.ones((2, 70), bool)
    mask[1] = False
    output = numpy(layer(X, mask=mask))
    np.testing.assert_array_equal(output[1], np.tile(numpy(layer.out_dense.bias), (70, 1)))
