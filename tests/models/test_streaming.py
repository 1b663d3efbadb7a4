"""One step after the other against the whole sequence at once."""

import keras
import numpy as np
import pytest
from keras import ops

from models import streaming
from models.lan import LAN
from tests.models.lan_reference import built, features, numpy, time_stamps, twin

BATCH, STEPS, WINDOW = 3, 20, 8
X = features(BATCH, STEPS, 6)
T = time_stamps(BATCH, STEPS)
ELAPSED = {"horizon": "elapsed", "initial": "dot"}
HAS_FLOAT64 = keras.backend.backend() != "jax"
VARIANTS = {
    "policy": {**ELAPSED, "time_scale": 0.3},
    "learned": {**ELAPSED, "learn_time_scale": True, "gate_activation": "tanh"},
    "euler": {**ELAPSED, "mode": "euler", "euler_guard": True},
    "unguarded": {**ELAPSED, "mode": "euler"},
    "published": {},
    "steady": {"mode": "steady"},
}
parametrize = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())

pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")


def stream(layer, x, t, state=None, step=None):
    """Return the outputs of all steps, `(B, T, d_model)`, and the last state."""
    state = layer.initial_state(len(x), layer.window or x.shape[1]) if state is None else state
    outputs = []
    for i in range(x.shape[1]):
        output, state = (step or layer.step)(x[:, i], t[:, i], state)
        outputs.append(numpy(output))
    return np.stack(outputs, axis=1), state


@parametrize
@pytest.mark.parametrize("start", [0.0, 1.7e9])
def test_steps_equal_the_whole_sequence(options, start):
    if start and not HAS_FLOAT64:
        pytest.skip("Unix times need float64")
    layer = built(8, 2, window=WINDOW, return_sequences=True, **options)
    t = T + start if "horizon" in options else T
    streamed, _ = stream(layer, X, t)
    np.testing.assert_allclose(streamed, layer((X, t)), atol=1e-6)


def test_a_state_as_long_as_the_sequence_needs_no_window():
    layer = built(8, 2, return_sequences=True, **ELAPSED)
    np.testing.assert_allclose(stream(layer, X, T)[0], layer((X, T), use_causal_mask=True), atol=1e-6)


