"""Which frames get lost on the way to the policy."""

import numpy as np

_STREAM = 0xD209  # Keeps these draws apart from others by the same seed.


class FrameLoss:
    """Draws frame by frame, each independently of the others.

    Args:
        share: Share of the frames that get lost, 0 to less than 1.
        seed: Which ones.
    """

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._random = np.random.default_rng([seed, _STREAM])

    def next(self) -> bool:
        """Returns whether the next frame gets lost."""
        return bool(self._random.random() < self._share)
