"""The layer's outputs: the published behaviour, and the properties that ours adds."""

import warnings

import keras
import numpy as np
import pytest

from models import call_inputs
from models.lan import LAN
from tests.models.lan_reference import built, features, numpy, pairwise, softmax_attention, time_stamps, twin

X = features(3, 10, 6)
T = time_stamps(3, 10)
ELAPSED = {"horizon": "elapsed", "initial": "dot"}
HAS_FLOAT64 = keras.backend.backend() != "jax"
VARIANTS = {
    "exact": {},
    "steady": {"mode": "steady", "tau_epsilon": 0.1},
    "euler": {"mode": "euler"},
    "no_bias": {"use_bias": False},
    "gate_activation": {"gate_activation": "tanh"},
}
TIMED_VARIANTS = {
    "exact": {**ELAPSED, "time_scale": 0.3},
    "zero": {"horizon": "elapsed"},
    "euler": {**ELAPSED, "mode": "euler", "euler_guard": True},
    "learned": {**ELAPSED, "learn_time_scale": True, "gate_activation": "tanh"},
}


def parametrize(variants):
    return pytest.mark.parametrize("options", variants.values(), ids=variants.keys())


# The published behaviour


@parametrize(VARIANTS)
def test_equals_the_published_pairwise_form(options):
    layer = built(8, 2, return_sequences=True, return_attention=True, **options)
    output, weights = layer(X)
    expected_output, expected_weights = pairwise(layer)(X)
    np.testing.assert_allclose(output, expected_output, atol=1e-6)
    np.testing.assert_allclose(weights, expected_weights, atol=1e-6)


@pytest.mark.parametrize("t", [0.0, 0.25, 3.0])
def test_time_is_a_factor_of_the_gated_horizon(t):
    layer = built(8, 2, return_sequences=True)
    np.testing.assert_allclose(layer((X, t)), pairwise(layer)(X, t=t)[0], atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the reference needs float64")
def test_keeps_float32_precision_with_large_weights():
    layer = built(8, 2, return_sequences=True, scale=3.0)
    exact, _ = pairwise(layer, dtype="float64")(X.astype("float64"))
    error = np.abs(numpy(layer(X)) - numpy(exact)).max()
    assert error < 1e-5
    assert np.abs(numpy(pairwise(layer)(X)[0]) - numpy(exact)).max() > 3 * error


def test_returns_the_last_step_by_default():
    layer = built(8, 2, activation="elu")
    full = keras.ops.elu(pairwise(layer)(X)[0])
    np.testing.assert_allclose(layer(X), full[:, -1], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 4 * (6 * 8 + 8) + 2 * 8 + (8 * 64 + 64) + (64 + 1) + (8 * 32 + 32) + (32 + 1) + 2 * (8 + 1)),
        ({"use_bias": False}, 4 * 6 * 8 + 2 * 8 + 8 * 64 + (64 + 1) + 8 * 32 + 32 + 2 * (8 + 1)),
        (
            {"phi_hidden": 10},
            4 * (6 * 8 + 8) + 2 * 8 + (8 * 10 + 10) + (10 + 1) + (8 * 5 + 5) + (5 + 1) + 2 * 9,
        ),
        (ELAPSED, 4 * (6 * 8 + 8) + 2 * 8 + (8 * 64 + 64) + (64 + 1) + (8 * 32 + 32) + (32 + 1)),
        (
            {**ELAPSED, "learn_time_scale": True},
            4 * (6 * 8 + 8) + 2 * 8 + (8 * 64 + 64) + (64 + 1) + (8 * 32 + 32) + (32 + 1) + 2,
        ),
    ],
)
def test_counts_of_weights(options, count):
    layer = built(8, 2, **options)
    assert layer.count_params() == count


