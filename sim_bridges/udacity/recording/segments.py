"""Cuts a recording into stretches of continuous driving."""

import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.recording.reading import Recording
from sim_bridges.udacity.recording.suspicious import DUPLICATE, REVERSING, STANDING, STEP_MAX_S, U_TURN

SEGMENT_MIN_ROWS = 10


def segments(recording: Recording) -> list[NDArray[np.int64]]:
    """Returns the stretches of continuous driving, each as the indices of its rows.

    A stretch ends at a gap of more than 0.6 s, and where the car stands, reverses or turns round. A duplicate
    is left out without ending it. Stretches of less than ten rows are left out.
    """
    if len(recording) == 0:
        return []
    found = recording.suspicious
    ends = found[STANDING] | found[REVERSING] | found[U_TURN]
    driven = np.flatnonzero(~found[DUPLICATE])
    step_s = np.diff(recording.time_s[driven])
    cuts = (step_s <= 0) | (step_s > STEP_MAX_S) | (np.diff(ends[driven].astype(int)) != 0)
    stretches = np.split(driven, np.flatnonzero(cuts) + 1)
    return [s for s in stretches if not ends[s[0]] and len(s) >= SEGMENT_MIN_ROWS]
