"""An evolution strategy (CMA-ES) for the numbers by which a scripted driver drives (extra `search`)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_bridges.processes import process_pool

SEARCH_TRACKS = 9_000
"""Tracks of the search are those below; the best numbers so far are checked on the 60 that follow."""

CHECKED_TRACKS = range(SEARCH_TRACKS, SEARCH_TRACKS + 60)

SEARCHED_RANGE = 2.5
"""Each number is searched from the start's value divided by this to the value multiplied by it."""

GENERATION = 14

Numbers = NDArray[np.float64]


def evolve(
    start: Any, score: Callable[[Numbers, int], float], minutes: float, tracks: int, seed: int
) -> Iterator[tuple[float, Numbers]]:
    """Yields, after each generation, the best numbers so far and their mean score on the checked tracks.

    All proposals of a generation are scored on the same few random tracks, others in each generation.

    Args:
        start: The positive numbers to search on from.
        score: From numbers and a track to a score; runs in other processes, so it must be importable.
        minutes: How long to search; the generation under way is finished.
        tracks: Tracks that a proposal is scored on.
        seed: Seed of the search.
    """
    import cma

    random = np.random.default_rng(seed)
    start = np.array(start, float)
    options = {"bounds": [-1, 1], "popsize": GENERATION, "seed": seed + 1, "verbose": -9}
    strategy = cma.CMAEvolutionStrategy(np.zeros(len(start)), 0.1, options)
    ends = time.monotonic() + 60 * minutes
    with process_pool(GENERATION * tracks) as pool:

        def mean_scores(proposals: list[Numbers], on: list[int]) -> NDArray[np.float64]:
            jobs = [(numbers, track) for numbers in proposals for track in on]
            scores = pool.map(score, *zip(*jobs, strict=True), chunksize=4)
            return np.reshape(list(scores), (len(proposals), len(on))).mean(axis=1)

        while time.monotonic() < ends:
            places = strategy.ask()
            proposals = [_numbers(start, place) for place in places]
            scores = mean_scores(proposals, random.integers(SEARCH_TRACKS, size=tracks).tolist())
            strategy.tell(places, (-scores).tolist())
            best = _numbers(start, strategy.result.xfavorite)
            yield float(mean_scores([best], list(CHECKED_TRACKS))[0]), best


def _numbers(start: Numbers, place: Any) -> Numbers:
    values = start * SEARCHED_RANGE ** np.asarray(place)
    return np.array([float(f"{value:.4g}") for value in values])