def test_weights_of_the_published_driving_model():
    layer = LAN(d_model=100, num_heads=20, activation="elu")
    layer.build((None, 64, 18))
    shapes = {
        name: tuple(getattr(layer, name).kernel.shape)
        for name in ("q_dense", "out_dense", "phi_in", "phi_out", "tau_in", "tau_out", "time_a", "time_b")
    }
    assert shapes == {
        "q_dense": (18, 100),
        "out_dense": (100, 100),
        "phi_in": (10, 64),
        "phi_out": (64, 1),
        "tau_in": (10, 32),
        "tau_out": (32, 1),
        "time_a": (10, 1),
        "time_b": (10, 1),
    }


# Shapes and forms of input


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("attention", [False, True])
def test_output_shapes(sequences, attention):
    layer = built(8, 2, return_sequences=sequences, return_attention=attention)
    computed = layer.compute_output_shape((3, 10, 6))
    output = layer(X)
    symbolic = layer(keras.Input((10, 6)))
    if attention:
        assert [tuple(o.shape) for o in output] == list(computed)
        assert [tuple(s.shape[1:]) for s in symbolic] == [tuple(c[1:]) for c in computed]
        assert tuple(output[1].shape) == (3, 2, 10, 10)
    else:
        assert tuple(output.shape) == computed
        assert tuple(symbolic.shape[1:]) == computed[1:]
    assert (computed[0] if attention else computed) == ((3, 10, 8) if sequences else (3, 8))


def test_cross_attention_of_other_length_and_features():
    layer = LAN(8, 2, return_sequences=True, return_attention=True)
    inputs = [features(3, 4, 5), features(3, 7, 6), features(3, 7, 9)]
    output, weights = layer(inputs)
    assert tuple(output.shape) == (3, 4, 8)
    assert tuple(weights.shape) == (3, 2, 4, 7)
    shapes = layer.compute_output_shape([x.shape for x in inputs])
    assert shapes == ((3, 4, 8), (3, 2, 4, 7))


@pytest.mark.parametrize("options", [{}, ELAPSED], ids=["gate", "elapsed"])
def test_four_inputs_equal_two(options):
    layer = built(8, 2, **options)
    np.testing.assert_array_equal(layer((X, X, X, T)), layer((X, T)))


@pytest.mark.parametrize(
    "t",
    [
        2.5,
        np.full(3, 2.5),
        np.full((1, 10), 2.5),
        np.full((3, 10), 2.5),
        np.full((3, 1), 2.5),
        [[2.5] * 10] * 3,
    ],
    ids=["scalar", "B", "1,S", "B,S", "B,1", "list"],
)
def test_forms_of_the_time_factor(t):
    layer = built(8, 2)
    np.testing.assert_allclose(layer((X, t)), pairwise(layer)(X, t=2.5)[0][:, -1], atol=1e-6)


def test_time_factor_of_each_sample_and_each_key():
    layer = built(8, 2, return_sequences=True)
    per_sample = np.array([0.5, 1.0, 4.0], "float32")
    alone = np.concatenate([layer((X[i : i + 1], float(t))) for i, t in enumerate(per_sample)])
    np.testing.assert_allclose(layer((X, per_sample)), alone, atol=1e-6)

    per_key = np.linspace(0.1, 3, 10).astype("float32")[None]
    shuffled = np.random.default_rng(0).permutation(10)
    straight = numpy(layer((X, per_key)))
    np.testing.assert_allclose(
        layer((X[:, shuffled], per_key[:, shuffled])), straight[:, shuffled], atol=1e-6
    )
    assert np.abs(straight - numpy(layer(X))).max() > 1e-4


def test_shared_time_stamps():
    layer = built(8, 2, **ELAPSED)
    np.testing.assert_array_equal(layer((X, T[0])), layer((X, np.tile(T[0], (3, 1)))))


# Evaluation


@parametrize({**VARIANTS, "causal": {"window": 4}})
def test_last_query_alone_equals_all_queries(options):
    layer = built(8, 2, **options)
    np.testing.assert_allclose(layer(X), twin(layer, return_sequences=True)(X)[:, -1], atol=1e-6)


