"""Searches for how the expert with five actions drives: `python -m training.experiments.driving.five_search`.

Style and priorities in `five_actions.py` came from such a search; it needs the extra `search`.
"""

from dataclasses import astuple, fields

import typer

from training.carracing.evolution import Numbers, evolve
from training.carracing.expert import DrivingStyle
from training.carracing.search import Minutes, Seed, Tracks
from training.carracing.simulator import OnDemandCarRacing
from training.experiments.driving.five_actions import (
    PRIORITIES,
    STYLE,
    DiscreteExpert,
    Priorities,
    command_of,
)
from training.experiments.driving.five_rounds import STEP_LIMIT

_OF_STYLE = len(fields(DrivingStyle))


def search(minutes: Minutes = 10.0, tracks: Tracks = 14, seed: Seed = 0) -> None:
    """Searches on from the present style and priorities and prints the best ones as they improve."""
    start = (*astuple(STYLE), *astuple(PRIORITIES))
    for score, numbers in evolve(start, _score, minutes, tracks, seed):
        typer.echo(f"{score:.1f}  {_style(numbers)}  {_priorities(numbers)}")


def expert_score(track: int, style: DrivingStyle = STYLE, priorities: Priorities = PRIORITIES) -> float:
    """Returns the score of the expert with five actions on a track."""
    environment = OnDemandCarRacing()
    environment.reset(seed=track)
    expert = DiscreteExpert(environment.track, style, priorities)
    score = 0.0
    for _ in range(STEP_LIMIT):
        _, reward, finished, _, _ = environment.step(command_of(expert.act(environment.car)))
        score += float(reward)
        if finished:
            break
    environment.close()
    return score


def _score(numbers: Numbers, track: int) -> float:
    return expert_score(track, _style(numbers), _priorities(numbers))


def _style(numbers: Numbers) -> DrivingStyle:
    return DrivingStyle(*numbers[:_OF_STYLE].tolist())


def _priorities(numbers: Numbers) -> Priorities:
    return Priorities(*numbers[_OF_STYLE:].tolist())


if __name__ == "__main__":
    typer.run(search)
