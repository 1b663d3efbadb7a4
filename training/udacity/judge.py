"""How well a network drives in closed loop, in harder light than it was recorded in."""

import math
from collections.abc import Sequence
from pathlib import Path

from controller.pixel_policy import load_policy_factory
from sim_bridges.udacity.dialect import MPS_PER_MPH
from sim_bridges.udacity.recording import Recording, segments
from sim_bridges.udacity.replay.direct import drive_directly
from sim_bridges.udacity.replay.light import Light
from sim_bridges.udacity.replay.metrics import score
from sim_bridges.udacity.replay.world import World, WorldOptions
from sim_bridges.udacity.settings import session_settings

SPEED_MPS = 25 * MPS_PER_MPH
INTERVENTION_COSTS_M = 3.0
"""What an intervention in a kilometre adds to the mean distance."""

OPTIONS = WorldOptions(
    start_offset_m=1.0,
    start_heading_rad=-0.1,
    start_speed_mps=SPEED_MPS,
    light=Light(brightness=0.8, noise=3.0, shadow=0.5),
)


def judge(weights: Path, recordings: Sequence[Recording]) -> float:
    """Returns the mean distance from the line in metres, with a surcharge for interventions.

    Args:
        weights: The network's weights.
        recordings: What to drive along, at 25 mph, by the service's own session on simulated time.
    """
    policy = load_policy_factory(weights)()
    settings = session_settings(SPEED_MPS)
    drives = [
        drive_directly(World(recording.take(part), OPTIONS), policy, settings)
        for recording in recordings
        for part in segments(recording)
    ]
    reached = score(drives)
    if not reached.finished:
        return math.inf
    return reached.mean_distance_m + INTERVENTION_COSTS_M * reached.interventions_per_km