@parametrize(VARIANTS)
def test_last_query_alone_ignores_padding(options):
    layer, mask = built(8, 2, **options), np.ones((3, 10), bool)
    mask[1, :4] = mask[2] = False
    every_query = twin(layer, return_sequences=True)(X, mask=mask)
    np.testing.assert_allclose(layer(X, mask=mask), every_query[:, -1], atol=1e-6)


def test_last_query_alone_equals_all_queries_of_quantized_projections():
    layer = built(8, 2)
    for projection in (layer.k_dense, layer.v_dense):
        projection.quantize("int8")
    last = layer(X)
    layer.return_sequences = True
    np.testing.assert_allclose(last, layer(X)[:, -1], atol=1e-6)


@parametrize(TIMED_VARIANTS)
def test_last_query_alone_equals_all_queries_timed(options):
    layer = built(8, 2, window=4, **options)
    np.testing.assert_allclose(layer((X, T)), twin(layer, return_sequences=True)((X, T))[:, -1], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Rematerialization")
@parametrize({**TIMED_VARIANTS, "window": {**ELAPSED, "window": 4}})
@pytest.mark.parametrize("size", [1, 4, 5, 100])
def test_chunks_of_queries_change_nothing(options, size):
    layer = built(8, 2, return_sequences=True, return_attention=True, **options)
    mask = features(3, 10, 10) > -0.5
    for whole, chunked in zip(
        layer((X, T), attention_mask=mask),
        twin(layer, query_chunk=size)((X, T), attention_mask=mask),
        strict=True,
    ):
        np.testing.assert_allclose(chunked, whole, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Rematerialization")
def test_chunks_with_one_mask_row_for_all_queries():
    layer = built(8, 2, return_sequences=True)
    mask = features(3, 1, 10) > 0
    whole = layer(X, attention_mask=mask)
    np.testing.assert_allclose(twin(layer, query_chunk=4)(X, attention_mask=mask), whole, atol=1e-6)


@pytest.mark.parametrize("size", [None, 4])
def test_an_empty_sequence_gives_an_empty_one(size):
    layer = built(8, 2, return_sequences=True, return_attention=True, query_chunk=size)
    output, weights = layer(X[:, :0])
    assert tuple(output.shape) == (3, 0, 8)
    assert tuple(weights.shape) == (3, 2, 0, 0)


@parametrize(TIMED_VARIANTS)
def test_a_sample_does_not_depend_on_its_batch_mates(options):
    layer = built(8, 2, return_sequences=True, **options)
    together = numpy(layer((X, T)))
    alone = np.concatenate([layer((X[i : i + 1], T[i : i + 1])) for i in range(3)])
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_weights_sum_to_one_and_dropout_only_trains():
    layer = built(8, 2, dropout=0.5, return_attention=True)
    output, weights = layer(X)
    np.testing.assert_allclose(numpy(weights).sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(layer(X)[0], output)
    assert np.abs(numpy(layer(X, training=True)[0]) - numpy(output)).max() > 1e-3


# Elapsed time


def test_at_age_zero_it_is_softmax_attention():
    layer = built(8, 2, return_sequences=True, return_attention=True, **ELAPSED)
    output, weights = layer((X, np.full((3, 10), 5.0)))
    expected_output, expected_weights = softmax_attention(layer, X)
    np.testing.assert_allclose(weights, expected_weights, atol=2e-7)
    np.testing.assert_allclose(output, expected_output, atol=1e-6)


def test_at_infinite_age_it_is_the_steady_mode():
    layer = built(8, 2, tau_epsilon=0.1, **ELAPSED)
    steady = twin(layer, mode="steady")
    # The last query sees itself at age zero; without it all keys are infinitely old.
    past = np.array([[True] * 9 + [False]] * 3)
    ages = np.array([0.0] * 9 + [1e9])
    np.testing.assert_allclose(layer((X, ages), mask=past), steady(X, mask=past), atol=1e-6)


def test_steady_mode_needs_no_time():
    layer = built(8, 2, mode="steady", **ELAPSED)
    np.testing.assert_array_equal(layer((X, T)), layer(X))
    np.testing.assert_array_equal(layer((X, T[0])), layer(X))


@pytest.mark.skipif(not HAS_FLOAT64, reason="Unix times need float64")
@pytest.mark.parametrize("shift", [1.7e9, -3600.0])
@parametrize(TIMED_VARIANTS)
def test_shift_of_all_time_stamps_changes_nothing(options, shift):
    layer = built(8, 2, return_sequences=True, **options)
    np.testing.assert_array_equal(layer((X, T + shift)), layer((X, T)))


@pytest.mark.skipif(not HAS_FLOAT64, reason="Unix times need float64")
def test_unix_times_pass_a_keras_input_of_float64():
    x, t = keras.Input((10, 6)), keras.Input((10,), dtype="float64")
    model = keras.Model([x, t], LAN(8, 2, **ELAPSED)((x, t)))
    near, far = (model([keras.ops.convert_to_tensor(x) for x in (X, t)]) for t in (T, T + 1.7e9))
    np.testing.assert_array_equal(far, near)


def test_padding_time_stamps_cost_no_precision():
    layer = built(8, 2, **ELAPSED)
    mask = np.array([[False] * 3 + [True] * 7] * 3)
    padded = np.where(mask, T, 0.0)
    np.testing.assert_array_equal(layer((X, padded), mask=mask), layer((X, T), mask=mask))


def test_time_scale_is_the_unit_of_time():
    layer = built(8, 2, **ELAPSED)
    np.testing.assert_allclose(twin(layer, time_scale=4.0)((X, 4.0 * T)), layer((X, T)), atol=1e-6)


def test_learned_time_scale_starts_at_the_given_one():
    fixed = built(8, 2, time_scale=0.3, **ELAPSED)
    learned = LAN.from_config({**fixed.get_config(), "learn_time_scale": True})
    learned.build((None, None, 6))
    learned.set_weights([numpy(learned.log_time_scale), *fixed.get_weights()])
    np.testing.assert_allclose(learned((X, T)), fixed((X, T)), atol=1e-6)


def test_new_layer_halves_the_initial_logit_in_one_time_scale():
    layer = LAN(8, 2, time_scale=0.5, **ELAPSED)
    calm = 1e-3 * X
    layer((calm, T))
    seen = layer.inspect((calm, T))
    np.testing.assert_allclose(np.exp(-numpy(seen.tau)), 0.5, atol=2e-3)
    age = T[:, None, :, None] - T[:, None, None, :]
    np.testing.assert_allclose(numpy(seen.horizon), np.broadcast_to(np.maximum(age, 0) / 0.5, (3, 2, 10, 10)))


# Masks


@parametrize(TIMED_VARIANTS)
def test_future_changes_nothing_before_it(options):
    layer = built(8, 2, return_sequences=True, **options)
    changed_x, changed_t = X.copy(), T.copy()
    changed_x[:, 6:] += 10
    changed_t[:, 6:] += 3
    before = numpy(layer((X, T), use_causal_mask=True))
    after = numpy(layer((changed_x, changed_t), use_causal_mask=True))
    np.testing.assert_array_equal(after[:, :6], before[:, :6])
    assert np.abs(after[:, 6:] - before[:, 6:]).max() > 1e-2


@parametrize(TIMED_VARIANTS)
def test_masked_keys_never_matter(options):
    layer = built(8, 2, **options)
    mask = np.ones((3, 10), bool)
    mask[0, :4] = mask[1, 2::2] = False
    mask[:, -1] = True
    changed = np.where(mask[..., None], X, 1e3).astype("float32")
    np.testing.assert_array_equal(layer((changed, T), mask=mask), layer((X, T), mask=mask))
    assert np.abs(numpy(layer((changed, T))) - numpy(layer((X, T)))).max() > 1e-2


def test_masked_keys_are_as_good_as_absent():
    layer = built(8, 2, **ELAPSED)
    mask = np.arange(10) >= np.full((3, 1), 4)
    np.testing.assert_allclose(layer((X, T), mask=mask), layer((X[:, 4:], T[:, 4:])), atol=1e-6)


def test_causal_mask_and_window_equal_attention_masks():
    layer = built(8, 2, return_sequences=True)
    causal = np.tri(10, dtype=bool)
    np.testing.assert_array_equal(layer(X, use_causal_mask=True), layer(X, attention_mask=causal))
    window = causal & ~np.tri(10, k=-4, dtype=bool)
    np.testing.assert_array_equal(twin(layer, window=4)(X), layer(X, attention_mask=window))


def test_forms_of_the_attention_mask():
    layer = built(8, 2, return_sequences=True)
    mask = features(10, 10) > -0.5
    expected = layer(X, attention_mask=mask)
    for shape in ((3, 10, 10), (3, 2, 10, 10)):
        np.testing.assert_array_equal(layer(X, attention_mask=np.broadcast_to(mask, shape)), expected)


def test_masks_combine():
    layer = built(8, 2, return_sequences=True)
    padding, pairs = features(3, 10) > -1, features(3, 10, 10) > -1
    together = pairs & padding[:, None, :] & np.tri(10, dtype=bool)
    np.testing.assert_array_equal(
        layer(X, mask=padding, attention_mask=pairs, use_causal_mask=True),
        layer(X, attention_mask=together),
    )


@parametrize(VARIANTS)
def test_query_without_keys_attends_nothing(options):
    layer = built(8, 2, return_sequences=True, return_attention=True, **options)
    mask = np.ones((3, 10), bool)
    mask[1] = False
    output, weights = layer(X, mask=mask)
    assert not numpy(weights)[1].any()
    bias = numpy(layer.out_dense.bias) if layer.use_bias else np.zeros(8)
    np.testing.assert_array_equal(numpy(output)[1], np.tile(bias, (10, 1)))
    assert np.isfinite(numpy(output)).all()


@pytest.mark.skipif(keras.backend.backend() == "numpy", reason="NumPy arrays carry no masks")
def test_keras_masks_reach_the_keys_and_pass_on():
    x = X.copy()
    x[:, :3] = 0
    masked = keras.layers.Masking()(x)
    mask = np.tile(np.arange(10) >= 3, (3, 1))
    layer = built(8, 2, return_sequences=True, return_attention=True)
    output, weights = layer(masked)
    assert not numpy(weights)[..., :3].any()
    np.testing.assert_array_equal(output._keras_mask, mask)
    assert getattr(weights, "_keras_mask", None) is None
    last = twin(layer, return_sequences=False, return_attention=False)
    np.testing.assert_array_equal(last(masked), last(x, mask=mask))
    assert getattr(last(masked), "_keras_mask", None) is None


@pytest.mark.skipif(keras.backend.backend() == "numpy", reason="NumPy arrays carry no masks")
def test_keras_masks_count_beside_an_attention_mask():
    x = X.copy()
    x[:, :3] = 0
    masked = keras.layers.Masking()(x)
    pairs = features(3, 10, 10) > -1
    layer = built(8, 2, return_sequences=True)
    both = pairs & (np.arange(10) >= 3)
    np.testing.assert_array_equal(layer(masked, attention_mask=pairs), layer(x, attention_mask=both))


def test_keras_masks_of_several_inputs():
    x, y = X.copy(), X.copy()
    x[:, :3] = y[:, 5:7] = 0
    query, key, value = X, keras.layers.Masking()(x), keras.layers.Masking()(y)
    layer = built(8, 2, return_sequences=True)
    mask = np.tile((np.arange(10) >= 3) & ~np.isin(np.arange(10), (5, 6)), (3, 1))
    expected = layer([X, x, y], mask=mask)
    np.testing.assert_array_equal(layer([query, key, value]), expected)
    np.testing.assert_array_equal(layer([query, key, value, np.float32(1.0)]), expected)
    assert layer.compute_mask([X, x, y], mask) is None


# Inspection, precision, warnings


@parametrize({**VARIANTS, **{f"elapsed_{name}": options for name, options in TIMED_VARIANTS.items()}})
def test_inspection_explains_the_weights(options):
    layer = built(8, 2, return_attention=True, **options)
    inputs = (X, T) if "horizon" in options else X
    _, weights = layer(inputs, use_causal_mask=True)
    seen = layer.inspect(inputs, use_causal_mask=True)
    np.testing.assert_array_equal(seen.weights, weights)
    phi, tau, logits = map(numpy, (seen.phi, seen.tau, seen.logits))
    assert phi.shape == tau.shape == logits.shape == (3, 2, 10, 10)
    assert np.all((phi > 0) & (phi < 1))
    assert np.all(tau > 0)
    allowed = np.where(np.tri(10, dtype=bool), np.exp(logits), 0)
    np.testing.assert_allclose(weights, allowed / allowed.sum(axis=-1, keepdims=True), atol=1e-6)
    if layer.mode == "exact":
        h = numpy(seen.horizon).astype("float64")
        assert h.shape == (3, 2, 10, 10)
        if layer.initial == "zero":
            np.testing.assert_allclose(logits, phi / tau * -np.expm1(-tau * h), rtol=1e-5, atol=1e-7)
    elif layer.horizon == "gate":
        assert seen.horizon is None


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@parametrize({"gate": {}, **TIMED_VARIANTS})
def test_half_precision_keeps_full_gates_and_softmax(policy, options):
    layer = built(8, 2, return_attention=True, **options)
    half = twin(layer, dtype=policy)
    inputs = (X, T + 1e6) if HAS_FLOAT64 and "horizon" in options else (X, T)
    output, weights = half(inputs)
    expected_output, expected_weights = layer(inputs)
    assert keras.backend.standardize_dtype(output.dtype) == half.compute_dtype
    assert keras.backend.standardize_dtype(weights.dtype) == "float32"
    symbolic = half([keras.KerasTensor((3, 10, 6)), keras.KerasTensor((3, 10), dtype="float64")])
    assert [x.dtype for x in symbolic] == [half.compute_dtype, "float32"]
    assert {keras.backend.standardize_dtype(w.dtype) for w in half.weights} == {"float32"}
    np.testing.assert_allclose(numpy(weights).sum(axis=-1), 1, atol=1e-6)
    digits = 2.0 ** (-7 if policy == "mixed_bfloat16" else -10)
    np.testing.assert_allclose(weights, expected_weights, atol=4 * digits)
    np.testing.assert_allclose(numpy(output).astype("float32"), expected_output, atol=8 * digits)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"initial": "dot"}, {"use_bias": False}])
