"""Short drives beside the recorded line, with the advice that leads back to it at every frame."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.preprocessing import Preprocessing
from sim_bridges.udacity.path import DrivenPath
from sim_bridges.udacity.replay.scene import Scene
from sim_bridges.udacity.vehicle import Pose
from training.arrays import save_arrays, saved_arrays
from training.udacity.expert import LOOK_AHEAD_M, advise

LONGEST_SHARE = 0.9
"""A drive is at most this share of the line ahead of it long, since it may cut the corners."""


@dataclass(frozen=True, slots=True)
class Drives:
    """D short drives of T frames each.

    Attributes:
        images: Inputs of the network, uint8, shape `(D, T, height, width, 3)`.
        times_s: Moments of the frames in seconds, shape `(D, T)`.
        steering: The expert's advice, -1..1, shape `(D, T)`.
        mirrored: The advice for the mirror images of the frames, shape `(D, T)`.
        poses: Metres to the east and to the north and heading in radians, shape `(D, T, 3)`.
    """

    images: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    steering: NDArray[np.float32]
    mirrored: NDArray[np.float32]
    poses: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Iterable["Drives"], count: int) -> "Drives":
        """Returns the drives of all parts, `count` together, of which no two have to be in memory at once."""
        whole: dict[str, Any] = {}
        begin = 0
        for part in parts:
            if not whole:
                whole = {name: np.empty((count, *x.shape[1:]), x.dtype) for name, x in part.arrays().items()}
            end = begin + len(part.times_s)
            for name, array in part.arrays().items():
                whole[name][begin:end] = array
            begin = end
        return cls(**whole)

    def arrays(self) -> dict[str, Any]:
        """Returns the arrays by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def load(cls, path: Path) -> "Drives":
        """Reads drives.

        Raises:
            UserError: The file holds none.
        """
        with saved_arrays(path) as arrays:
            return cls(*(arrays[f.name] for f in fields(cls)))

    def save(self, path: Path) -> None:
        """Writes the drives; a reader sees all of them or none."""
        save_arrays(path, **self.arrays())


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How far drives get from the line.

    Attributes:
        offset_m: Standard deviation of the offset at the start.
        most_offset_m: The largest one.
        turn_rad: Standard deviation of the turn at the start.
        most_turn_rad: The largest one.
        steering: Standard deviation of the steering error while driving.
        lasting_s: How long such an error lasts.
        speeds_mps: Slowest and fastest speed.
        intervals_s: Shortest and longest mean interval between frames.
        jitter: Largest deviation of an interval, as a share of the mean.
    """

    offset_m: float = 0.9
    most_offset_m: float = 2.8
    turn_rad: float = 0.12
    most_turn_rad: float = 0.45
    steering: float = 0.12
    lasting_s: float = 0.6
    speeds_mps: tuple[float, float] = (4.0, 13.4)
    intervals_s: tuple[float, float] = (0.02, 0.12)
    jitter: float = 0.3


def roll_out(
    scene: Scene,
    preprocessing: Preprocessing,
    odds: NDArray[np.float64],
    frames: int,
    random: np.random.Generator,
    right_of_centre_m: float = 0.0,
    disturbance: Disturbance | None = None,
) -> Drives:
    """Returns one drive from a place drawn at random.

    Who keeps to the right does so on a mirrored road too. The mirror image of the recorded line lies as far
    to the left of the road's centre as the line to the right, so the advice for it leads to a line beside it.
    One half of the drives follow the recorded line, the other half the mirror image's. A drive that would get
    so far that the advice aims beyond the end of the line is slowed down.

    Args:
        scene: The recorded stretch.
        preprocessing: From a camera frame to the network's input.
        odds: Probability for each frame of the recording that the drive begins there; none where the line
            ahead is shorter than the advice looks.
        frames: Frames of the drive.
        random: Source of randomness.
        right_of_centre_m: How far to the right of the road's centre the recorded line lies.
        disturbance: How far the drive gets from the line.
    """
    disturbance = disturbance or Disturbance()
    times_s = _times_s(frames, disturbance, random)
    errors = _steering_errors(times_s, disturbance, random)
    index = int(random.choice(len(odds), p=odds))
    offset_m = np.clip(random.normal(0, disturbance.offset_m), *_both(disturbance.most_offset_m))
    turn_rad = np.clip(random.normal(0, disturbance.turn_rad), *_both(disturbance.most_turn_rad))
    pose = scene.path.pose(index).moved(float(offset_m), 0.0, float(turn_rad))
    fastest_mps = _fastest_mps(scene.path, index, times_s[-1] - times_s[0])
    speed_mps = min(random.uniform(*disturbance.speeds_mps), fastest_mps)
    sides_m = (0.0, -2 * right_of_centre_m)
    followed = int(random.integers(len(sides_m)))
    images, advice, poses = [], [], []
    for interval_s, error in zip(np.diff(times_s, append=times_s[-1]), errors, strict=True):
        index = scene.path.nearest(pose, index)
        _, ahead_m, _ = pose.seen_from(scene.path.pose(index))
        distance_m = float(scene.path.distance_m[index]) + ahead_m
        wanted = [advise(scene.path, pose, distance_m, beside_m=side_m) for side_m in sides_m]
        images.append(preprocessing(scene.frame(pose, index)))
        advice.append(wanted)
        poses.append(_as_tuple(pose))
        pose = pose.steered(float(np.clip(wanted[followed] + error, -1, 1)), float(speed_mps * interval_s))
    return Drives(
        np.array([images], np.uint8),
        times_s[None],
        np.array([advice], np.float32)[..., 0],
        -np.array([advice], np.float32)[..., 1],
        np.array([poses], np.float32),
    )


def _times_s(frames: int, disturbance: Disturbance, random: np.random.Generator) -> NDArray[np.float64]:
    mean_s = np.exp(random.uniform(*np.log(disturbance.intervals_s)))
    jitter = random.uniform(-disturbance.jitter, disturbance.jitter, frames)
    return np.cumsum(mean_s * (1 + jitter))


def _steering_errors(
    times_s: NDArray[np.float64], disturbance: Disturbance, random: np.random.Generator
) -> NDArray[np.float64]:
    """Returns errors that wander about zero: an Ornstein-Uhlenbeck process at these moments."""
    kept = np.exp(-np.diff(times_s, prepend=times_s[0]) / disturbance.lasting_s)
    draws = random.normal(0, disturbance.steering, len(times_s))
    errors = np.empty(len(times_s))
    error = draws[0]
    for index, (share, draw) in enumerate(zip(kept, draws, strict=True)):
        error = share * error + np.sqrt(1 - share**2) * draw
        errors[index] = error
    return errors


def _fastest_mps(path: DrivenPath, index: int, duration_s: float) -> float:
    """Returns the speed at which a drive from a frame on ends where the advice still aims at the line."""
    room_m = path.distance_m[-1] - path.distance_m[index] - LOOK_AHEAD_M
    return float(LONGEST_SHARE * room_m / duration_s)


def _both(limit: float) -> tuple[float, float]:
    return -limit, limit


def _as_tuple(pose: Pose) -> tuple[float, float, float]:
    return pose.x_m, pose.y_m, pose.heading_rad
