"""The data of each experiment."""

import gzip

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from tests.training.experiments.made_data import write_activity, write_bearing
from training.experiments import event_mnist, person_activity, remaining_useful_life
from training.experiments.ablation import oscillations
from training.experiments.data_folder import data_file
from training.experiments.event_mnist import EVENTS, events, patches
from training.experiments.imputation import SPAN_S, sines
from training.experiments.remaining_useful_life import (
    FEWEST_ROWS,
    REACH,
    STEPS,
    XJTU,
    Bearing,
    by_bearing,
    read,
    scaled,
    windows,
)
from training.experiments.sequences import Fold
from training.experiments.universal_approximation import (
    SAMPLES,
    irregular_sequences,
    sine_sequences,
    surface_sequences,
)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_events_give_the_binarised_image_back(seed, share):
    rng = np.random.default_rng(seed)
    # Runs of equal pixels, as digits have them.
    image = np.repeat(rng.random((28, 7)) < share, 4, axis=1) * 255
    data = events(image[None].astype(np.uint8), np.array([7]))
    count = int(data.valid.sum())
    assert not data.valid[0, : EVENTS - count].any()
    values, durations, rows, columns = data.features[0, -count:].T
    durations = np.rint(durations * 256).astype(int)
    np.testing.assert_array_equal(np.repeat(values, durations), image.ravel() / 255)
    begins = np.cumsum(durations) - durations
    np.testing.assert_array_equal(data.times[0, -count:], begins)
    np.testing.assert_array_equal(np.rint(28 * (28 * rows + columns)), begins)
    assert data.targets == [7]


def test_an_image_of_more_events_loses_its_first():
    image = np.indices((28, 28)).sum(axis=0) % 2 * 255
    data = events(image[None], np.array([0]))
    assert data.valid.all()
    assert data.times[0, -1] == 28 * 28 - 1


def test_patches_are_what_a_strided_convolution_sees():
    x = keras.random.normal((2, 16, 3), seed=0)
    convolution = keras.layers.Conv1D(4, 5, strides=2, padding="same")
    expected = convolution(x)
    kernel = keras.ops.reshape(convolution.kernel, (15, 4))
    np.testing.assert_allclose(patches(x) @ kernel, expected, atol=1e-5)


@pytest.mark.parametrize(("missing", "gaps"), [(0.05, 2), (0.5, 24)])
def test_gaps_ask_and_hold_nothing(missing, gaps):
    data = sines(np.random.default_rng(0), 20, missing)
    asked = data.weights > 0
    assert (asked.sum(axis=1) == gaps).all()
    np.testing.assert_array_equal(asked, ~data.observed)
    np.testing.assert_array_equal(data.features[asked], 0)
    known = ~asked
    np.testing.assert_array_equal(data.features[known][:, 0], data.targets[known][:, 0])
    assert (np.diff(data.times, axis=1) > 0).all()
    assert data.times.max() < SPAN_S
    assert sines(np.random.default_rng(0), 20, missing, gaps_as_zeros=True).observed.all()


def test_classes_differ_in_time_not_in_size():
    data = oscillations(np.random.default_rng(0), 4000)
    fast = data.targets % 2 == 1
    assert set(data.targets) == {0, 1, 2, 3}
    assert np.abs(data.features[fast]).mean() == pytest.approx(np.abs(data.features[~fast]).mean(), rel=0.05)


def test_sequences_end_where_the_function_is_asked():
    rng = np.random.default_rng(0)
    for data in (sine_sequences(rng.uniform(-6, 6, 10)), irregular_sequences(rng, 10)):
        assert data.features.shape == (10, SAMPLES, 1)
        np.testing.assert_allclose(data.features[..., 0], data.times)
        assert (np.diff(data.times, axis=1) > 0).all()
    np.testing.assert_allclose(sine_sequences(np.array([1.0])).targets, [[np.sin(1)]])
    surface = surface_sequences(rng, 10)
    x, y = surface.features[:, -1].T
    np.testing.assert_allclose(surface.targets[:, 0], np.sin(x) * np.cos(y))
    steps = np.linalg.norm(np.diff(surface.features, axis=1), axis=-1)
    np.testing.assert_allclose(steps, np.diff(surface.times, axis=1))


