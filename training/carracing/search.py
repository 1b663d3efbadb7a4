"""Searches for the expert's styles: `python -m training.carracing.search --help`; needs the extra `search`.

An evolution strategy (CMA-ES) proposes styles and each is scored on the same few random tracks, others in
each generation. The numbers in `styles.py` came from such searches: first for all frames, then on from there
for the larger shares of lost frames.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from training.carracing.expert import DrivingStyle
from training.carracing.rollout import expert_score
from training.carracing.styles import STYLES

SEARCH_TRACKS = 9_000
"""Tracks of the search are those below; the best style so far is checked on the 60 that follow."""

SEARCHED_RANGE = 2.5
"""Each number is searched from the start's value divided by this to the value multiplied by it."""


def search(
    drop_share: Annotated[
        float, typer.Option(help="Share of the frames that is lost, one of the styles'.")
    ] = 0.0,
    minutes: Annotated[float, typer.Option(help="How long to search.")] = 10.0,
    tracks: Annotated[int, typer.Option(help="Tracks a style is scored on in a generation.")] = 14,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
) -> None:
    """Searches on from the present style and prints the best one as it improves."""
    import cma

    random = np.random.default_rng(seed)
    start = np.array(list(asdict(STYLES[drop_share]).values()))
    strategy = cma.CMAEvolutionStrategy(
        np.zeros(len(start)), 0.1, {"bounds": [-1, 1], "popsize": 14, "seed": seed + 1, "verbose": -9}
    )
    ends = time.monotonic() + 60 * minutes
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:

        def mean_scores(styles: list[DrivingStyle], seeds: list[int]) -> NDArray[np.float64]:
            jobs = [(seed, drop_share, style) for style in styles for seed in seeds]
            scores = pool.map(expert_score, *zip(*jobs, strict=True), chunksize=4)
            return np.reshape(list(scores), (len(styles), len(seeds))).mean(axis=1)

        while time.monotonic() < ends:
            proposals = strategy.ask()
            styles = [_style(start, proposal) for proposal in proposals]
            scores = mean_scores(styles, random.integers(SEARCH_TRACKS, size=tracks).tolist())
            strategy.tell(proposals, (-scores).tolist())
            best = _style(start, strategy.result.xfavorite)
            checked = mean_scores([best], list(range(SEARCH_TRACKS, SEARCH_TRACKS + 60)))[0]
            typer.echo(f"{checked:.1f}  {best}")


def _style(start: NDArray[np.float64], place: NDArray[np.float64]) -> DrivingStyle:
    values = start * SEARCHED_RANGE ** np.asarray(place)
    names = [field.name for field in fields(DrivingStyle)]
    return DrivingStyle(**{name: float(f"{value:.4g}") for name, value in zip(names, values, strict=True)})


if __name__ == "__main__":
    typer.run(search)
