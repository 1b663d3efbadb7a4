import numpy as np
import pytest

from training.carracing.expert import Expert
from training.carracing.rollout import expert_score
from training.carracing.simulator import OnDemandCarRacing
from training.carracing.styles import DROP_SHARES, STYLES, blend


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_completes_laps_fast(seed):
    assert expert_score(seed, 0.0, STYLES[0.0]) > 900


@pytest.mark.parametrize(("drop_share", "least"), list(zip(DROP_SHARES[1:], (900, 800), strict=True)))
def test_careful_styles_complete_laps_with_held_commands(drop_share, least):
    scores = [expert_score(seed, drop_share, STYLES[drop_share]) for seed in (1, 2, 3, 4)]
    assert np.mean(scores) > least


def test_brings_the_car_back_to_the_line():
    environment = OnDemandCarRacing()
    environment.reset(seed=7)
    expert = Expert(environment.track, STYLES[0.0])
    for _ in range(60):
        command = expert.act(environment.car)
        environment.step(np.array([command.steering, command.gas, command.brake]))
    for _ in range(14):
        environment.step(np.array([0.25, 0.3, 0.0]))
    astray = expert.distance_m(environment.car)
    for _ in range(150):
        command = expert.act(environment.car)
        environment.step(np.array([command.steering, command.gas, command.brake]))
    assert expert.distance_m(environment.car) < 2.0 < astray


def test_commands_stay_in_bounds_wherever_the_car_is():
    environment = OnDemandCarRacing()
    environment.reset(seed=8)
    expert = Expert(environment.track, STYLES[0.0])
    random = np.random.default_rng(0)
    for _ in range(300):
        command = expert.act(environment.car)
        assert -1 <= command.steering <= 1
        assert 0 <= command.gas <= 1
        assert 0 <= command.brake <= 0.8
        environment.step(np.array([random.uniform(-1, 1), random.uniform(), 0.0]))


def test_blend_interpolates_between_styles():
    advice = np.arange(2 * len(DROP_SHARES) * 3, dtype=np.float32).reshape(2, len(DROP_SHARES), 3)
    for index, share in enumerate(DROP_SHARES):
        np.testing.assert_allclose(blend(advice, share), advice[:, index])
    between = (DROP_SHARES[0] + DROP_SHARES[1]) / 2
    np.testing.assert_allclose(blend(advice, between), advice[:, :2].mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(blend(advice, 0.99), advice[:, -1])
