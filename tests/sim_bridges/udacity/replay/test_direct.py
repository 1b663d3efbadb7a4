"""Drives on simulated time by the service's own session."""

import numpy as np
import pytest

from sim_bridges.udacity.chain import RESTART_GAP_MAX_S
from sim_bridges.udacity.replay.direct import drive_directly
from sim_bridges.udacity.replay.metrics import score
from sim_bridges.udacity.replay.options import DriveOptions
from sim_bridges.udacity.replay.pacing import Pacing
from sim_bridges.udacity.replay.trip import NO_HEADWAY_MAX_S
from sim_bridges.udacity.replay.world import World
from sim_bridges.udacity.settings import LIMITS, session_settings
from tests.sim_bridges.udacity.replay.lane_policy import BrokenPolicy, LanePolicy, StraightPolicy

SPEED_MPH = 20.0
SETTINGS = session_settings(SPEED_MPH * 0.44704)


def drive(recording, policy=None, pacing=None, **options):
    world = World(recording, DriveOptions(start_speed_mph=SPEED_MPH, **options).world)
    return drive_directly(world, policy or LanePolicy(), SETTINGS, pacing)


def test_a_policy_that_sees_the_road_needs_no_help(drawn):
    record = drive(drawn)
    scores = score([record])
    assert scores.finished
    assert scores.autonomy == 1.0
    assert scores.p95_distance_m < 1.4
    assert scores.distance_m == pytest.approx(record.path.distance_m[-1], abs=1.0)
    assert scores.mean_speed_mps == pytest.approx(SPEED_MPH * 0.44704, rel=0.1)


def test_it_comes_back_from_beside_the_line(drawn):
    record = drive(drawn, start_offset_m=1.0, start_heading_deg=-10.0)
    assert record.offset_m[0] > 0.8
    assert record.interventions == []
    assert np.abs(record.offset_m[len(record.offset_m) // 2 :]).max() < 1.4


def test_a_policy_that_never_steers_is_put_back(drawn):
    record = drive(drawn, StraightPolicy())
    assert record.finished
    assert len(record.interventions) >= 2
    assert score([record]).autonomy < 0.2


def test_frames_come_at_their_interval_and_dropped_ones_are_not_seen(drawn):
    every, some = LanePolicy(), LanePolicy()
    drive(drawn, every)
    record = drive(drawn, some, Pacing(drop_frames=0.3, seed=3))
    assert np.diff(every.times_s) == pytest.approx(0.05)
    intervals = np.diff(some.times_s)
    assert np.allclose(intervals / 0.05, np.round(intervals / 0.05))
    assert 0.15 < 1 - len(some.times_s) / len(every.times_s) < 0.45
    assert some.resets == 1
    assert record.interventions == []


def test_latency_delays_the_commands(drawn):
    short = drawn.take(slice(0, 20))
    prompt, late = drive(short), drive(short, pacing=Pacing(latency_s=0.1))
    assert prompt.command_s[1:3] == pytest.approx([0.0, 0.05])
    # The next frame waits for the reply, as in the simulator.
    assert late.command_s[1:3] == pytest.approx([0.1, 0.2])


def test_a_car_without_frames_is_told_to_roll_as_by_the_service(drawn):
    record = drive(drawn, pacing=Pacing(drop_frames=0.97))
    rolling = len(record.command_s) - 1 - len(record.latency_s)
    assert rolling > 0
    assert np.diff(record.command_s[1:]).max() < RESTART_GAP_MAX_S


def test_the_same_drive_is_the_same(drawn):
    short = drawn.take(slice(0, 40))
    first, second = (drive(short, pacing=Pacing(drop_frames=0.3), noise=3.0, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.offset_m, second.offset_m)
    np.testing.assert_array_equal(first.steering, second.steering)


def test_a_car_that_is_never_driven_ends_the_drive_unfinished(drawn):
    record = drive(drawn, BrokenPolicy())
    assert not record.finished
    assert record.speed_mps[-1] < 0.3
    assert record.elapsed_s > NO_HEADWAY_MAX_S
    assert score([record]).autonomy == 0.0


def test_the_safety_envelope_has_the_last_word(drawn):
    record = drive(drawn)
    rates = np.abs(np.diff(record.steering) / np.maximum(np.diff(record.command_s), 0.05))
    assert rates.max() <= LIMITS.steering_rate_bound_per_s(record.speed_mps.min()) + 1e-6


@pytest.mark.slow
def test_an_expert_drives_the_real_recording_at_25_mph():
    from controller.interface import Command
    from sim_bridges.udacity.recording import read_recording, segments
    from sim_bridges.udacity.vehicle import steering_for
    from tests.sim_bridges.udacity.drawn_recording import real_recording

    recording = read_recording(real_recording())
    world = World(recording.take(segments(recording)[0][300:700]), DriveOptions(25.0, 1.0, 10.0).world)

    class Pursuit(StraightPolicy):
        def act(self, observation):
            ahead = world.scene.path.at(world.place.distance_m + 9)
            right_m, ahead_m, _ = ahead.seen_from(world.vehicle.pose)
            return Command(float(steering_for(2 * right_m / (right_m**2 + ahead_m**2))), 0.0, 0.0)

    settings = session_settings(25 * 0.44704)
    scores = score([drive_directly(world, Pursuit(), settings, Pacing(drop_frames=0.3))])
    assert scores.autonomy == 1.0
    assert scores.mean_distance_m < 0.3
    assert scores.steering.jerk_rms < scores.human_steering.jerk_rms
