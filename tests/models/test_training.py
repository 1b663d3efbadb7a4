"""Gradients, compiled graphs and training with TensorFlow."""

import math
import re

import keras
import numpy as np
import pytest

from models import factorised
from models.lan import LAN
from tests.models.lan_reference import built, features, numpy, pairwise, time_stamps, twin

if keras.backend.backend() != "tensorflow":
    pytest.skip("TensorFlow's gradients and compiler", allow_module_level=True)

import tensorflow as tf

X = features(3, 10, 6)
T = time_stamps(3, 10)
ELAPSED = {"horizon": "elapsed", "initial": "dot"}


def gradients(function, inputs, variables):
    """Return the gradients of a loss that weighs all outputs differently, as arrays."""
    inputs = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(inputs[0] if len(inputs) == 1 else inputs)
        loss = tf.reduce_sum(output * tf.cast(features(*output.shape, seed=9), output.dtype))
    watched = [*inputs, *(v.value for v in variables)]
    return [g.numpy() for g in tape.gradient(loss, watched, unconnected_gradients="zero")]


def assert_gradients_close(actual, expected, tolerance):
    """Compare relative to the norm of the complete gradient."""
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in expected))
    assert norm > 1e-2
    for a, e in zip(actual, expected, strict=True):
        assert np.linalg.norm(a - e) <= tolerance * norm


@pytest.mark.parametrize("mode", ["exact", "euler", "steady"])
@pytest.mark.parametrize("gate_activation", [None, "tanh"])
def test_gradients_equal_those_of_the_pairwise_form(mode, gate_activation):
    layer = built(
        8, 2, mode=mode, gate_activation=gate_activation, tau_epsilon=0.1, return_sequences=True, scale=2.0
    )
    reference = pairwise(layer)
    expected = gradients(lambda x: reference(x)[0], [X], reference.trainable_variables)
    assert_gradients_close(gradients(layer, [X], layer.trainable_variables), expected, 1e-5)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_gradients_of_many_pairs_equal_those_of_the_pairwise_form_in_float64(scale):
    """From a number of pairs on the layer evaluates the logits otherwise and has their gradient by hand."""
    x = features(2, 70, 6)
    layer = built(8, 2, return_sequences=True, scale=scale)
    reference = pairwise(layer, dtype="float64")
    expected = gradients(lambda x: reference(x)[0], [x.astype("float64")], reference.trainable_variables)
    assert_gradients_close(gradients(layer, [x], layer.trainable_variables), expected, 1e-6)


def test_gradients_of_long_sequences_equal_those_of_the_pairwise_form_in_float64(monkeypatch):
    """A long sequence is evaluated in chunks, and its floor of tau is no small number here."""
    monkeypatch.setattr(factorised, "LONG", 70)
    x = features(2, 70, 6)
    layer = built(8, 2, tau_epsilon=0.5, return_sequences=True, scale=3.0)
    reference = pairwise(layer, dtype="float64")
    expected = gradients(lambda x: reference(x)[0], [x.astype("float64")], reference.trainable_variables)
    assert_gradients_close(gradients(layer, [x], layer.trainable_variables), expected, 1e-6)


def test_gradients_of_many_masked_pairs_equal_those_of_the_plain_form():
    x, mask = features(2, 70, 6), np.tri(70, dtype=bool)
    layer = built(8, 2, return_sequences=True)
    plain = twin(layer, return_attention=True)
    expected = gradients(lambda x: plain(x, attention_mask=mask)[0], [x], plain.trainable_variables)
    found = gradients(lambda x: layer(x, attention_mask=mask), [x], layer.trainable_variables)
    assert_gradients_close(found, expected, 1e-6)


@pytest.mark.parametrize("scale", [30.0, 1e4])
def test_gradients_of_closed_gates_are_finite(scale):
    layer = built(8, 2, return_sequences=True, scale=scale)
    for gradient in gradients(layer, [features(2, 70, 6)], layer.trainable_variables):
        assert np.isfinite(gradient).all()


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "jit"])
@pytest.mark.parametrize("steps", [10, 130])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {**ELAPSED, "window": 4},
        {**ELAPSED, "gate_activation": "tanh", "learn_time_scale": True},
    ],
    ids=["published", "window", "learned"],
)
def test_chunks_give_every_weight_its_gradient(options, steps, jit):
    """Recomputation loses the gradients of whatever its function captures, without a word."""
    x, t = features(3, steps, 6), time_stamps(3, steps) if options else np.ones(3, "float32")
    layer = built(8, 2, return_sequences=True, **options)
    chunked = twin(layer, query_chunk=max(4, steps // 4))
    expected = gradients(layer, [x, t], layer.trainable_variables)
    compiled = tf.function(lambda x, t: gradients_of_graph(chunked, x, t), jit_compile=jit, autograph=False)
    actual = [g.numpy() for g in compiled(tf.constant(x), tf.constant(t))]
    assert_gradients_close(actual, expected, 1e-5)
    for variable, gradient in zip(layer.trainable_variables, expected[2:], strict=True):
        # A key's bias moves all logits of a row alike where they are dot products.
        assert np.any(gradient) or "k_dense" in variable.path


def gradients_of_graph(layer, x, t):
    with tf.GradientTape() as tape:
        tape.watch([x, t])
        output = layer([x, t])
        loss = tf.reduce_sum(output * features(*output.shape, seed=9))
    return tape.gradient(loss, [x, t, *(v.value for v in layer.trainable_variables)])


@pytest.mark.slow
def test_chunks_bound_the_memory_of_training():
    steps, heads, size = 256, 2, 16
    layer = built(8, heads, return_sequences=True)
    assert largest_array(gradient_of_input(layer), steps) >= heads * steps * steps
    assert largest_array(gradient_of_input(twin(layer, query_chunk=size)), steps) <= 2 * heads * steps * size


@pytest.mark.slow
def test_the_last_query_alone_takes_linear_memory():
    steps = 256
    layer = built(8, 2, window=100)
    mask = features(steps, steps) > -1
    assert largest_array(lambda x: layer(x, attention_mask=mask), steps) < steps * steps / 4


def gradient_of_input(layer):
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, x)

    return gradient


def largest_array(function, steps):
    """Return the elements of the largest float32 array that the compiled function computes with."""
    compiled = tf.function(function, jit_compile=True, autograph=False)
    program = compiled.experimental_get_compiler_ir(tf.constant(features(1, steps, 6)))(stage="optimized_hlo")
    shapes = re.findall(r"f32\[([\d,]+)\]", program)
    return max(math.prod(map(int, shape.split(","))) for shape in shapes)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "jit"])