def test_computes_and_trains_inside_a_half_precision_model(policy, options):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input(X.shape[1:])
        model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(LAN(8, 2, **options)(inputs)))
    finally:
        keras.config.set_dtype_policy(before)
    model.compile("sgd", "mse")
    history = model.fit(X, np.zeros(model(X).shape), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(numpy(model(X))).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients by TensorFlow's tape")
def test_chunks_have_finite_gradients_wherever_the_origin_of_time_lies():
    import tensorflow as tf

    layer = LAN(
        8,
        2,
        mode="euler",
        horizon="elapsed",
        initial="dot",
        return_sequences=True,
        query_chunk=4,
        euler_guard=False,
    )
    x, times = tf.constant(X[:, :6]), tf.constant(-1e9 + 0.05 * np.arange(6.0)[None].repeat(len(X), 0))
    layer([x, times])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer([x, times]) ** 2)
    for gradient in tape.gradient(loss, layer.trainable_weights, unconnected_gradients="zero"):
        assert np.isfinite(gradient).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a graph of unknown lengths")
def test_chunks_take_one_mask_row_of_unknown_length():
    import tensorflow as tf

    layer = LAN(8, 2, return_sequences=True, query_chunk=16)
    x = np.random.default_rng(0).normal(size=(2, 70, 3)).astype("float32")
    mask = np.random.default_rng(1).random((2, 1, 70)) < 0.7
    expected = layer(x, attention_mask=mask)
    shapes = [tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, None, None), tf.bool)]
    compiled = tf.function(lambda x, mask: layer(x, attention_mask=mask), input_signature=shapes)
    np.testing.assert_allclose(compiled(x, mask), expected, atol=1e-5)


