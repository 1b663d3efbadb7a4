import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.experiments.scores import accuracy, asymmetric, rmse
from training.experiments.sequences import complete

errors = st.lists(st.floats(-50, 50), min_size=1, max_size=30).map(np.array)


def test_late_is_worse_than_early():
    assert asymmetric(np.array([10.0]), batch=1) == pytest.approx(np.e - 1)
    assert asymmetric(np.array([-13.0]), batch=1) == pytest.approx(np.e - 1)
    assert asymmetric(np.array([8.0])) > asymmetric(np.array([-8.0])) > 0


@given(errors)
def test_score_is_the_mean_of_batch_sums(values):
    costs = [np.exp(e / 10) - 1 if e >= 0 else np.exp(-e / 13) - 1 for e in values]
    repeated = np.tile(values, 64)
    batches = np.tile(costs, 64).reshape(-1, 64).sum(axis=1)
    assert asymmetric(repeated) == pytest.approx(batches.mean(), abs=1e-6)


@given(errors)
def test_score_and_rmse_are_zero_only_without_error(values):
    assert asymmetric(0 * values) == rmse(0 * values) == 0
    if np.abs(values).max() > 1e-6:
        assert asymmetric(values) > 0
        assert rmse(values) > 0


def test_accuracy_counts_steps_by_weight():
    data = complete(
        np.zeros((1, 3, 1)), np.zeros((1, 3)), np.array([[0, 1, 1]]), weights=np.array([[1.0, 1.0, 0.0]])
    )
    logits = np.array([[[2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]])
    assert accuracy(data, logits) == 50
    whole = complete(np.zeros((2, 3, 1)), np.zeros((2, 3)), np.array([1, 0]))
    assert accuracy(whole, np.array([[0.0, 1.0], [0.0, 1.0]])) == 50
