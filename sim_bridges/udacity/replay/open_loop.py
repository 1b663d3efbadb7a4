"""How near a policy's steering comes to the recorded one, with no say in where the car goes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.interface import Observation, Policy
from sim_bridges.udacity.recording import Recording, segments


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Errors of a steering of -1..1 on recorded frames.

    Attributes:
        frames: How many frames.
        mse: Mean squared error.
        mae: Mean absolute error.
        r2: 1 - mse / variance of the recorded steering: 0 for a policy as good as the mean.
        mean_mse: Mean squared error of always predicting the mean.
        mean_mae: Mean absolute error of it.
    """

    frames: int
    mse: float
    mae: float
    r2: float
    mean_mse: float
    mean_mae: float


def open_loop(policy: Policy, recording: Recording) -> OpenLoop:
    """Returns the errors on all stretches of continuous driving; each begins a new drive of the policy."""
    given: list[float] = []
    recorded: list[NDArray[np.float64]] = []
    for part in segments(recording):
        stretch = recording.take(part)
        policy.reset()
        for index in range(len(stretch)):
            observation = Observation(stretch.image(index), float(stretch.time_s[index]))
            given.append(policy.act(observation).steering)
        recorded.append(stretch.steering)
    return errors(np.array(given), np.concatenate(recorded))


def errors(given: NDArray[np.float64], recorded: NDArray[np.float64]) -> OpenLoop:
    """Returns the errors of a steering against the recorded one, shape `(N,)` each."""
    mse = float(np.mean((given - recorded) ** 2))
    spread = recorded - recorded.mean()
    variance = float(np.mean(spread**2))
    return OpenLoop(
        frames=len(recorded),
        mse=mse,
        mae=float(np.mean(np.abs(given - recorded))),
        r2=1 - mse / variance if variance else 0.0,
        mean_mse=variance,
        mean_mae=float(np.mean(np.abs(spread))),
    )
