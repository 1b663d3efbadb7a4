import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.interface import Command
from models.errors import UserError
from sim_bridges.carracing.environment import (
    DISCRETE_COMMANDS,
    CarRacing,
    make_environment,
    nearest_discrete_action,
)

STRAIGHT = Command(0.0, 0.5, 0.0)


@pytest.fixture(scope="module")
def environment():
    return make_environment()


@pytest.fixture
def unseen(environment, monkeypatch):
    """The same, but nothing is drawn."""
    black = np.zeros((96, 96, 3), np.uint8)
    monkeypatch.setattr(environment.unwrapped, "_render", lambda _mode: black)
    return environment


def test_observations_carry_simulator_time(environment):
    car = CarRacing(environment)
    first = car.reset(seed=1)
    assert first.image.shape == (96, 96, 3)
    assert first.image.dtype == np.uint8
    assert first.time_s == pytest.approx(0.02)
    for index in range(3):
        step = car.step(STRAIGHT)
        assert step.observation.time_s == pytest.approx(0.02 * (index + 2))
        assert not step.finished


def test_a_seed_names_a_track(environment):
    car = CarRacing(environment)
    one = car.reset(seed=1).image
    assert not np.array_equal(one, car.reset(seed=2).image)
    np.testing.assert_array_equal(one, car.reset(seed=1).image)


def test_tiles_are_counted(environment):
    car = CarRacing(environment)
    car.reset(seed=1)
    before = car.tiles_visited_share
    for _ in range(60):
        car.step(STRAIGHT)
    assert 0 < before < car.tiles_visited_share < 0.2


def test_drops_the_share_asked_for_and_the_same_frames_for_a_seed(unseen):
    car = CarRacing(unseen, drop_frames=0.6)

    def arrivals() -> list[bool]:
        assert car.reset(seed=3) is not None
        return [car.step(Command(0.0, 0.0, 0.0)).observation is not None for _ in range(300)]

    one = arrivals()
    assert np.mean(one) == pytest.approx(0.4, abs=0.1)
    assert one == arrivals()


def test_ends_at_the_time_limit(unseen):
    car = CarRacing(unseen)
    car.reset(seed=1)
    steps = [car.step(Command(0.0, 0.0, 0.0)) for _ in range(1000)]
    assert [step.finished for step in steps] == [False] * 999 + [True]


@pytest.mark.parametrize(
    "command",
    [
        Command(1.5, 0, 0),
        Command(0, -0.1, 0),
        Command(0, 0, 2),
    ],
)
def test_commands_out_of_bounds_are_refused(environment, command):
    car = CarRacing(environment)
    car.reset(seed=1)
    with pytest.raises(ValueError, match="CarRacing takes"):
        car.step(command)


@pytest.mark.parametrize("command", [Command(float("nan"), 0, 0), Command(0, float("inf"), 0)])
def test_a_policy_that_proposes_no_numbers_is_told_of(environment, command):
    car = CarRacing(environment)
    car.reset(seed=1)
    with pytest.raises(UserError, match="its training diverged, so drive by other weights"):
        car.step(command)


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0])
def test_shares_of_dropped_frames_out_of_bounds(environment, share):
    with pytest.raises(UserError, match="share of dropped frames"):
        CarRacing(environment, drop_frames=share)


def test_discrete_actions_are_found_again():
    assert [nearest_discrete_action(command) for command in DISCRETE_COMMANDS] == [0, 1, 2, 3, 4]


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_hard_brake_or_turn_stays_one(steering, gas, brake):
    action = nearest_discrete_action(Command(steering, gas, brake))
    assert action in range(5)
    assert not (action == 1 and steering < 0)
    assert not (action == 2 and steering > 0)


def test_discrete_environment_turns_as_told():
    car = CarRacing(make_environment(discrete=True))
    car.reset(seed=1)
    for _ in range(10):
        car.step(Command(0.6, 0.0, 0.0))
    # The environment's angles grow to the left.
    assert car.environment.unwrapped.car.wheels[0].joint.angle < -0.3


def test_missing_box2d_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "Box2D", None)
    monkeypatch.delitem(sys.modules, "gymnasium.envs.box2d.car_racing", raising=False)
    monkeypatch.delitem(sys.modules, "gymnasium.envs.box2d.car_dynamics", raising=False)
    monkeypatch.delitem(sys.modules, "gymnasium.envs.box2d.bipedal_walker", raising=False)
    monkeypatch.delitem(sys.modules, "gymnasium.envs.box2d", raising=False)
    with pytest.raises(UserError, match=r"pip install .*gymnasium\[box2d\]"):
        make_environment()
