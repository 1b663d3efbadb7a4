"""Speed control, in closed loop with a car that has the simulator's drag, torque and slopes."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.longitudinal import CruiseSettings, Pedals, cruise, curve_speed_mps
from sim_bridges.udacity.settings import session_settings

SETTINGS = session_settings(6.7).cruise
STEP_S = 0.05
GRAVITY_MPS2 = 9.81


class Drive:
    """A car of 1.9 m/s^2 at full gas with the drag of the transcripts, on a slope."""

    def __init__(
        self, settings: CruiseSettings = SETTINGS, speed_mps: float = 0.0, drag: float = 1.0
    ) -> None:
        self.settings = settings
        self.speed_mps = speed_mps
        self.drag = drag
        self.slope = 0.0
        self.steering = 0.0
        self.time_s = 10.0
        self.memory = None
        self.speeds: list[float] = []
        self.pedals = None

    def go(self, duration_s: float) -> "Drive":
        for _ in range(round(duration_s / STEP_S)):
            self.memory, self.pedals = cruise(
                self.memory, self.time_s, self.speed_mps, self.steering, self.settings
            )
            self.time_s += STEP_S
            braking = 6.0 * self.pedals.brake if self.speed_mps > 0 else 0.0
            force = 1.9 * self.pedals.gas - braking - 0.0445 * self.drag * self.speed_mps
            self.speed_mps = max(0.0, self.speed_mps + (force - GRAVITY_MPS2 * self.slope) * STEP_S)
            self.speeds.append(self.speed_mps)
        return self


def test_reaches_the_speed_without_overshoot_and_keeps_it():
    drive = Drive().go(60.0)
    assert max(drive.speeds) < 6.7 + 0.4
    assert all(abs(speed - 6.7) < 0.1 for speed in drive.speeds[-400:])


@pytest.mark.parametrize("drag", [0.5, 2.0, 4.0])
def test_keeps_the_speed_with_another_drag(drag):
    drive = Drive(drag=drag).go(90.0)
    assert abs(drive.speed_mps - 6.7) < 0.15


def test_does_not_surge_downhill_nor_sag_after_it():
    drive = Drive().go(40.0)
    drive.slope = -0.08
    drive.go(20.0)
    assert max(drive.speeds[-400:]) < 6.7 + 1.2
    drive.slope = 0.0
    drive.go(20.0)
    assert min(drive.speeds[-400:]) > 6.7 - 1.0


def test_does_not_stick_at_the_foot_of_a_hill_nor_surge_on_its_top():
    drive = Drive()
    drive.slope = 0.1
    drive.go(40.0)
    assert drive.speed_mps > 5.0
    drive.slope = 0.0
    drive.go(20.0)
    assert max(drive.speeds[-400:]) < 6.7 + 1.5


def test_slows_down_for_a_curve_and_speeds_up_after_it():
    drive = Drive(replace(SETTINGS, speed_mps=10.0)).go(60.0)
    drive.steering = 0.6
    drive.go(15.0)
    assert abs(drive.speed_mps - curve_speed_mps(0.6, drive.settings)) < 0.3
    drive.steering = 0.0
    drive.go(40.0)
    assert abs(drive.speed_mps - 10.0) < 0.3


def test_a_twitch_of_the_steering_does_not_slow_down():
    drive = Drive().go(40.0)
    drive.steering = 1.0
    drive.go(STEP_S)
    drive.steering = 0.0
    drive.go(5.0)
    assert min(drive.speeds[-100:]) > 6.5


def test_a_twitch_of_the_steering_leaves_the_target_as_it_is():
    memory, _ = cruise(None, 0.0, 6.7, 0.0, SETTINGS)
    memory, _ = cruise(memory, STEP_S, 6.7, 1.0, SETTINGS)
    assert memory.target_mps == 6.7


def test_left_and_right_count_alike():
    memory, _ = cruise(None, 0.0, 5.0, 0.6, SETTINGS)
    for step in range(1, 20):
        memory, _ = cruise(memory, step * STEP_S, 5.0, 0.6 * (-1) ** step, SETTINGS)
        assert memory.steering == pytest.approx(0.6)


def test_a_curve_lowers_the_target_gently_and_without_the_brake():
    settings = replace(SETTINGS, speed_mps=10.0)
    memory, _ = cruise(None, 0.0, 10.0, 0.0, settings)
    memory, pedals = cruise(replace(memory, steering=1.0), 0.1, 10.0, 1.0, settings)
    assert memory.target_mps == pytest.approx(9.7)
    assert pedals.brake == 0.0


def test_the_curve_speed_has_the_set_lateral_acceleration():
    settings = replace(SETTINGS, speed_mps=13.0)
    speed_mps = curve_speed_mps(-0.5, settings)
    assert speed_mps**2 * math.tan(math.radians(12.5)) / 2.87 == pytest.approx(4.0)
    assert curve_speed_mps(0.0, settings) == 13.0
    assert curve_speed_mps(5.0, settings) == curve_speed_mps(1.0, settings)


def test_curves_never_ask_for_less_than_the_least_speed():
    assert curve_speed_mps(1.0, replace(SETTINGS, speed_mps=10.0, lateral_acceleration_mps2=0.1)) == 3.0
    assert curve_speed_mps(1.0, replace(SETTINGS, speed_mps=2.0, lateral_acceleration_mps2=0.1)) == 2.0


def test_takes_over_at_any_speed_without_a_jolt():
    _, pedals = cruise(None, 0.0, 6.7, 0.0, SETTINGS)
    assert pedals.gas == pytest.approx(0.023 * 6.7)
    _, pedals = cruise(None, 0.0, 12.0, 0.0, SETTINGS)
    assert pedals.brake > 0.0


def test_a_takeover_in_a_curve_counts_the_curve_at_once():
    memory, _ = cruise(None, 0.0, 5.0, -0.8, SETTINGS)
    assert memory.steering == 0.8


def test_between_gas_and_brake_the_vehicle_rolls():
    _, pedals = cruise(None, 0.0, 6.7 + 0.6, 0.0, SETTINGS)
    assert pedals == Pedals(0.0, 0.0)
    _, pedals = cruise(None, 0.0, 6.7 + 0.8, 0.0, SETTINGS)
    assert 0.0 < pedals.brake < 0.06


def test_a_long_gap_counts_as_a_short_one():
    memory, _ = cruise(None, 0.0, 3.0, 0.0, SETTINGS)
    assert cruise(memory, 100.0, 3.0, 0.0, SETTINGS)[0].target_mps == pytest.approx(3.2)
    assert cruise(memory, -5.0, 3.0, 0.0, SETTINGS)[0].target_mps == 3.0


def test_the_integral_rests_while_the_pedal_is_at_its_end():
    memory, _ = cruise(None, 0.0, 13.0, 0.0, replace(SETTINGS, speed_mps=13.0))
    for step in range(1, 200):
        memory, pedals = cruise(memory, step * STEP_S, 5.0, 0.0, replace(SETTINGS, speed_mps=13.0))
    assert pedals.gas == 1.0
    assert memory.integral == 0.0
    memory, _ = cruise(None, 0.0, 1.0, 0.0, replace(SETTINGS, speed_mps=1.0))
    for step in range(1, 200):
        memory, pedals = cruise(memory, step * STEP_S, 9.0, 0.0, replace(SETTINGS, speed_mps=1.0))
    assert pedals.brake > 0.9
    assert memory.integral == 0.0


def test_a_steep_hill_winds_the_integral_up_to_its_bound_only():
    memory, _ = cruise(None, 0.0, 6.0, 0.0, SETTINGS)
    for step in range(1, 1000):
        memory, _ = cruise(memory, step * STEP_S, 6.2, 0.0, SETTINGS)
    assert memory.integral == SETTINGS.integral_max


@given(
    st.lists(st.tuples(st.floats(0, 15), st.floats(-1, 1), st.floats(0, 1)), max_size=80),
    st.floats(0.5, 13.5),
)
def test_pedals_are_bounded_and_never_both_pressed(story, speed_mps):
    settings = replace(SETTINGS, speed_mps=speed_mps)
    memory, time_s = None, 0.0
    for speed, steering, step_s in story:
        time_s += step_s
        memory, pedals = cruise(memory, time_s, speed, steering, settings)
        assert 0.0 <= pedals.gas <= 1.0
        assert 0.0 <= pedals.brake <= 1.0
        assert pedals.gas == 0.0 or pedals.brake == 0.0
        assert settings.integral_min <= memory.integral <= settings.integral_max
        assert memory.target_mps <= settings.speed_mps + 1e-9
