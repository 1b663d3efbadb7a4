"""What networks say about a frame: commands, one of five actions, or steering alone; and how wrong it is."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from sim_bridges.carracing.environment import DISCRETE_COMMANDS, as_action

Tensor = Any

OFFERED = np.stack([as_action(command) for command in DISCRETE_COMMANDS])


def command_head(hidden: Tensor) -> Tensor:
    """Returns steering in -1..1, gas and brake in 0..1, as `LanDriver` does."""
    steering = keras.layers.Dense(1, activation="tanh")(hidden)
    return ops.concatenate([steering, keras.layers.Dense(2, activation="sigmoid")(hidden)], axis=-1)


def action_head(hidden: Tensor) -> Tensor:
    """Returns a logit for each action."""
    return keras.layers.Dense(len(OFFERED))(hidden)


def steering_head(hidden: Tensor) -> Tensor:
    """Returns steering in -1..1."""
    return keras.layers.Dense(1, activation="tanh")(hidden)


def as_it_is(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the command that outputs of `command_head` are."""
    return outputs


def likeliest(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the command of the action with the largest logit."""
    return np.asarray(OFFERED[np.argmax(logits, axis=-1)])


def action_loss(commands: Tensor, logits: Tensor) -> Tensor:
    """Returns the cross entropy of the actions that commands are, one value for each frame: `(B, T)`."""
    return keras.losses.sparse_categorical_crossentropy(_actions(commands), logits, from_logits=True)


def squared_error(wanted: Tensor, given: Tensor) -> Tensor:
    """Returns the squared error, one value for each frame: `(B, T)`."""
    return ops.mean(ops.square(wanted - given), axis=-1)


def cross_entropy(commands: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    """Returns the mean cross entropy of frames."""
    return float(np.mean(ops.convert_to_numpy(action_loss(commands, logits))))


def right_actions(commands: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    """Returns the share of frames with the right action in percent."""
    right = ops.convert_to_numpy(_actions(commands)) == np.argmax(logits, axis=-1)
    return float(100 * np.mean(right))


def mean_squared(wanted: NDArray[np.float32], given: NDArray[np.float32]) -> float:
    """Returns the mean squared error."""
    return float(np.mean(np.square(wanted - given)))


def mean_absolute(wanted: NDArray[np.float32], given: NDArray[np.float32]) -> float:
    """Returns the mean absolute error."""
    return float(np.mean(np.abs(wanted - given)))


def explained(wanted: NDArray[np.float32], given: NDArray[np.float32]) -> float:
    """Returns R2, the share of the targets' variance that is explained."""
    return float(1 - np.sum(np.square(wanted - given)) / np.sum(np.square(wanted - np.mean(wanted))))


def _actions(commands: Tensor) -> Tensor:
    """Returns the number of the action nearest to each command."""
    distances = ops.sum(ops.square(commands[..., None, :] - ops.convert_to_tensor(OFFERED)), axis=-1)
    return ops.argmin(distances, axis=-1)
