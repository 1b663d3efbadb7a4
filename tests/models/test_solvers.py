"""The closed forms against float64 and against the theory of the equation."""

import functools

import hypothesis.extra.numpy as hnp
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from models import solvers

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


def powers_of_ten(low, high):
    """Arrays of 32 positive float32 numbers, spread evenly over their orders of magnitude."""
    exponents = hnp.arrays(np.float64, 32, elements=st.floats(low, high))
    return exponents.map(lambda e: (10.0**e).astype(np.float32))


PHI = hnp.arrays(np.float32, 32, elements=st.floats(0.0009765625, 0.9990234375, width=32))
START = hnp.arrays(np.float32, 32, elements=st.floats(-50, 50, width=32))
TAU = powers_of_ten(-6, 3)
HORIZON = powers_of_ten(-4, 3)


def numpy(x):
    return ops.convert_to_numpy(x)


def exact64(phi, tau, horizon, initial=0.0):
    phi, tau, horizon = (np.asarray(x, np.float64) for x in (phi, tau, horizon))
    return initial * np.exp(-tau * horizon) - phi / tau * np.expm1(-tau * horizon)


@SETTINGS
@given(PHI, TAU, HORIZON)
def test_exact_keeps_float32_precision(phi, tau, horizon):
    np.testing.assert_allclose(
        numpy(solvers.exact(phi, tau, horizon)), exact64(phi, tau, horizon), rtol=4e-7, atol=0
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compiles with TensorFlow's XLA")
@SETTINGS
@given(PHI, TAU, HORIZON)
def test_exact_keeps_float32_precision_compiled(phi, tau, horizon):
    logits = compiled_exact()(phi, tau, horizon).numpy()
    np.testing.assert_allclose(logits, exact64(phi, tau, horizon), rtol=4e-7, atol=0)


@functools.cache
def compiled_exact():
    import tensorflow as tf

    return tf.function(solvers.exact, jit_compile=True)


@SETTINGS
@given(PHI, TAU, HORIZON, START)
def test_exact_with_initial_logit(phi, tau, horizon, start):
    expected = exact64(phi, tau, horizon, start)
    actual = numpy(solvers.exact(phi, tau, horizon, start))
    scale = np.abs(start) + exact64(phi, tau, horizon)
    assert np.all(np.abs(actual - expected) <= 4e-7 * scale)


@SETTINGS
@given(PHI, TAU, HORIZON)
def test_exact_stays_between_zero_and_its_limits(phi, tau, horizon):
    logit = numpy(solvers.exact(phi, tau, horizon))
    assert np.all(logit >= 0)
    assert np.all(logit <= phi / tau * (1 + 2e-7))
    assert np.all(logit <= phi * horizon * (1 + 4e-7))


@SETTINGS
@given(PHI, TAU, HORIZON, st.floats(1.001, 100.0))
def test_exact_grows_with_the_horizon(phi, tau, horizon, factor):
    earlier = numpy(solvers.exact(phi, tau, horizon))
    later = numpy(solvers.exact(phi, tau, (horizon * factor).astype(np.float32)))
    assert np.all(later >= earlier * (1 - 2e-7))


@SETTINGS
@given(PHI, TAU, HORIZON, START)
def test_exact_is_a_semigroup(phi, tau, horizon, start):
    horizon = np.minimum(horizon, 10 / tau)
    first = solvers.exact(phi, tau, np.float32(0.3) * horizon, start)
    twice = numpy(solvers.exact(phi, tau, horizon, first))
    once = numpy(solvers.exact(phi, tau, np.float32(1.3) * horizon, start))
    scale = np.abs(start) + exact64(phi, tau, 1.3 * horizon)
    assert np.all(np.abs(twice - once) <= 2e-6 * scale)


def test_exact_at_zero_is_the_initial_logit():
    start = np.float32([-3.7, 0.0, 12.25])
    logit = numpy(solvers.exact(np.float32(0.4), np.float32(1e-6), np.zeros(3, np.float32), start))
    np.testing.assert_array_equal(logit, start)


@SETTINGS
@given(PHI, TAU, START)
def test_exact_is_steady_after_seventeen_time_constants(phi, tau, start):
    logit = numpy(solvers.exact(phi, tau, np.float32(17.5) / tau, start))
    limit = numpy(solvers.steady(phi, tau))
    assert np.all(np.abs(logit - limit) <= 2e-7 * (limit + np.abs(start)))


@SETTINGS
@given(PHI, TAU, HORIZON)
def test_distance_to_steady_decays_exponentially(phi, tau, horizon):
    limit = numpy(solvers.steady(phi, tau))
    distance = np.abs(numpy(solvers.exact(phi, tau, horizon)) - limit)
    decay = np.exp(-tau.astype(np.float64) * horizon)
    assert np.all(distance <= limit * (decay * (1 + 4e-7) + 4e-7))


def test_exact_survives_extreme_horizons():
    logit = numpy(solvers.exact(*map(ops.convert_to_tensor, (0.5, [1e-6, 1.0, 1e6], 1e38, 9.0))))
    np.testing.assert_allclose(logit, [5e5, 0.5, 5e-7], rtol=1e-6)


@SETTINGS
@given(PHI, TAU, HORIZON, START, st.integers(1, 33))
def test_euler_doubling_equals_the_loop(phi, tau, horizon, start, steps):
    horizon = np.minimum(horizon, steps / tau)
    step = (horizon / steps).astype(np.float32)
    looped = start.astype(np.float64)
    for _ in range(steps):
        looped = looped + step.astype(np.float64) * (phi - tau.astype(np.float64) * looped)
    actual = numpy(solvers.euler(phi, tau, step, steps, start))
    assert np.all(np.abs(actual - looped) <= 1e-5 * (np.abs(start) + exact64(phi, tau, horizon)))


def test_euler_is_of_first_order():
    phi, tau, horizon = np.float64(0.7), np.float64(1.3), 1.0
    errors = np.array(
        [
            float(numpy(solvers.euler(phi, tau, horizon / n, n))) - exact64(phi, tau, horizon)
            for n in (16, 32, 64, 128)
        ]
    )
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2.0, atol=0.1)