def test_last_step_equals_the_last_frames_alone():
    layer = built(8, 2, window=WINDOW, **ELAPSED)
    streamed, _ = stream(layer, X, T)
    np.testing.assert_allclose(streamed[:, -1], layer((X[:, -WINDOW:], T[:, -WINDOW:])), atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_steps_equal_the_whole_sequence_in_half_precision(policy):
    layer = built(8, 2, window=WINDOW, return_sequences=True, dtype=policy, **ELAPSED)
    streamed, state = stream(layer, X, T)
    whole = numpy(layer((X, T))).astype("float32")
    np.testing.assert_allclose(streamed.astype("float32"), whole, atol=0.02)
    assert keras.backend.standardize_dtype(state.features.dtype) == "float32"


def test_weights_of_a_step():
    layer = built(8, 2, window=WINDOW, return_attention=True, return_sequences=True, **ELAPSED)
    _, whole = layer((X, T))
    state = layer.initial_state(BATCH)
    for i in range(STEPS):
        (output, weights), state = layer.step(X[:, i], T[:, i], state)
        assert tuple(output.shape) == (BATCH, 8)
        assert tuple(weights.shape) == (BATCH, 2, 1, WINDOW)
        known = min(i + 1, WINDOW)
        expected = numpy(whole)[:, :, i, i + 1 - known : i + 1]
        np.testing.assert_allclose(numpy(weights)[:, :, 0, WINDOW - known :], expected, atol=1e-6)
        assert not numpy(weights)[:, :, 0, : WINDOW - known].any()


def test_one_time_for_all_samples():
    layer = built(8, 2, window=WINDOW, **ELAPSED)
    t = np.tile(T[:1], (BATCH, 1))
    shared, state = [], layer.initial_state(BATCH)
    for i in range(STEPS):
        output, state = layer.step(X[:, i], float(t[0, i]), state)
        shared.append(numpy(output))
    np.testing.assert_array_equal(np.stack(shared, axis=1), stream(layer, X, t)[0])


def test_rows_can_be_restarted_alone():
    layer = built(8, 2, window=WINDOW, **ELAPSED)
    _, state = stream(layer, X[:, :10], T[:, :10])
    restarted = np.array([[False], [True], [False]])
    partly = state._replace(times=ops.where(restarted, streaming.NEVER_S, state.times))
    after, _ = stream(layer, X[:, 10:], T[:, 10:], partly)
    going_on, _ = stream(layer, X[:, 10:], T[:, 10:], state)
    fresh, _ = stream(layer, X[:, 10:], T[:, 10:])
    np.testing.assert_array_equal(after[[0, 2]], going_on[[0, 2]])
    np.testing.assert_array_equal(after[1], fresh[1])
    assert np.abs(after[1, 0] - going_on[1, 0]).max() > 1e-3


@parametrize
def test_a_loop_over_tensors_carries_the_state(options):
    layer = built(8, 2, window=WINDOW, **options)
    x, t = ops.convert_to_tensor(X), ops.convert_to_tensor(T)

    def step(i, _, state):
        output, state = layer.step(ops.take(x, i, axis=1), ops.take(t, i, axis=1), state)
        return i + 1, output, state

    start = (0, ops.zeros((BATCH, 8)), layer.initial_state(BATCH))
    _, last, _ = ops.while_loop(lambda i, *_: i < STEPS, step, start)
    np.testing.assert_allclose(numpy(last), stream(layer, X, T)[0][:, -1], atol=1e-6)


def test_push_drops_the_oldest_key():
    state = streaming.empty_state(batch=1, heads=2, window=3, features=5 + 4, key_dim=4, dtype="float32")
    for number in range(1, 5):
        one = streaming.KeyMemory(
            keys=np.full((1, 2, 4, 1), number, "float32"),
            values=np.full((1, 2, 1, 4), 10 * number, "float32"),
            terms=np.full((1, 2, 5, 1), 100 * number, "float32"),
            times=np.full((1, 1), number, "float64"),
            valid=None,
        )
        state = state.push(one)
        known = min(number, 3)
        valid = state.memory(terms=5, dtype="float32").valid
        np.testing.assert_array_equal(numpy(valid)[0], np.arange(3) >= 3 - known)
    memory = state.memory(terms=5, dtype="float32")
    np.testing.assert_array_equal(numpy(memory.keys)[0, 0, 0], [2, 3, 4])
    np.testing.assert_array_equal(numpy(memory.values)[0, 0, :, 0], [20, 30, 40])
    np.testing.assert_array_equal(numpy(memory.terms)[0, 0, 0], [200, 300, 400])
    np.testing.assert_array_equal(numpy(memory.times), [[2, 3, 4]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compiles with TensorFlow")
@pytest.mark.parametrize("jit", [False, True])
def test_compiles_once_with_fixed_shapes(jit):
    import tensorflow as tf

    layer = built(8, 2, window=WINDOW, return_sequences=True, **ELAPSED)
    t = T + 1.7e9
    state = layer.initial_state(BATCH)
    signature = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), state)
    step = tf.function(
        layer.step,
        input_signature=[tf.TensorSpec((BATCH, 6)), tf.TensorSpec((BATCH,), tf.float64), signature],
        jit_compile=jit,
    )
    streamed, last = stream(layer, X, t, state, step)
    np.testing.assert_allclose(streamed, layer((X, t)), atol=1e-6)
    assert step.experimental_get_tracing_count() == 1
    assert tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), last) == signature


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="differentiates with TensorFlow")
@parametrize
def test_gradients_are_finite_where_keys_are_missing(options):
    import tensorflow as tf

    layer = built(8, 2, window=WINDOW, **options)
    with tf.GradientTape() as tape:
        output, state = layer.step(X[:, 0], T[:, 0], layer.initial_state(BATCH))
        output = output + layer.step(X[:, 1], T[:, 1], state)[0]
    gradients = tape.gradient(output, [v.value for v in layer.trainable_variables])
    assert all(np.isfinite(numpy(g)).all() for g in gradients if g is not None)


def test_refuses_what_it_cannot_stream():
    with pytest.raises(ValueError, match="Build layer"):
        LAN(8, 2, window=4).initial_state(1)
    layer = built(8, 2)
    with pytest.raises(ValueError, match=r"Received: window=None, layer\.window=None"):
        layer.initial_state(1)
    for window in (0, 2.5):
        with pytest.raises(ValueError, match=f"window must be a positive integer. Received: window={window}"):
            layer.initial_state(1, window)
    with pytest.raises(ValueError, match=r"Received: window=5, layer\.window=4"):
        twin(layer, window=4).initial_state(1, 5)
    with pytest.raises(ValueError, match=r"Received: shape \(3, 20, 6\)"):
        layer.step(X, 0.0, layer.initial_state(BATCH, 4))
    with pytest.raises(ValueError, match=r"x of shape \(3, 6\), a state of 2 sequences"):
        layer.step(X[:, 0], 0.0, layer.initial_state(2, 4))
    with pytest.raises(ValueError, match=r"\(\) or \(B,\), where B=3\. Received: shape \(4,\)"):
        layer.step(X[:, 0], np.zeros(4), layer.initial_state(BATCH, 4))
    with pytest.raises(ValueError, match="Build layer 'fresh'"):
        LAN(8, 2, name="fresh").step(X[:, 0], 0.0, layer.initial_state(BATCH, 4))
