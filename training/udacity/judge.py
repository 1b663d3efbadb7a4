"""How well a network drives in closed loop, in harder light than it was recorded in."""

from pathlib import Path

import numpy as np

from controller.interface import Observation
from controller.pixel_policy import load_policy_factory
from sim_bridges.udacity.recording import Recording, segments
from sim_bridges.udacity.replay.light import Light
from sim_bridges.udacity.replay.world import World, WorldOptions

SPEED_MPS = 11.2
FRAME_S = 0.07
INTERVENTION_COSTS_M = 3.0
"""What an intervention adds to the mean distance, for each time it happens in a kilometre."""

OPTIONS = WorldOptions(
    start_offset_m=1.0,
    start_heading_rad=-0.1,
    start_speed_mps=SPEED_MPS,
    light=Light(brightness=0.8, noise=3.0, shadow=0.5),
)


def judge(weights: Path, recordings: tuple[Recording, ...]) -> float:
    """Returns the mean distance from the line in metres, with a surcharge for interventions.

    Args:
        weights: The network's weights.
        recordings: What to drive along, at 25 mph.
    """
    policy = load_policy_factory(weights)()
    distances: list[float] = []
    interventions, driven_m = 0, 0.0
    for recording in recordings:
        for part in segments(recording):
            world = World(recording.take(part), OPTIONS)
            policy.reset()
            while not world.done:
                command = policy.act(Observation(world.camera(), world.time_s))
                distances.append(abs(world.place.offset_m))
                world.step(command.steering, SPEED_MPS - world.vehicle.speed_mps, FRAME_S)
            interventions += len(world.interventions)
            driven_m += world.place.distance_m
    return float(np.mean(distances)) + INTERVENTION_COSTS_M * interventions / (driven_m / 1000)
