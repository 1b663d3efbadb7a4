"""A policy that can drive on the drawn road: it looks where the grey lies."""

import numpy as np

from controller.interface import Command, Observation

GAIN = 0.9
ROWS = slice(72, 84)


class LanePolicy:
    """Steers towards the middle of the road some metres ahead."""

    name = "lane"

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def act(self, observation: Observation) -> Command:
        self.times_s.append(observation.time_s)
        pixels = observation.image[ROWS].astype(int)
        grey = (np.ptp(pixels, axis=-1) < 25) & (np.abs(pixels.mean(-1) - 106) < 40)
        if not grey.any():
            return Command(0.0, 0.0, 0.0)
        columns = np.nonzero(grey)[1]
        return Command(GAIN * (float(columns.mean()) - 159.5) / 160, 0.0, 0.0)


class StraightPolicy:
    """Never steers."""

    name = "straight"

    def reset(self) -> None:
        pass

    def act(self, observation: Observation) -> Command:
        return Command(0.0, 0.0, 0.0)


class BrokenPolicy(StraightPolicy):
    """Has no proposal, ever."""

    name = "broken"

    def act(self, observation: Observation) -> Command:
        raise RuntimeError("out of order")
