import numpy as np
import pytest

from training.experiments.inspection import evenness


def test_equal_weights_have_entropy_one_and_a_single_weight_zero():
    used = np.array([[True, True, True, False], [True, True, True, True], [False, True, False, False]])
    equal = used / used.sum(axis=1, keepdims=True)
    seen = evenness(equal, used)
    assert seen == {"entropy": pytest.approx(1), "largest_weight": pytest.approx(1)}
    sharp = np.eye(4)[[0, 1, 1]]
    assert evenness(sharp, used)["entropy"] == pytest.approx(0)
    assert evenness(sharp, used)["largest_weight"] == pytest.approx(3.5)