def test_a_single_key_warns_once_and_says_why():
    layer = LAN(8, 2)
    with pytest.warns(UserWarning, match="softmax of one logit is 1"):
        layer(X[:, :1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(X[:, :1])
        LAN(8, 2)(X[:, :2])


def test_a_window_of_one_warns_too():
    with pytest.warns(UserWarning, match="softmax of one logit is 1"):
        LAN(8, 2, window=1)(X)


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "multiple of num_heads. Received: d_model=8, num_heads=3"),
        ({"d_model": 0}, "d_model must be a positive integer. Received: d_model=0"),
        ({"d_model": 8.0}, "d_model must be a positive integer. Received: d_model=8.0"),
        ({"num_heads": True}, "Received: num_heads=True"),
        ({"euler_steps": 2.5}, "Received: euler_steps=2.5"),
        ({"phi_hidden": "64"}, "Received: phi_hidden='64'"),
        ({"delta_t": float("inf")}, "delta_t must be positive and finite. Received: delta_t=inf"),
        ({"mode": "fast"}, "mode must be one of 'exact', 'euler', 'steady'. Received: mode='fast'"),
        ({"horizon": "late"}, "Received: horizon='late'"),
        ({"initial": "one"}, "Received: initial='one'"),
        ({"euler_steps": 0}, "Received: euler_steps=0"),
        ({"tau_epsilon": 0.0}, "Received: tau_epsilon=0.0"),
        ({"window": 0}, "Received: window=0"),
        ({"query_chunk": -1}, "Received: query_chunk=-1"),
        ({"time_scale": 2.0}, "horizon='elapsed'. Received: horizon='gate', time_scale=2.0"),
        ({"horizon": "elapsed", "time_scale": float("nan")}, "Received: time_scale=nan"),
        ({"learn_time_scale": True}, "learn_time_scale=True"),
        ({"query_chunk": 4, "dropout": 0.1}, "Received: query_chunk=4, dropout=0.1"),
    ],
)
def test_constructor_refuses(options, message):
    with pytest.raises(ValueError, match=r"(?s)" + message.replace(".", r"\.")):
        LAN(**{"d_model": 8, "num_heads": 2, **options})


