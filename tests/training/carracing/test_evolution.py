"""The search for a scripted driver's numbers finds what scores best, and stays in its range."""

from itertools import islice

import numpy as np

from training.carracing.evolution import SEARCHED_RANGE, evolve

BEST = np.array([1.4, 0.6, 30.0])
START = (1.0, 1.0, 10.0)


def score(numbers, track):
    return -float(np.sum((np.log(numbers) - np.log(BEST)) ** 2)) + track % 3


def test_it_gets_better_from_generation_to_generation():
    found = list(islice(evolve(START, score, minutes=5, tracks=3, seed=0), 15))
    (first, _), (last, numbers) = found[0], found[-1]
    assert last > first
    # The third number's best lies beyond the range that is searched.
    np.testing.assert_allclose(numbers, [1.4, 0.6, 10 * SEARCHED_RANGE], rtol=0.1)


def test_it_ends_with_its_time():
    assert not list(evolve(START, score, minutes=0, tracks=3, seed=0))


def test_the_same_seed_proposes_the_same():
    first, again = (next(evolve(START, score, minutes=1, tracks=2, seed=3)) for _ in range(2))
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])
