"""Cuts a recording into stretches of continuous driving, and finds the rows that are none."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.recording.reading import Recording
from sim_bridges.udacity.vehicle import path_curvature

GAP_S = 0.6
STANDING_MPS = 0.5
SEGMENT_MIN_ROWS = 10

TIGHT_STEERING = 0.6
TIGHT_SPEED_MPS = 8.0
TIGHT_TURN_RAD = float(np.radians(45))
STRAIGHT_STEERING = 0.1

STANDING = "standing"
REVERSING = "reversing"
U_TURN = "U-turn"
DUPLICATE = "duplicate"

Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]


def segments(recording: Recording) -> list[Indices]:
    """Returns the stretches of continuous driving, each as the indices of its rows.

    A stretch ends at a gap in time, and where the car stands, reverses or turns round. A duplicate is left
    out without ending it. Stretches of less than ten rows are left out.
    """
    if len(recording) == 0:
        return []
    found = suspicious(recording)
    ends = found[STANDING] | found[REVERSING] | found[U_TURN]
    driven = np.flatnonzero(~found[DUPLICATE])
    step_s = np.diff(recording.time_s[driven])
    cuts = (step_s <= 0) | (step_s > GAP_S) | (np.diff(ends[driven].astype(int)) != 0)
    stretches = np.split(driven, np.flatnonzero(cuts) + 1)
    return [s for s in stretches if not ends[s[0]] and len(s) >= SEGMENT_MIN_ROWS]


def suspicious(recording: Recording) -> Mapping[str, Mask]:
    """Returns for each kind of row that is no driving which rows are of that kind.

    - standing: slower than 0.5 m/s.
    - reversing: after a standstill the car moved off with the brake, which is the simulator's reverse gear.
    - U-turn: steered hard and slowly through 45 degrees or more, until the wheels are straight again.
    - duplicate: the time of the row before, or the same image although the car moved.
    """
    standing = recording.speed_mps < STANDING_MPS
    return {
        STANDING: standing,
        REVERSING: _reversing(recording, standing),
        U_TURN: _u_turns(recording),
        DUPLICATE: _duplicates(recording, standing),
    }


def _reversing(recording: Recording, standing: Mask) -> Mask:
    found = np.zeros(len(recording), bool)
    for first, stop in runs(~standing):
        found[first:stop] = first > 0 and recording.brake[first] > 0
    return found


def _u_turns(recording: Recording) -> Mask:
    tight = (np.abs(recording.steering) >= TIGHT_STEERING) & (recording.speed_mps < TIGHT_SPEED_MPS)
    step_s = np.clip(np.diff(recording.time_s, append=recording.time_s[-1]), 0.0, GAP_S)
    turned = np.where(tight, np.abs(path_curvature(recording.steering)) * recording.speed_mps * step_s, 0.0)
    found = np.zeros(len(recording), bool)
    for first, stop in runs(np.abs(recording.steering) >= STRAIGHT_STEERING):
        found[first:stop] = turned[first:stop].sum() >= TIGHT_TURN_RAD
    return found


def _duplicates(recording: Recording, standing: Mask) -> Mask:
    same_time = np.diff(recording.time_s) == 0
    same_image = (np.diff(recording.checksums) == 0) & ~standing[1:]
    return np.concatenate([[False], same_time | same_image])


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Returns first and stop of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]
