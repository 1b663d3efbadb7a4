import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.experiments.sequences import complete, join, split
from training.experiments.signals import Signal


def numbered(count):
    return complete(np.zeros((count, 2, 1)), np.zeros((count, 2)), np.arange(count))


@given(st.integers(3, 200), st.integers(0, 1000))
def test_a_split_uses_each_sequence_once_and_is_that_of_its_seed(count, seed):
    fold, again = (split(numbered(count), np.random.default_rng(seed)) for _ in range(2))
    used = np.concatenate([part.targets for part in fold])
    assert sorted(used) == list(range(count))
    assert all(len(part) for part in fold[1:])
    np.testing.assert_array_equal(fold.test.targets, again.test.targets)


def test_joining_keeps_the_order():
    joined = join([numbered(2), numbered(3)])
    np.testing.assert_array_equal(joined.targets, [0, 1, 0, 1, 2])
    assert joined.valid.shape == (5, 2)


def test_gaps_ignore_padding_and_time_runs_on_backwards():
    valid = np.array([[False, True, True, True]])
    signal = Signal(np.zeros((1, 4, 1), "float32"), np.array([[9.0, 1.0, 3.0, 7.0]], "float32"), valid, valid)
    np.testing.assert_allclose(np.asarray(signal.gaps())[0, :, 0], [0, 0, 2, 4])
    np.testing.assert_allclose(np.asarray(signal.backwards().gaps())[0, :3, 0], [0, 4, 2])
