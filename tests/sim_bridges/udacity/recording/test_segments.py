"""Where driving begins and ends, and what is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim_bridges.udacity.recording import Recording, read_recording, segments
from sim_bridges.udacity.recording.balancing import BINS, EDGES, balanced_weights
from sim_bridges.udacity.recording.suspicious import (
    BACK_IN_TIME,
    DUPLICATE,
    REVERSING,
    STANDING,
    STANDING_MPS,
    STEP_MAX_S,
    U_TURN,
    Columns,
    runs,
    suspicious_rows,
)
from tests.sim_bridges.udacity.drawn_recording import real_recording


def recording_of(count: int = 60, **columns: object) -> Recording:
    values = {
        "time_s": np.arange(count) * 0.07,
        "steering": np.zeros(count),
        "throttle": np.full(count, 0.5),
        "brake": np.zeros(count),
        "speed_mps": np.full(count, 10.0),
    }
    checksums = columns.pop("checksums", np.arange(count))
    values |= columns
    looked_at = {name: values[name] for name in ("time_s", "steering", "throttle", "brake", "speed_mps")}
    suspicious = suspicious_rows(Columns(checksums=checksums, **looked_at))
    images = dict.fromkeys(("center", "left", "right"), (Path("image.jpg"),) * count)
    return Recording(Path(), np.arange(count), images=images, suspicious=suspicious, skipped={}, **values)


def rows_of(recording: Recording) -> list[tuple[int, int]]:
    return [(int(s[0]), int(s[-1])) for s in segments(recording)]


def test_steady_driving_is_one_stretch():
    assert rows_of(recording_of()) == [(0, 59)]


def test_no_rows_are_no_stretch():
    assert segments(recording_of().select(100)) == []


def test_a_gap_in_time_cuts():
    time_s = np.arange(60) * 0.07
    time_s[20:] += STEP_MAX_S
    assert rows_of(recording_of(time_s=time_s)) == [(0, 19), (20, 59)]
    time_s[40:] -= 5
    assert rows_of(recording_of(time_s=time_s)) == [(0, 19), (20, 39), (40, 59)]


def test_a_standstill_cuts_and_is_left_out():
    speed = np.full(60, 10.0)
    speed[25:30] = 0.1
    recording = recording_of(speed_mps=speed)
    assert np.flatnonzero(recording.suspicious[STANDING]).tolist() == [25, 26, 27, 28, 29]
    assert rows_of(recording) == [(0, 24), (30, 59)]


def test_moving_off_with_the_brake_is_reversing():
    speed = np.full(60, 10.0)
    speed[20:22] = speed[40:42] = 0.0
    brake = np.zeros(60)
    brake[15:40] = 1.0
    recording = recording_of(speed_mps=speed, brake=brake, throttle=np.where(brake > 0, 0.0, 0.5))
    assert np.flatnonzero(recording.suspicious[REVERSING]).tolist() == list(range(22, 40))
    assert rows_of(recording) == [(0, 19), (42, 59)]


def test_reversing_ends_where_the_car_drives_off_also_if_its_standstill_was_not_recorded():
    speed = np.full(60, 10.0)
    speed[20:22] = 0.0
    speed[22:50] = [*np.linspace(1, 4, 10), *np.linspace(3.5, 1, 5), *np.linspace(1.5, 9, 13)]
    brake, throttle = np.zeros(60), np.ones(60)
    brake[22:32] = 1.0
    throttle[20:32] = 0.0  # From there on the throttle first slows the car down.
    recording = recording_of(speed_mps=speed, brake=brake, throttle=throttle)
    assert np.flatnonzero(recording.suspicious[REVERSING]).tolist() == list(range(22, 37))
    assert rows_of(recording) == [(0, 19), (37, 59)]


def test_reversing_ends_where_the_recording_was_interrupted():
    speed_mps = np.full(60, 10.0)
    speed_mps[5:10] = 0.0
    brake = np.zeros(60)
    brake[10:20] = 0.5
    time_s = np.arange(60) * 0.07
    time_s[30:] += 60
    assert rows_of(recording_of(speed_mps=speed_mps, brake=brake, time_s=time_s))[-1] == (30, 59)


def test_a_session_that_begins_with_the_brake_at_speed_is_driving():
    speed_mps = np.full(60, 10.0)
    speed_mps[20:30] = 0.0
    brake = np.zeros(60)
    brake[30] = 0.3
    time_s = np.arange(60) * 0.07
    assert rows_of(recording_of(speed_mps=speed_mps, brake=brake, time_s=time_s)) == [(0, 19)]
    time_s[30:] += 60
    assert rows_of(recording_of(speed_mps=speed_mps, brake=brake, time_s=time_s)) == [(0, 19), (30, 59)]


def test_a_slow_turn_at_full_lock_is_a_u_turn_and_a_fast_curve_is_not():
    steering = np.zeros(60)
    steering[20:22], steering[22:45], steering[45:47] = 0.3, 1.0, 0.3
    slow = recording_of(steering=steering, speed_mps=np.full(60, 5.0))
    assert rows_of(slow) == [(0, 19), (47, 59)]
    assert slow.suspicious[U_TURN].sum() == 27
    assert rows_of(recording_of(steering=steering, speed_mps=np.full(60, 12.0))) == [(0, 59)]
    steering[22:45] = 0.4
    assert rows_of(recording_of(steering=steering, speed_mps=np.full(60, 5.0))) == [(0, 59)]


def test_a_pause_after_hard_steering_turns_no_car():
    steering, time_s = np.zeros(60), np.arange(60) * 0.07
    steering[26:30] = 1.0
    time_s[30:] += 60
    recording = recording_of(steering=steering, time_s=time_s, speed_mps=np.full(60, 7.6))
    assert not recording.suspicious[U_TURN].any()


def test_rows_back_in_time_are_named():
    time_s = 0.07 * np.arange(60)
    time_s[30:] -= 1.0
    recording = recording_of(time_s=time_s)
    assert np.flatnonzero(recording.suspicious[BACK_IN_TIME]).tolist() == [30]
    assert rows_of(recording) == [(0, 29), (30, 59)]


def test_duplicates_are_left_out_without_a_cut():
    checksums, time_s = np.arange(60), np.arange(60) * 0.07
    checksums[30] = checksums[29]
    time_s[40] = time_s[39]
    recording = recording_of(checksums=checksums, time_s=time_s)
    assert np.flatnonzero(recording.suspicious[DUPLICATE]).tolist() == [30, 40]
    (stretch,) = segments(recording)
    assert stretch.tolist() == [i for i in range(60) if i not in (30, 40)]


def test_too_short_stretches_are_left_out():
    time_s = np.arange(60) * 0.07
    time_s[5:] += 2
    assert rows_of(recording_of(time_s=time_s)) == [(5, 59)]


@given(
    arrays(float, 60, elements=st.floats(0.0, 14.0)),
    arrays(float, 60, elements=st.floats(0.0, 1.0)),
    arrays(float, 60, elements=st.sampled_from([0.0, 0.07, 0.07, 0.07, 0.07, 1.0])),
    arrays(int, 60, elements=st.integers(0, 3)),
)
def test_stretches_are_moving_ordered_and_disjoint(speed, steering, steps, checksums):
    recording = recording_of(speed_mps=speed, steering=steering, time_s=np.cumsum(steps), checksums=checksums)
    taken = segments(recording)
    indices = np.concatenate([[-1], *taken])
    assert (np.diff(indices) > 0).all()
    for stretch in taken:
        part = recording.take(stretch)
        assert (part.speed_mps >= STANDING_MPS).all()
        step_s = np.diff(part.time_s)
        assert (step_s > 0).all()
        assert (step_s <= STEP_MAX_S).all()


@given(arrays(bool, st.integers(0, 30)))
def test_runs_are_the_true_values(mask):
    rebuilt = np.zeros(len(mask), bool)
    for first, stop in runs(mask):
        assert first < stop
        rebuilt[first:stop] = True
    np.testing.assert_array_equal(rebuilt, mask)
    assert len(runs(mask)) == np.count_nonzero(np.diff(mask.astype(int), prepend=0) == 1)


@given(arrays(float, st.integers(1, 200), elements=st.floats(-1, 1) | st.just(0.0)))
def test_weights_are_probabilities_that_no_bin_dominates(steering):
    weights = balanced_weights(steering)
    assert weights.min() > 0
    np.testing.assert_allclose(weights.sum(), 1)
    shares, _ = np.histogram(steering, BINS, (EDGES[0], EDGES[-1]), weights=weights)
    before, _ = np.histogram(steering, BINS, (EDGES[0], EDGES[-1]))
    assert shares.max() <= before.max() / len(steering) + 1e-9
    ordered = np.argsort(before, kind="stable")
    assert (np.diff(shares[ordered]) >= -1e-9).all()


def test_straight_driving_is_tamed():
    steering = np.concatenate([np.zeros(900), np.linspace(-0.5, 0.5, 101)[np.arange(101) != 50]])
    weights = balanced_weights(steering)
    assert 0.25 < weights[steering == 0].sum() < 0.6
    np.testing.assert_allclose(weights[steering == 0], weights[0])


def test_the_real_recording_is_driven_one_way_and_then_the_other():
    recording = read_recording(real_recording())
    forward, backward = segments(recording)
    assert forward[0] == 12
    assert 2060 <= forward[-1] < 2085
    assert 2160 < backward[0] < 2180
    assert backward[-1] == 3599
    assert recording.suspicious[DUPLICATE].sum() == 0


def test_the_end_of_a_u_turn_is_none_of_the_driving_also_where_its_beginning_is_not_selected():
    part = read_recording(real_recording()).select(2163, 2700)
    (stretch,) = segments(part)
    assert part.rows[stretch[0]] == 2170


def test_stretches_of_a_part_are_indices_of_that_part():
    recording = recording_of()
    part = recording.take(slice(10, 50))
    assert rows_of(part) == [(0, 39)]
    assert replace(part).rows[0] == 10