@SETTINGS
@given(PHI, powers_of_ten(-2, 2), st.floats(0.01, 1.0), st.integers(1, 40))
def test_euler_lies_between_exact_and_steady(phi, tau, step_tau, steps):
    # In float64, as the theory knows no rounding; `step` is the horizon of a single step.
    phi, tau = phi.astype(np.float64), tau.astype(np.float64)
    step = step_tau / tau
    whole = steps * step
    z = tau * whole
    error = numpy(solvers.euler(phi, tau, step, steps)) - exact64(phi, tau, whole)
    assert np.all(error >= -1e-12 * phi / tau)
    assert np.all(numpy(solvers.euler(phi, tau, step, steps)) <= phi / tau * (1 + 1e-12))
    bound = phi * step / 2 * z * np.exp(-z) * np.exp(step * tau)
    assert np.all(error <= bound * (1 + 1e-9) + 1e-12 * phi / tau)


@SETTINGS
@given(PHI, TAU, HORIZON, START, st.integers(1, 64))
def test_guarded_euler_never_leaves_its_start_and_limit(phi, tau, step, start, steps):
    logit = numpy(solvers.euler(phi, tau, step, steps, start, guarded=True))
    limit = phi / tau
    slack = 1e-5 * (np.abs(start) + limit)
    assert np.all(logit >= np.minimum(start, limit) - slack)
    assert np.all(logit <= np.maximum(start, limit) + slack)


def test_unguarded_euler_diverges_beyond_two_time_constants():
    arguments = np.float32(0.5), np.float32(10.0), np.float32(0.3), 40
    assert abs(float(numpy(solvers.euler(*arguments)))) > 1e6
    assert float(numpy(solvers.euler(*arguments, guarded=True))) == pytest.approx(0.05)