def test_chunks_refuse_an_activation_whose_weights_they_could_not_train():
    with pytest.raises(ValueError, match=r"Received: query_chunk=4, gate_activation=<PReLU"):
        LAN(8, 2, query_chunk=4, gate_activation=keras.layers.PReLU())


def test_counts_may_be_numpy_integers():
    layer = LAN(np.int64(8), np.int32(2), window=np.uint8(4))
    assert tuple(layer(X).shape) == (3, 8)


@pytest.mark.parametrize(
    ("options", "inputs", "message"),
    [
        ({}, X[0], r"Received: query of shape \(10, 6\)"),
        ({}, X[:, :0], r"no last one to return\. Received: query of shape \(3, 0, 6\)"),
        ({}, [X, X, X, X, X], "Received: 5 inputs"),
        ({}, (X, np.ones((2, 2, 2))), r"Received: shape \(2, 2, 2\)"),
        (ELAPSED, X, "needs time stamps.* Received: no t"),
        (ELAPSED, (X, 1.0), r"Received: shape \(\)"),
        (ELAPSED, (X, T[:, :9]), r"t \(3, 9\)"),
        (ELAPSED, (X, X[:, :9], X[:, :9], T), r"query \(3, 10, 6\), key \(3, 9, 6\)"),
        (ELAPSED, (X, np.ones((4, 10))), r"\(B, T\) or \(T,\), where B=3, T=10\. Received: shape \(4, 10\)"),
        ({}, (X, np.ones((3, 9))), r"where B=3, S=10\. Received: shape \(3, 9\)"),
        ({}, (X, np.ones(4)), r"where B=3, S=10\. Received: shape \(4,\)"),
        ({}, (X, X, X[:, :9]), r"key and value the same length\. Received: .*value of shape \(3, 9, 6\)"),
        ({}, (X[:, :1], X[:, :1], X[:, :5]), r"key and value the same length\. Received: "),
        ({}, (X, X[:2], X[:2]), r"same batch size.* Received: .*key of shape \(2, 10, 6\)"),
    ],
)
def test_call_refuses(options, inputs, message):
    with pytest.raises(ValueError, match=message):
        LAN(8, 2, **options)(inputs)
    symbolic = [keras.KerasTensor(np.shape(x)) for x in call_inputs.as_list(inputs)]
    with pytest.raises(ValueError, match=message):
        LAN(8, 2, **options)(symbolic)
    layer = built(8, 2, **options)
    with pytest.raises(ValueError, match=message):
        layer.inspect(inputs)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (
            {"mask": np.ones((3, 9), bool)},
            r"mask must .*\(B, S\), where B=3, S=10\. Received: shape \(3, 9\)",
        ),
        ({"mask": [[True] * 10] * 3}, r"mask must be a tensor or an array\. Received: a list"),
        ({"attention_mask": [[True] * 10] * 10}, r"attention_mask must be a tensor or an array\."),
        ({"mask": np.ones((3, 10, 1), bool)}, r"Received: shape \(3, 10, 1\)"),
        ({"attention_mask": np.ones((10, 9), bool)}, r"S=10, T=10, H=2\. Received: shape \(10, 9\)"),
        ({"attention_mask": np.ones(10, bool)}, r"attention_mask must .* Received: shape \(10,\)"),
    ],
)
def test_call_refuses_masks(masks, message):
    for layer in (LAN(8, 2), LAN(8, 2, return_sequences=True)):
        with pytest.raises(ValueError, match=message):
            layer(X, **masks)


