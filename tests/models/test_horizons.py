"""The arrangement of time and the elapsed horizon."""

import keras
import numpy as np
import pytest
from keras import ops

from models import horizons


@pytest.mark.parametrize(
    ("shape", "arranged"),
    [
        ((), (1, 1)),
        ((3,), (3, 1)),
        ((1, 7), (1, 7)),
        ((3, 7), (3, 7)),
        ((3, 1), (3, 1)),
    ],
)
def test_factors_are_per_sample_or_per_key(shape, arranged):
    assert horizons.per_key(np.ones(shape), batch=3, keys=7).shape == arranged


@pytest.mark.parametrize("batch", [4, None])
def test_a_vector_as_long_as_the_keys_is_per_sample(batch):
    assert horizons.per_key(np.ones(4), batch=batch, keys=4).shape == (4, 1)


def test_a_vector_of_one_value_a_key_is_refused():
    message = r"\(B,\), \(1, S\) or \(B, S\), where B=3, S=7\. Received: shape \(7,\)"
    with pytest.raises(ValueError, match=message):
        horizons.per_key(np.ones(7), batch=3, keys=7)


def test_a_vector_of_unknown_length_is_per_sample():
    t = keras.KerasTensor((None,))
    assert horizons.per_key(t, batch=None, keys=7).shape == (None, 1)


def test_time_of_other_ranks_is_refused():
    with pytest.raises(ValueError, match=r"Received: shape \(2, 3, 4\)"):
        horizons.per_key(np.ones((2, 3, 4)), 2, 3)
    with pytest.raises(ValueError, match=r"shape \(B, T\) or \(T,\).* Received: shape \(\)"):
        horizons.per_step(np.float64(1.0), 2, 3)


def test_shared_time_stamps_get_a_batch_axis():
    assert horizons.per_step(np.ones(7), 3, 7).shape == (1, 7)
    assert horizons.per_step(np.ones((3, 7)), 3, 7).shape == (3, 7)


def test_elapsed_is_the_time_from_key_to_query():
    times = np.array([[0.0, 0.5, 2.0]])
    seconds = ops.convert_to_numpy(horizons.elapsed(times, times, "float32"))
    np.testing.assert_array_equal(seconds, [[[[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [2.0, 1.5, 0.0]]]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs int64")
@pytest.mark.parametrize("dtype", ["uint8", "uint32", "uint64", "int32", "int64"])
def test_integers_do_not_wrap(dtype):
    largest = np.iinfo(dtype).max
    times = ops.convert_to_tensor(np.array([[largest - 3, largest]], dtype))
    times = horizons.per_step(times, 1, 2)
    seconds = ops.convert_to_numpy(horizons.elapsed(times, times, "float32"))
    np.testing.assert_array_equal(seconds, [[[[0.0, 0.0], [3.0, 0.0]]]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs int64")
def test_integers_far_apart_do_not_wrap():
    times = ops.convert_to_tensor(np.array([[0, 2**33]], "int64"))
    seconds = ops.convert_to_numpy(horizons.elapsed(times, times, "float32"))
    np.testing.assert_array_equal(seconds, [[[[0.0, 0.0], [2.0**33, 0.0]]]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs float64")
def test_elapsed_keeps_its_digits_at_unix_times():
    # Multiples of 2^-20 s have exact differences, also at 1.7e9 s.
    times = np.cumsum(np.random.default_rng(0).integers(1, 2**18, size=(2, 50)), axis=1) / 2**20
    near, far = (
        ops.convert_to_numpy(horizons.elapsed(ops.convert_to_tensor(t), ops.convert_to_tensor(t), "float32"))
        for t in (times, times + 1.7e9)
    )
    np.testing.assert_array_equal(near, far)
