import keras
import numpy as np
import pytest

from models.driver import LanDriver
from tests.small_checkpoint import small_network


@pytest.fixture(scope="module")
def network():
    return small_network()


def drive(batch: int, length: int):
    random = np.random.default_rng(length)
    frames = random.integers(0, 256, (batch, length, 16, 16, 3)).astype(np.uint8)
    return frames, np.cumsum(random.uniform(0.02, 0.2, (batch, length)), axis=1)


def sequence(frames, times_s):
    """The network's inputs for whole drives."""
    intervals_s = np.diff(times_s, axis=1, prepend=times_s[:, :1])
    return {"frames": frames, "times_s": times_s - times_s[:, -1:], "intervals_s": intervals_s}


def test_commands_are_in_bounds(network):
    frames, times_s = drive(3, 9)
    commands = keras.ops.convert_to_numpy(network(sequence(frames, times_s)))
    assert commands.shape == (3, 9, 3)
    assert (np.abs(commands) <= 1).all()
    assert (commands[..., 1:] >= 0).all()


def test_driving_frame_by_frame_equals_training_on_sequences(network):
    frames, times_s = drive(2, 11)
    together = keras.ops.convert_to_numpy(network(sequence(frames, times_s)))
    state = network.initial_state(2)
    for index in range(11):
        # Time stamps as the clock gives them, far from zero.
        commands, state = network.step(frames[:, index], 1.7e9 + times_s[:, index], state)
        np.testing.assert_allclose(commands, together[:, index], atol=2e-6)


def test_a_clock_that_steps_back_breaks_nothing(network):
    frames, _ = drive(1, 4)
    state = network.initial_state(1)
    for index, time_s in enumerate([100.0, 100.1, 91.0, 91.1]):
        commands, state = network.step(frames[:, index], np.array([time_s]), state)
        assert np.isfinite(commands).all()


def test_decisions_depend_on_real_time(network):
    frames, times_s = drive(1, 6)
    one = network(sequence(frames, times_s))
    other = network(sequence(frames, 3 * times_s))
    assert np.abs(np.asarray(one) - np.asarray(other)).max() > 1e-5


def test_every_weight_gets_a_gradient(network):
    import tensorflow as tf

    frames, times_s = drive(2, 6)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(network(sequence(frames, times_s)) - 0.3))
    gradients = tape.gradient(loss, network.trainable_variables)
    dead = [
        variable.path
        for variable, gradient in zip(network.trainable_variables, gradients, strict=True)
        if gradient is None or not np.any(np.asarray(gradient))
    ]
    assert not dead


def test_rebuilt_from_its_configuration(network):
    again = LanDriver.from_config(network.get_config())
    again.build()
    again.set_weights(network.get_weights())
    frames, times_s = drive(1, 5)
    inputs = sequence(frames, times_s)
    np.testing.assert_array_equal(network(inputs), again(inputs))
