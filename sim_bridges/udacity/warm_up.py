"""Has a policy compiled before the first real frame comes."""

import numpy as np

from controller.interface import Observation, Policy
from sim_bridges.udacity.camera import FRAME_SHAPE

FRAMES = 3


def warm_up(policy: Policy) -> None:
    """Runs a policy on black frames."""
    policy.reset()
    for number in range(FRAMES):
        policy.act(Observation(np.zeros(FRAME_SHAPE, np.uint8), number / 20, 0.0))
