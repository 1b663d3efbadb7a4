"""Scores, against numbers made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_bridges.udacity.path import DrivenPath
from sim_bridges.udacity.replay.metrics import GRID_S, hold, score, smoothness, weighted_percentile
from sim_bridges.udacity.replay.trip import DriveRecord
from sim_bridges.udacity.replay.world import Place


@pytest.fixture
def record(drawn) -> DriveRecord:
    """60 s at 10 m/s; 1 m to the right for 45 s, then 2 m to the left."""
    path = DrivenPath.integrate(drawn.time_s, drawn.steering, drawn.speed_mps)
    time_s = np.arange(1, 61, dtype=float)
    return DriveRecord(
        recording=drawn,
        path=path,
        finished=True,
        elapsed_s=60.0,
        step_s=np.ones(60),
        x_m=np.zeros(60),
        y_m=10 * time_s,
        distance_m=10 * time_s,
        offset_m=np.where(time_s <= 45, 1.0, -2.0),
        speed_mps=np.full(60, 10.0),
        command_s=np.array([0.0, 30.0]),
        steering=np.array([0.0, 0.5]),
        interventions=[Place(0, 100.0, 3.1, 0.0), Place(0, 200.0, -3.1, 0.0)],
        latency_s=np.array([0.001, 0.002, 0.009]),
    )


def test_scores_of_one_drive(record):
    scores = score([record])
    assert scores.autonomy == pytest.approx(1 - 6 * 2 / 60)
    assert scores.interventions_per_km == pytest.approx(2 / 0.6)
    assert scores.mean_distance_m == pytest.approx((45 * 1 + 15 * 2) / 60)
    assert scores.p95_distance_m == 2.0
    assert scores.mean_speed_mps == pytest.approx(10.0)
    assert scores.latency_p50_ms == pytest.approx(2.0)


def test_drives_are_scored_together(record):
    better = replace(record, interventions=[], elapsed_s=180.0, step_s=np.full(60, 3.0))
    scores = score([record, better])
    assert scores.autonomy == pytest.approx(1 - 6 * 2 / 240)
    assert scores.distance_m == pytest.approx(1200)
    assert not score([record, replace(better, finished=False)]).finished
    assert score([record, replace(better, finished=False)]).autonomy == 0.0


def test_autonomy_is_never_negative(record):
    assert score([replace(record, interventions=record.interventions * 10)]).autonomy == 0.0


def test_one_step_of_the_wheels(record):
    moves = score([record]).steering
    assert moves.rate_rms == pytest.approx(np.sqrt((0.5 / GRID_S) ** 2 / 599))
    assert moves.jerk_rms == pytest.approx(np.sqrt(2 * (0.5 / GRID_S**2) ** 2 / 598))


def test_a_sine_moves_as_its_derivatives_say():
    time_s = np.arange(0, 200, 0.01)
    omega = 0.5
    moves = smoothness([(time_s, np.sin(omega * time_s), 200.0)])
    assert moves.rate_rms == pytest.approx(omega / np.sqrt(2), rel=0.01)
    assert moves.jerk_rms == pytest.approx(omega**2 / np.sqrt(2), rel=0.01)


def test_how_often_commands_come_does_not_count():
    slow, fast = np.arange(0, 20, 0.1), np.arange(0, 20, 0.01)
    held = np.sin(slow)
    repeated = np.repeat(held, 10)
    assert smoothness([(slow, held, 20.0)]) == smoothness([(fast, repeated, 20.0)])


def test_too_short_a_signal_does_not_move():
    assert smoothness([(np.array([0.0]), np.array([0.3]), 0.0)]).jerk_rms == 0.0


@given(st.lists(st.floats(0.001, 0.3), min_size=1, max_size=30), st.floats(0, 3))
def test_the_last_value_that_came_is_held(steps, rest_s):
    moments_s = np.cumsum([0.0, *steps])
    values = np.arange(len(moments_s), dtype=float)
    held = hold(moments_s, values, float(moments_s[-1]) + rest_s)
    for number, value in enumerate(held):
        assert value == values[moments_s <= number * GRID_S + 1e-6][-1]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=20), st.integers(1, 100)
)
def test_weights_count_like_repetitions(pairs, percent):
    values, weights = np.array(pairs, float).T
    repeated = np.sort(np.repeat(values, weights.astype(int)))
    expected = repeated[int(np.ceil(percent / 100 * len(repeated) - 1e-9)) - 1]
    assert weighted_percentile(values, weights, percent) == expected
