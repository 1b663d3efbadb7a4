"""Searches for the expert's styles: `python -m training.carracing.search --help`; needs the extra `search`.

The numbers in `styles.py` came from such searches: first for all frames, then on from there for the larger
shares of lost frames.
"""

from dataclasses import astuple
from functools import partial
from typing import Annotated

import typer

from training.carracing.evolution import Numbers, evolve
from training.carracing.expert import DrivingStyle
from training.carracing.rollout import expert_score
from training.carracing.styles import STYLES

Minutes = Annotated[float, typer.Option(min=0.0, help="How long to search.")]
Tracks = Annotated[int, typer.Option(min=1, help="Tracks a style is scored on in a generation.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the search.")]


def search(
    drop_share: Annotated[
        float, typer.Option(help="Share of the frames that is lost, one of the styles'.")
    ] = 0.0,
    minutes: Minutes = 10.0,
    tracks: Tracks = 14,
    seed: Seed = 0,
) -> None:
    """Searches on from the present style and prints the best one as it improves."""
    if drop_share not in STYLES:
        raise typer.BadParameter(
            f"there is no style for {drop_share:g}: choose {', '.join(map(str, STYLES))}."
        )
    start = astuple(STYLES[drop_share])
    for score, numbers in evolve(start, partial(_score, drop_share), minutes, tracks, seed):
        typer.echo(f"{score:.1f}  {DrivingStyle(*numbers.tolist())}")


def _score(drop_share: float, numbers: Numbers, track: int) -> float:
    return expert_score(track, drop_share, DrivingStyle(*numbers.tolist()))


if __name__ == "__main__":
    typer.run(search)
