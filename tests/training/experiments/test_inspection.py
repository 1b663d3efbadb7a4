from dataclasses import replace

import numpy as np
import pytest

from training.experiments.ablation import experiment, oscillations
from training.experiments.inspection import evenness, inspect
from training.experiments.network import build


def test_equal_weights_have_entropy_one_and_a_single_weight_zero():
    used = np.array([[True, True, True, False], [True, True, True, True], [False, True, False, False]])
    equal = used / used.sum(axis=1, keepdims=True)
    seen = evenness(equal, used)
    assert seen == {"entropy": pytest.approx(1), "largest_weight": pytest.approx(1)}
    sharp = np.eye(4)[[0, 1, 1]]
    assert evenness(sharp, used)["entropy"] == pytest.approx(0)
    assert evenness(sharp, used)["largest_weight"] == pytest.approx(3.5)


@pytest.mark.parametrize("name", ["time stamps: horizon only", "window: 6 steps"])
def test_equal_keys_are_attended_evenly_within_the_layers_window(name):
    [study] = experiment(None).studies
    contender = next(contender for contender in study.contenders if contender.name == name)
    data = oscillations(np.random.default_rng(0), 3)
    alike = replace(data, features=np.ones_like(data.features), times=np.zeros_like(data.times))
    seen = inspect(build(study, contender, alike), alike.inputs())
    assert seen["entropy"] == pytest.approx(1, abs=1e-4)
    assert seen["largest_weight"] == pytest.approx(1, abs=1e-4)


def test_of_a_single_step_there_is_nothing_to_tell():
    [study] = experiment(None).studies
    data = oscillations(np.random.default_rng(0), 3)
    steps = {name: getattr(data, name)[:, -1:] for name in ("features", "times", "valid", "observed")}
    single = replace(data, **steps)
    assert inspect(build(study, study.contenders[0], single), single.inputs()) is None
