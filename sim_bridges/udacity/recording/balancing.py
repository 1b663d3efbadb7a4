"""Sampling weights against the majority of rows in which the car drives straight on."""

import numpy as np
from numpy.typing import NDArray

BINS = 41
EDGES = np.linspace(-1 - 1 / (BINS - 1), 1 + 1 / (BINS - 1), BINS + 1)
"""Edges of the steering histogram; one bin is centred at 0, where most of the rows are."""


def balanced_weights(steering: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how often to draw each row: probabilities that sum to 1.

    A bin of the steering histogram that holds more rows than the mean of the occupied bins is drawn as if it
    held that many; the rows of the others keep their share. So straight driving does not outweigh the rest,
    and no rare row is drawn many times over.

    Args:
        steering: -1 to 1, shape `(N,)`.
    """
    bins = np.clip(np.digitize(steering, EDGES) - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    mean = len(steering) / np.count_nonzero(counts)
    weights = np.minimum(1.0, mean / counts[bins])
    return np.asarray(weights / weights.sum(), np.float64)