def test_bearings_have_hours_and_windows_look_back_only(tmp_path):
    write_bearing(tmp_path / "xjtu_Bearing9_9.csv.gz", rows=600, life_minutes=20)
    bearing = read(tmp_path / "xjtu_Bearing9_9.csv.gz", XJTU.row_s)
    assert bearing.life_h == pytest.approx(20 / 60)
    assert bearing.remaining_h[-1] == pytest.approx((20 - 599 * 500 / 32768) / 60)
    assert bearing.degradation[0] == 0
    ends = np.array([REACH, 400, 599])
    data = windows(bearing, ends, np.random.default_rng(0))
    assert data.features.shape == (3, STEPS, 15)
    assert (np.diff(data.times, axis=1) > 0).all()
    np.testing.assert_array_equal(data.times[:, -1], 0)
    assert data.times.min() > -REACH * XJTU.row_s / 3600
    np.testing.assert_array_equal(data.features[:, -1], bearing.features[ends])
    np.testing.assert_array_equal(data.targets[:, 1], bearing.remaining_h[ends])
    single = windows(bearing, ends, np.random.default_rng(0), steps=1)
    np.testing.assert_array_equal(single.features, bearing.features[ends][:, None])
    np.testing.assert_array_equal(single.targets, data.targets)


def made_bearing(rows, number):
    return Bearing(
        np.full((rows, 15), number), np.arange(rows) / 60, np.zeros(rows), np.arange(rows)[::-1] / 60
    )


