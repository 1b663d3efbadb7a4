"""Finds the rows of a recording in which the car is not driven along a road."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.vehicle import BICYCLE

STANDING = "standing"
REVERSING = "reversing"
U_TURN = "U-turn"
DUPLICATE = "duplicate"
BACK_IN_TIME = "back in time"

STANDING_MPS = 0.5
STEP_MAX_S = 0.6

_TIGHT_STEERING = 0.6
_TIGHT_SPEED_MPS = 8.0
_TIGHT_TURN_RAD = float(np.radians(45))
_STRAIGHT_STEERING = 0.1

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """What is looked at, each of shape `(N,)`.

    Attributes:
        time_s: Moments of the frames in seconds.
        steering: -1 to 1.
        throttle: 0 to 1.
        brake: 0 to 1.
        speed_mps: Speed in metres per second.
        checksums: Checksums of the center images' files.
    """

    time_s: Floats
    steering: Floats
    throttle: Floats
    brake: Floats
    speed_mps: Floats
    checksums: NDArray[np.int64]


def suspicious_rows(columns: Columns) -> dict[str, Mask]:
    """Returns for each kind of row that is no driving which rows are of that kind, shape `(N,)`.

    - standing: slower than 0.5 m/s.
    - reversing: after a standstill the car moved off with the brake, which is the simulator's reverse gear,
      and until it stands, drives off with the throttle, or the recording was interrupted.
    - U-turn: steered hard and slowly through 45 degrees or more, until the wheels are straight again.
    - duplicate: the time of the row before, or the same image although the car moved.
    - back in time: earlier than the row before.
    """
    standing = columns.speed_mps < STANDING_MPS
    return {
        STANDING: standing,
        REVERSING: _reversing(columns, standing),
        U_TURN: _u_turns(columns),
        DUPLICATE: _duplicates(columns, standing),
        BACK_IN_TIME: np.diff(columns.time_s, prepend=columns.time_s[:1]) < 0,
    }


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Returns first and stop of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]


def _reversing(columns: Columns, standing: Mask) -> Mask:
    found = np.zeros(len(standing), bool)
    goes_on = rows_that_follow(columns.time_s)
    for first, stop in _unbroken_runs(~standing, goes_on):
        if goes_on[first] and standing[first - 1] and columns.brake[first] > 0:
            # The standstill may not have been recorded. In reverse, the throttle makes no car faster.
            faster = np.diff(columns.speed_mps[first:stop], prepend=np.inf) > 0
            forwards = np.flatnonzero(faster & (columns.throttle[first:stop] > 0))
            found[first : first + forwards[0] if len(forwards) else stop] = True
    return found


def rows_that_follow(time_s: Floats) -> Mask:
    """Returns which rows follow the row before without an interruption of the recording."""
    step_s = np.diff(time_s)
    return np.concatenate([[False], (step_s >= 0) & (step_s <= STEP_MAX_S)])


def _unbroken_runs(mask: Mask, goes_on: Mask) -> Iterator[tuple[int, int]]:
    """Yields first and stop of each run of true values, cut where the recording was interrupted."""
    for first, stop in runs(mask):
        cuts = first + 1 + np.flatnonzero(~goes_on[first + 1 : stop])
        yield from itertools.pairwise([first, *map(int, cuts), stop])


def _u_turns(columns: Columns) -> Mask:
    tight = (np.abs(columns.steering) >= _TIGHT_STEERING) & (columns.speed_mps < _TIGHT_SPEED_MPS)
    goes_on = rows_that_follow(columns.time_s)
    step_s = np.append(np.where(goes_on[1:], np.diff(columns.time_s), 0.0), 0.0)
    curvature_per_m = np.abs(BICYCLE.curvature_per_m(columns.steering))
    turned = np.where(tight, curvature_per_m * columns.speed_mps * step_s, 0.0)
    found = np.zeros(len(tight), bool)
    steered = np.abs(columns.steering) >= _STRAIGHT_STEERING
    for first, stop in _unbroken_runs(steered, goes_on):
        found[first:stop] = turned[first:stop].sum() >= _TIGHT_TURN_RAD
    return found


def _duplicates(columns: Columns, standing: Mask) -> Mask:
    same_time = np.diff(columns.time_s) == 0
    same_image = (np.diff(columns.checksums) == 0) & ~standing[1:]
    return np.concatenate([[False], same_time | same_image])
