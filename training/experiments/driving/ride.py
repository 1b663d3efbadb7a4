"""Cars that drive side by side, so that one network decides for all of them at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.exported import NO_AGE_S
from sim_bridges.frame_loss import FrameLoss
from training.carracing.recipe import PREPROCESSING
from training.carracing.simulator import OnDemandCarRacing
from training.experiments.driving.window_driver import WindowDriver


@dataclass(frozen=True, slots=True)
class RideScores:
    """How the rides of one network went.

    Attributes:
        scores: The environment's score on each track.
        laps: For each track whether the lap was completed.
    """

    scores: list[float]
    laps: list[bool]


class Ride:
    """One car on one track; frames get lost as in `sim_bridges.carracing.environment.CarRacing`.

    It draws the frames that arrive alone, each equal to the stock picture.

    Args:
        seed: The track, and which frames get lost.
        drop_share: Share of the frames that get lost; the first one never does.
        limit: Most steps.

    Attributes:
        frame: The network's input where a frame arrived, else None.
        time_s: Moment of the newest frame in simulator seconds.
        score: Sum of the rewards.
        finished: Whether the ride is over.
    """

    def __init__(self, seed: int, drop_share: float, limit: int) -> None:
        self._loss = FrameLoss(drop_share, seed)
        self._left = limit
        self._command = np.zeros(3, np.float32)
        self.environment = OnDemandCarRacing()
        self.environment.drawing = True
        image, _ = self.environment.reset(seed=seed)
        self.score, self.finished = 0.0, False
        self._observe(image)

    @property
    def lap_complete(self) -> bool:
        """Whether all tiles of the track were visited."""
        return bool(self.environment.tile_visited_count == len(self.environment.track))

    def tell(self, command: NDArray[np.float32]) -> None:
        """Gives the command that holds until the next one."""
        self._command = command

    def advance(self) -> None:
        """Drives for one frame, 0.02 s."""
        self.environment.drawing = not self._loss.next()
        image, reward, self.finished, _, _ = self.environment.step(self._command)
        self.score, self._left = self.score + float(reward), self._left - 1
        self.finished = self.finished or self._left == 0
        self._observe(image)
        if self.finished:
            self.environment.close()

    def _observe(self, image: NDArray[np.uint8] | None) -> None:
        self.frame = None if image is None else PREPROCESSING(image)
        if image is not None:
            self.time_s = self.environment.t


class Driver:
    """A network at the wheel of many cars.

    Args:
        network: The network.
        command: From the outputs of one frame to steering, gas and brake.
    """

    def __init__(self, network: WindowDriver, command: Callable[[Any], Any]) -> None:
        self._command = command
        self._memory_shape = (network.window - 1, network.features)
        self._step = tf.function(network.step, autograph=False).get_concrete_function(
            tf.TensorSpec((None, PREPROCESSING.height, PREPROCESSING.width, 3), "uint8"),
            tf.TensorSpec((None, *self._memory_shape), "float32"),
            tf.TensorSpec((None, self._memory_shape[0]), "float32"),
        )

    def drive(self, rides: list[Any]) -> None:
        """Drives all rides to their ends."""
        features = np.zeros((len(rides), *self._memory_shape), np.float32)
        times_s = np.full((len(rides), self._memory_shape[0]), np.nan)
        while going := [place for place, ride in enumerate(rides) if not ride.finished]:
            seeing = [place for place in going if rides[place].frame is not None]
            if seeing:
                now_s = np.array([rides[place].time_s for place in seeing])[:, None]
                ages_s = np.nan_to_num(now_s - times_s[seeing], nan=NO_AGE_S).astype(np.float32)
                frames = np.stack([rides[place].frame for place in seeing])
                outputs, newest = self._step(
                    tf.constant(frames), tf.constant(features[seeing]), tf.constant(ages_s)
                )
                features[seeing] = np.concatenate([features[seeing][:, 1:], newest[:, None]], axis=1)
                times_s[seeing] = np.concatenate([times_s[seeing][:, 1:], now_s], axis=1)
                for place, output in zip(seeing, outputs.numpy(), strict=True):
                    rides[place].tell(np.asarray(self._command(output), np.float32))
            for place in going:
                rides[place].advance()


def ride_all(driver: Driver, tracks: range, drop_share: float, limit: int) -> RideScores:
    """Drives the tracks with a share of lost frames."""
    rides = [Ride(track, drop_share, limit) for track in tracks]
    driver.drive(rides)
    return RideScores([ride.score for ride in rides], [ride.lap_complete for ride in rides])
