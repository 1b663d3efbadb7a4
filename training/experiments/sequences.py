"""The data of an experiment: batches of irregular sequences, split into folds."""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, slots=True)
class Sequences:
    """N sequences of T steps; padding stands in front, so that the last step is always real.

    Attributes:
        features: What each step holds, `(N, T, F)`.
        times: Time stamps `(N, T)` in the unit of the study's `time_scale`, from an origin that keeps them
            exact in single precision.
        targets: What is to be predicted, `(N, ...)`, or `(N, T, ...)` for a prediction at each step.
        valid: Which steps are no padding, `(N, T)`.
        observed: Which steps hold a measurement, `(N, T)`; the others are asked for, not known.
        weights: Weights of the targets in the loss, `(N,)` or `(N, T)`.
        reference: What a metric needs besides the targets, `(N, ...)`.
    """

    features: np.ndarray
    times: np.ndarray
    targets: np.ndarray
    valid: np.ndarray
    observed: np.ndarray
    weights: np.ndarray
    reference: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    def take(self, indices: np.ndarray) -> "Sequences":
        """Returns the chosen sequences."""
        return Sequences(*(getattr(self, field.name)[indices] for field in fields(self)))

    def first(self, count: int) -> "Sequences":
        """Returns the first sequences, as many as there are."""
        return self.take(np.arange(min(count, len(self))))

    def inputs(self) -> dict[str, np.ndarray]:
        """Returns what a network reads, by the names of its inputs."""
        return {
            "features": self.features.astype(np.float32),
            "times": self.times.astype(np.float32),
            "valid": self.valid,
            "observed": self.observed,
        }


class Fold(NamedTuple):
    """What a model is trained on, chosen by and measured on."""

    train: Sequences
    validation: Sequences
    test: Sequences


def complete(
    features: np.ndarray,
    times: np.ndarray,
    targets: np.ndarray,
    *,
    valid: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    reference: np.ndarray | None = None,
) -> Sequences:
    """Returns sequences which are complete in what is not given: no padding, no gaps, all targets alike.

    Integer targets are classes; others have an axis for the features of a prediction.
    """
    valid = np.ones(times.shape, dtype=bool) if valid is None else valid
    weighted = targets.shape if np.issubdtype(targets.dtype, np.integer) else targets.shape[:-1]
    return Sequences(
        features,
        times,
        targets,
        valid,
        valid if observed is None else observed,
        np.ones(weighted) if weights is None else weights,
        np.zeros((len(features), 0)) if reference is None else reference,
    )


def split(sequences: Sequences, rng: np.random.Generator, shares: tuple[float, float] = (0.15, 0.2)) -> Fold:
    """Returns a random split by sequence; `shares` are those of validation and test."""
    order = rng.permutation(len(sequences))
    validation, test = (max(1, round(share * len(order))) for share in shares)
    return Fold(
        train=sequences.take(order[validation + test :]),
        validation=sequences.take(order[:validation]),
        test=sequences.take(order[validation : validation + test]),
    )


def join(parts: list[Sequences]) -> Sequences:
    """Returns the sequences of all parts, one after the other."""
    return Sequences(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Sequences))
    )
