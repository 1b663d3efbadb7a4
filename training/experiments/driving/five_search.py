"""Searches for how the expert with five actions drives: `python -m training.experiments.driving.five_search`.

Style and priorities in `five_actions.py` came from such a search; it needs the extra `search`.
"""

from collections.abc import Callable
from dataclasses import astuple, fields
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from training.carracing.evolution import Numbers, evolve
from training.carracing.expert import DrivingStyle
from training.carracing.rollout import score_of
from training.carracing.search import Minutes, Seed, Tracks
from training.experiments.driving.five_actions import (
    PRIORITIES,
    STYLE,
    DiscreteExpert,
    Priorities,
    command_of,
)

_OF_STYLE = len(fields(DrivingStyle))


def search(minutes: Minutes = 10.0, tracks: Tracks = 14, seed: Seed = 0) -> None:
    """Searches on from the present style and priorities and prints the best ones as they improve."""
    start = (*astuple(STYLE), *astuple(PRIORITIES))
    for score, numbers in evolve(start, _score, minutes, tracks, seed):
        typer.echo(f"{score:.1f}  {_style(numbers)}  {_priorities(numbers)}")


def _score(numbers: Numbers, track: int) -> float:
    def take_seat(road: Any) -> Callable[[Any], NDArray[np.float32]]:
        expert = DiscreteExpert(road, _style(numbers), _priorities(numbers))
        return lambda car: command_of(expert.act(car))

    return score_of(take_seat, track)


def _style(numbers: Numbers) -> DrivingStyle:
    return DrivingStyle(*numbers[:_OF_STYLE].tolist())


def _priorities(numbers: Numbers) -> Priorities:
    return Priorities(*numbers[_OF_STYLE:].tolist())


if __name__ == "__main__":
    typer.run(search)