def test_a_time_in_the_place_of_the_mask_is_refused():
    with pytest.raises(ValueError, match=r"pass \(x, t\) as one tuple\. Received: a mask of float"):
        LAN(8, 2)(X, T)


def test_what_is_to_be_added_to_logits_is_refused_as_a_mask():
    with pytest.raises(ValueError, match=r"adds nothing\. Received: a mask of float32"):
        LAN(8, 2)(X, attention_mask=np.where(np.tri(10), 0.0, -1e9).astype("float32"))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs int64")
@pytest.mark.parametrize("dtype", ["uint8", "uint32", "int8", "int64"])
def test_time_stamps_of_integers_are_the_same_in_chunks(dtype):
    whole = built(8, 2, horizon="elapsed", initial="dot", return_sequences=True)
    chunked = built(8, 2, horizon="elapsed", initial="dot", return_sequences=True, query_chunk=4)
    chunked.set_weights(whole.get_weights())
    seconds = (np.arange(10) * 12).astype(dtype)
    np.testing.assert_allclose(chunked((X, seconds)), whole((X, seconds.astype("float64"))), atol=1e-6)


@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8"])
def test_masks_of_integers_are_welcome(dtype):
    layer, mask = built(8, 2), np.arange(10) >= np.full((3, 1), 4)
    np.testing.assert_array_equal(layer(X, mask=mask.astype(dtype)), layer(X, mask=mask))


def test_inspection_takes_arrays_and_numbers():
    layer = built(8, 2)
    np.testing.assert_array_equal(
        layer.inspect((X, 2.0)).weights, layer.inspect((X, np.full(3, 2.0))).weights
    )


def test_inspection_needs_weights():
    with pytest.raises(ValueError, match="Build layer 'fresh' or call it once"):
        LAN(8, 2, name="fresh").inspect(X)


@pytest.mark.parametrize(("name", "value"), [("mode", "euler"), ("mode", "steady"), ("tau_epsilon", 0.5)])
def test_a_setting_that_is_changed_later_counts_as_the_configuration_says(name, value):
    layer = built(8, 2, return_sequences=True)
    before = numpy(layer(X))
    setattr(layer, name, value)
    other = LAN.from_config(layer.get_config())
    other.build(X.shape)
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(X), other(X))
    assert np.abs(numpy(layer(X)) - before).max() > 1e-4
