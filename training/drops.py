"""Which frames get lost: singly or in bursts."""

import numpy as np
from numpy.typing import NDArray


def kept_frames(
    count: int, drop_share: float, burstiness: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Draws which of `count` frames arrive, from a two-state Markov chain; the first does.

    Args:
        count: Number of frames.
        drop_share: Share of the frames that gets lost in the long run, 0 to less than 1.
        burstiness: Mean length of a burst of losses, as a multiple of that of independent losses.
        random: Source of randomness.

    Returns:
        True for each frame that arrives, shape `(count,)`.
    """
    lose, recover = drop_share / burstiness, (1 - drop_share) / burstiness
    draws = random.random(count).tolist()
    kept = np.ones(count, bool)
    arrived = True
    for index in range(1, count):
        arrived = draws[index] >= lose if arrived else draws[index] < recover
        kept[index] = arrived
    return kept


def draw_drop_share(random: np.random.Generator, largest: float, none: float) -> float:
    """Draws a share of lost frames: zero with probability `none`, else uniform up to `largest`."""
    return 0.0 if random.random() < none else float(random.uniform(0.0, largest))
