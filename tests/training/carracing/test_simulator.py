import numpy as np
import pygame
import pytest
from gymnasium.envs.box2d.car_racing import WINDOW_H, WINDOW_W, CarRacing

from training.carracing.simulator import OnDemandCarRacing


@pytest.mark.parametrize("seed", [3, 4])
def test_pictures_rewards_and_physics_equal_the_stock_environment(seed):
    stock, ours = CarRacing(), OnDemandCarRacing()
    ours.drawing = True
    random = np.random.default_rng(seed)
    expected, _ = stock.reset(seed=seed)
    got, _ = ours.reset(seed=seed)
    for step in range(70):
        np.testing.assert_array_equal(got, expected, err_msg=f"step {step}")
        action = np.array([random.uniform(-0.4, 0.4), random.uniform(), 0.0])
        expected, *expected_rest = stock.step(action)
        got, *got_rest = ours.step(action)
        assert got_rest == expected_rest
    assert tuple(ours.car.hull.position) == tuple(stock.car.hull.position)


@pytest.mark.parametrize("zoom", [0.5, 1.2, 2.0, 4.0])
@pytest.mark.parametrize("angle", [0.0, 0.3, 2.5])
def test_the_field_ends_where_the_stock_environment_ends_it(zoom, angle):
    drawn = []
    for environment in (CarRacing(), OnDemandCarRacing()):
        environment.reset(seed=3)
        environment.surf = pygame.Surface((WINDOW_W, WINDOW_H))
        environment._render_road(zoom, (WINDOW_W / 2 + 30.3, WINDOW_H / 4 + 0.4), angle)
        # Before the picture is turned upright, the dashboard's place is above.
        drawn.append(pygame.surfarray.array3d(environment.surf)[:, WINDOW_H // 8 :])
    np.testing.assert_array_equal(*drawn)


def test_draws_only_on_demand():
    environment = OnDemandCarRacing()
    assert environment.reset(seed=1)[0] is None
    assert environment.step(np.zeros(3))[0] is None
    environment.drawing = True
    assert environment.step(np.zeros(3))[0].shape == (96, 96, 3)