@pytest.mark.parametrize(
    "options",
    [{}, {**ELAPSED, "window": 4}, {**ELAPSED, "gate_activation": "tanh"}, {"mode": "euler"}],
    ids=["published", "window", "gate_activation", "euler"],
)
def test_compiled_equals_eager(options, jit):
    layer = built(8, 2, return_sequences=True, **options)
    compiled = tf.function(layer, jit_compile=jit)
    np.testing.assert_allclose(compiled([X, T + 1e6]), layer([X, T + 1e6]), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"query_chunk": 4}, {"window": 3}], ids=["all", "chunks", "window"])
def test_batch_and_length_may_be_unknown(options):
    layer = built(8, 2, return_sequences=True, return_attention=True, **ELAPSED, **options)
    signature = [tf.TensorSpec((None, None, 6)), tf.TensorSpec((None, None), tf.float64)]
    compiled = tf.function(lambda x, t: layer([x, t]), input_signature=signature)
    for batch, steps in ((3, 10), (1, 7)):
        inputs = X[:batch, :steps], T[:batch, :steps]
        for actual, expected in zip(compiled(*inputs), layer(inputs), strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Layer .* attends a single key")
def test_a_single_key_gives_gates_no_gradient():
    layer = built(8, 2)
    _, *found = gradients(layer, [X[:, :1]], layer.trainable_variables)
    trained = {
        v.path.split("/")[-2] for v, g in zip(layer.trainable_variables, found, strict=True) if np.any(g)
    }
    assert trained == {"v_dense", "out_dense"}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_trains_in_half_precision(policy):
    model = keras.Sequential(
        [keras.Input((10, 6)), LAN(8, 2, dtype=policy), keras.layers.Dense(1, dtype="float32")]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    batch = tf.data.Dataset.from_tensors((X, X[:, 3, :1]))
    before = model.evaluate(batch, verbose=0)
    model.fit(batch.repeat(60), verbose=0)
    assert model.evaluate(batch, verbose=0) < 0.2 * before


@pytest.mark.slow
def test_learns_to_attend_the_one_frame_that_matters():
    """The target is the value of the marked frame, wherever it is; a uniform mean leaves a loss near 1."""
    rng = np.random.default_rng(0)
    marked = rng.integers(0, 12, size=512)
    x = rng.normal(size=(512, 12, 2)).astype("float32")
    x[..., 1] = np.arange(12) == marked[:, None]
    target = x[np.arange(512), marked, :1]
    t = np.cumsum(rng.uniform(0.02, 0.1, size=(512, 12)), axis=1).astype("float32")

    keras.utils.set_random_seed(0)
    inputs = [keras.Input((12, 2)), keras.Input((12,))]
    model = keras.Model(inputs, keras.layers.Dense(1)(LAN(16, 2, **ELAPSED)(inputs)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    history = model.fit([x, t], target, epochs=15, batch_size=64, verbose=0).history["loss"]
    assert history[-1] < 0.1


def test_exact_gradients_at_age_zero_are_finite():
    layer = built(8, 2, **ELAPSED)
    for gradient in gradients(layer, [X, np.zeros((3, 10))], layer.trainable_variables):
        assert np.isfinite(gradient).all()


def test_gradients_with_a_fully_masked_row_are_finite():
    layer = built(8, 2, **ELAPSED)
    mask = np.ones((3, 10), bool)
    mask[1] = False
    found = gradients(lambda inputs: layer(inputs, mask=mask), [X, T], layer.trainable_variables)
    assert all(np.isfinite(g).all() for g in found)
    assert not found[0][1].any()
    assert numpy(found[0][0]).any()


@pytest.mark.parametrize("options", [{}, {"learn_time_scale": True}, {"query_chunk": 4}], ids=str)
@pytest.mark.filterwarnings("ignore:Rematerialization")
def test_gradients_of_padding_as_old_as_the_epoch_are_finite(options):
    layer = built(8, 2, mode="euler", euler_steps=10, return_sequences=True, **ELAPSED, **options)
    mask = np.tile(np.arange(10) >= 3, (3, 1))
    times = np.where(mask, T + 1.7e9, 0.0)
    actual = gradients(lambda x: layer((x, times), mask=mask), [X], layer.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in actual)
