"""What predictions are measured by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.experiments.sequences import Sequences


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that tells how good predictions are.

    Attributes:
        name: Its name with the unit.
        measure: Returns it, given the sequences and what a network predicted for them; for other data see
            the kind of table.
        smaller_is_better: Which way it points.
    """

    name: str
    measure: Callable[[Any, Any], float]
    smaller_is_better: bool = True


def rmse(errors: np.ndarray) -> float:
    """Returns the root of the mean squared error."""
    return float(np.sqrt(np.mean(np.square(errors))))


def accuracy(sequences: Sequences, logits: np.ndarray) -> float:
    """Returns the share of right classes in percent, over the steps that count."""
    right = np.argmax(logits, axis=-1) == sequences.targets
    return float(100 * np.average(right, weights=sequences.weights))


def asymmetric(errors: np.ndarray, batch: int = 64) -> float:
    """Returns the score of remaining-life predictions, for which a late warning is worse than an early one.

    An error e (predicted minus true) costs ``exp(-e / 13) - 1`` where it is negative (the end is announced
    too early) and ``exp(e / 10) - 1`` where it is positive. Summed over batches, averaged over them
    (Saxena et al. 2008, the PHM08 challenge; batches of 64 as in the paper).

    Args:
        errors: `(N,)`.
        batch: Errors in a batch. A last, smaller batch counts by its share.

    Returns:
        The mean of the batches' sums.
    """
    costs = np.where(errors < 0, np.exp(-errors / 13), np.exp(errors / 10)) - 1
    return float(np.mean(costs) * batch)


ACCURACY = Metric("accuracy (%)", accuracy, smaller_is_better=False)