@pytest.mark.parametrize("count", [2, 3, 8, 17])
def test_no_window_of_a_bearing_tested_on_is_seen_before(count):
    bearings = [made_bearing(FEWEST_ROWS + 100 * number, number) for number in range(count)]
    tested = []
    for seed in range(3):
        train, validation, test = by_bearing(bearings, seed)
        tested.append({bearing.features[0, 0] for bearing, _ in test})
        assert {bearing.features[0, 0] for bearing, _ in train + validation}.isdisjoint(tested[-1])
        for bearing, ends in train:
            seen = np.unique(ends[:, None] - np.arange(REACH))
            for other, asked in validation:
                if other is bearing:
                    assert not np.isin(asked[:, None] - np.arange(REACH), seen).any()
    assert tested[0].isdisjoint(tested[1])
    assert len(set.union(*tested)) == min(count, 3 * max(1, count // 4))


def test_the_first_windows_by_bearing_are_of_all_bearings(tmp_path):
    (tmp_path / "rul").mkdir()
    for number in range(8):
        write_bearing(tmp_path / f"rul/xjtu_Bearing1_{number}.csv.gz", rows=600, life_minutes=20 + number)
    study = remaining_useful_life.experiment(tmp_path).studies[0]
    parts = study.quick().fold(0)
    assert [len(np.unique(part.first(64).reference[:, 0])) for part in parts] == [4, 2, 2]


def test_two_bearings_too_short_to_be_divided_are_refused():
    with pytest.raises(UserError, match="600 rows, and 2570 are the fewest"):
        by_bearing([made_bearing(600, number) for number in range(2)], 0)


def test_scaling_is_by_what_is_trained_on_and_errors_come_back_in_hours(tmp_path):
    write_bearing(tmp_path / "xjtu_Bearing9_9.csv.gz", rows=600, life_minutes=20)
    bearing = read(tmp_path / "xjtu_Bearing9_9.csv.gz", XJTU.row_s)
    rng = np.random.default_rng(0)
    parts = [windows(bearing, rng.integers(REACH, 600, 50), rng) for _ in range(3)]
    fold = scaled(Fold(*parts))
    np.testing.assert_allclose(fold.train.features.mean(axis=(0, 1)), 0, atol=1e-6)
    score, hours, degradation = (
        metric.measure(fold.test, fold.test.targets) for metric in remaining_useful_life.METRICS
    )
    assert (score, hours, degradation) == (0, 0, 0)
    late = fold.test.targets + np.array([0, 0.5])
    _, hours, _ = (metric.measure(fold.test, late) for metric in remaining_useful_life.METRICS)
    assert hours == pytest.approx(0.5 * 20 / 60)


@pytest.mark.parametrize(
    "content",
    [b"junk", gzip.compress(b"a,RUL\n1,2\n"), gzip.compress(b"a\n\xff"), gzip.compress(b"a,RUL\n1,2\n")[:-9]],
    ids=["no archive", "short", "no text", "cut off"],
)
def test_a_file_that_is_no_bearing_is_named(tmp_path, content):
    path = tmp_path / "xjtu_Bearing9_9.csv.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"xjtu_Bearing9_9\.csv\.gz is no run of a bearing"):
        read(path, XJTU.row_s)


def test_bearings_are_at_least_two(tmp_path):
    (tmp_path / "rul").mkdir()
    study = remaining_useful_life.experiment(tmp_path).studies[0]
    with pytest.raises(UserError, match=r"0 files xjtu_\*\.csv\.gz, and 2 are the fewest"):
        study.fold(0)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04"])
def test_a_file_that_is_not_mnist_is_named(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"mnist\.npz is not MNIST"):
        event_mnist.experiment(tmp_path).studies[0].fold(0)


def test_mnist_without_its_arrays_is_named(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros((2, 28, 28)))
    with pytest.raises(UserError, match=r"mnist\.npz is not MNIST"):
        event_mnist.experiment(tmp_path).studies[0].fold(0)


def test_mnist_of_other_sizes_is_named(tmp_path):
    train, test = (np.zeros((count, 28, 28), np.uint8) for count in (60_000, 10_000))
    digits = np.zeros(60, np.uint8)
    np.savez_compressed(tmp_path / "mnist.npz", x_train=train, y_train=digits, x_test=test, y_test=digits)
    with pytest.raises(UserError, match=r"digits of shape \(60,\), not 60,000 of 28 x 28 as MNIST has"):
        event_mnist.experiment(tmp_path).studies[0].fold(0)


def test_a_folder_in_the_place_of_the_activities_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\): download the file again"):
        person_activity.read(tmp_path)


def test_a_bearing_without_life_left_is_named(tmp_path):
    path = tmp_path / "xjtu_Bearing9_9.csv.gz"
    write_bearing(path, rows=600, life_minutes=0)
    with pytest.raises(UserError, match="no life remains in its first row"):
        read(path, XJTU.row_s)


UCI_ROW = "A01,010-000-024-033,633790226051280329,27.05.2009 14:03:25:127,4.0629,1.8924,0.5074,walking"


def test_reads_the_format_of_the_uci_file(tmp_path):
    path = tmp_path / person_activity.FILE
    path.write_text(
        UCI_ROW + "\n" + UCI_ROW.replace("51280329", "51820345").replace("walking", "lying down") + "\n"
    )
    [recording] = person_activity.read(path)
    assert recording.name == "A01"
    np.testing.assert_allclose(recording.times_s, [0, 0.0540016])
    np.testing.assert_allclose(recording.features[0], [1, 0, 0, 0, 4.0629, 1.8924, 0.5074])
    assert [person_activity.ACTIVITIES[index] for index in recording.activities] == ["walking", "lying down"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / person_activity.FILE
    path.write_text(UCI_ROW + "\n", encoding="utf-8-sig")
    assert [recording.name for recording in person_activity.read(path)] == ["A01"]


@pytest.mark.parametrize(
    "row",
    [
        "A01,x",
        UCI_ROW.replace("walking", "flying"),
        UCI_ROW.replace("walking", "w\xe4lking"),
        UCI_ROW.replace("4.0629", "four"),
        UCI_ROW.replace("4.0629", "nan"),
        UCI_ROW.replace("0.5074", "inf"),
        UCI_ROW.replace("010-000-024-033", "no-such-tag"),
        UCI_ROW.replace("A01", ""),
        "x" * 200_000,
    ],
)
def test_names_the_line_that_is_not_of_the_format(tmp_path, row):
    path = tmp_path / "rows.txt"
    path.write_text(f"{UCI_ROW}\n{row}\n", encoding="latin-1")
    with pytest.raises(UserError, match=r"Line 2 of .*rows\.txt"):
        person_activity.read(path)


def test_activity_sequences_do_not_overlap_and_end_at_zero(tmp_path):
    path = tmp_path / person_activity.FILE
    write_activity(path, {"A01": 120, "B02": 70})
    recordings = person_activity.read(path)
    data = [person_activity.sequences(recording) for recording in recordings]
    assert [part.targets.shape for part in data] == [(2, 50), (1, 50)]
    np.testing.assert_allclose(data[0].times[:, -1], 0)
    np.testing.assert_allclose(np.diff(data[0].times, axis=1), 0.03, rtol=1e-6)
    np.testing.assert_array_equal(data[0].features.reshape(-1, 7), recordings[0].features[:100])
    rows = person_activity.histories(recordings[1])
    assert rows.targets.shape == (63,)
    np.testing.assert_array_equal(rows.features[:, -1], recordings[1].features[7:])


@pytest.mark.parametrize(("rows_of", "table"), [({}, 0), ({"A01": 149}, 0), ({"A01": 500}, 1)])
def test_too_few_rows_to_split_are_one_sentence(tmp_path, rows_of, table):
    write_activity(tmp_path / person_activity.FILE, rows_of)
    study = person_activity.experiment(tmp_path).studies[table]
    with pytest.raises(UserError, match="too few to split"):
        study.fold(0)


def test_missing_data_is_one_sentence_that_says_where_to_get_it(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"get it from the shop and name its folder by --data"):
        data_file("absent.csv", "the shop", tmp_path)
    monkeypatch.setenv("LIQUID_DRIVE_DATA", str(tmp_path))
    (tmp_path / "there.csv").touch()
    assert data_file("there.csv", "the shop") == tmp_path / "there.csv"
