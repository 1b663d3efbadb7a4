from dataclasses import replace
from io import StringIO
from itertools import pairwise

import keras
import numpy as np
import pytest
from rich.console import Console

from models.errors import UserError
from sim_bridges.carracing.environment import DISCRETE_COMMANDS, CarRacing, make_environment
from training.experiments.driving import cells, outputs
from training.experiments.driving.aggregate import Aggregate, split
from training.experiments.driving.contenders import DRIVERS, LAN_ELAPSED, MEAN, SINGLE, WINDOW
from training.experiments.driving.film_study import Part
from training.experiments.driving.five_actions import PRIORITIES, STYLE, DiscreteExpert, command_of
from training.experiments.driving.five_rounds import AdvisedRide, FiveRounds
from training.experiments.driving.recording import ROWS, RecordedLaps
from training.experiments.driving.ride import Driver, Ride
from training.experiments.driving.window_driver import WindowDriver
from training.experiments.models.continuous import CFC
from training.experiments.registry import load
from training.experiments.runner import Runner
from training.experiments.study import Size
from training.progress import Progress

SHAPE = (64, 64, 3)
SMALL = Size(units=16, heads=2, time_scale=0.1)
BLIND = {"LAN, published", "softmax", "mean pooling", "single frame"}


def network(contender, hidden_rows=0, window=WINDOW):
    keras.utils.set_random_seed(0)
    return WindowDriver(contender, SMALL, window, SHAPE, hidden_rows, outputs.command_head)


def film(frames=11):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1, frames, *SHAPE), dtype=np.uint8)
    return {"frames": images, "times_s": np.cumsum(rng.integers(1, 5, (1, frames)) * 0.02, axis=1)}


@pytest.mark.parametrize("contender", DRIVERS, ids=lambda contender: contender.name)
def test_decides_while_frames_stream_in_as_for_the_whole_drive(contender):
    if contender.requires:
        pytest.importorskip(contender.requires)
    driver, inputs = network(contender), film()
    whole = np.asarray(driver(inputs))[0]
    moments = inputs["times_s"][0]
    features = np.zeros((1, WINDOW - 1, SMALL.units), np.float32)
    known_s = np.full(WINDOW - 1, np.nan)
    for number, now_s in enumerate(moments):
        ages_s = np.nan_to_num(now_s - known_s, nan=-1.0).astype(np.float32)[None]
        output, newest = driver.step(inputs["frames"][:, number], features, ages_s)
        np.testing.assert_allclose(np.asarray(output)[0], whole[number], atol=1e-4)
        features = np.concatenate([features[:, 1:], np.asarray(newest)[:, None]], axis=1)
        known_s = np.append(known_s[1:], now_s)
    stretched = np.asarray(driver({**inputs, "times_s": 3 * inputs["times_s"]}))[0]
    assert np.allclose(stretched, whole, atol=1e-6) == (contender.name in BLIND)


def test_a_decision_looks_at_its_window_alone():
    inputs = film()
    changed = {**inputs, "frames": inputs["frames"].copy()}
    changed["frames"][:, 2] = 255
    driver = network(MEAN, window=4)
    same = np.isclose(np.asarray(driver(inputs)), np.asarray(driver(changed)), atol=1e-6).all(axis=-1)[0]
    assert same.tolist() == [True, True, *[False] * 4, *[True] * 5]
    single = np.isclose(
        np.asarray(network(SINGLE)(inputs)), np.asarray(network(SINGLE)(changed)), atol=1e-6
    ).all(axis=-1)[0]
    assert single.tolist() == [True, True, False, *[True] * 8]


def test_hidden_rows_change_nothing():
    inputs = film()
    changed = {**inputs, "frames": inputs["frames"].copy()}
    changed["frames"][:, :, -8:] = 0
    hiding, seeing = network(LAN_ELAPSED, hidden_rows=8), network(LAN_ELAPSED)
    np.testing.assert_array_equal(hiding(inputs), hiding(changed))
    assert not np.allclose(seeing(inputs), seeing(changed), atol=1e-4)


def test_a_ride_loses_the_frames_and_earns_the_rewards_of_the_stock_environment():
    command = DISCRETE_COMMANDS[3]
    car = CarRacing(make_environment(), drop_frames=0.5)
    observation, ride = car.reset(20_001), Ride(20_001, 0.5, limit=40)
    score = 0.0
    ride.tell(np.array([command.steering, command.gas, command.brake], np.float32))
    while not ride.finished:
        assert (observation is None) == (ride.frame is None)
        if observation is not None:
            assert observation.time_s == ride.time_s
        step = car.step(command)
        observation, score = step.observation, score + step.reward
        ride.advance()
    assert ride.score == pytest.approx(score)


def test_many_cars_drive_as_they_would_alone():
    driver = Driver(network(LAN_ELAPSED), outputs.as_it_is)
    together = [Ride(seed, 0.5, limit=25) for seed in (20_001, 20_002)]
    alone = Ride(20_002, 0.5, limit=25)
    driver.drive(together)
    driver.drive([alone])
    assert together[1].score == pytest.approx(alone.score, abs=1e-3)


def test_the_discrete_expert_completes_a_lap():
    ride = Ride(9_001, 1.0, limit=1000)
    expert = DiscreteExpert(ride.environment.track, STYLE, PRIORITIES)
    while not ride.finished:
        ride.tell(command_of(expert.act(ride.environment.car)))
        ride.advance()
    assert ride.lap_complete
    assert ride.score > 860


def test_an_advised_ride_records_actions_for_every_frame():
    ride = AdvisedRide(20_001, expert_share=1.0, limit=30)
    while not ride.finished:
        ride.advance()
    made = ride.demonstration()
    assert made.images.shape == (30, *SHAPE)
    assert made.drive.frames == len(made.times_s) == len(made.advice) == 30
    logits = np.eye(5)[np.asarray(outputs._actions(made.advice[:, 0]))]
    np.testing.assert_array_equal([outputs.likeliest(row) for row in logits], made.advice[:, 0])
    assert outputs.right_actions(made.advice[:, 0], logits) == 100


def test_tracks_for_test_are_neither_trained_nor_validated_on(tmp_path):
    rounds = FiveRounds(drives=(11, 0, 0, 0, 0), tested=(2, 0, 0, 0, 0), limit=30)
    rounds.gather(tmp_path, Progress(Console(quiet=True)))
    tracks = {
        part: {drive.drive.seed for drive in rounds.batches(tmp_path, part, 0, 1)._demonstrations}
        for part in Part
    }
    assert [len(tracks[part]) for part in (Part.TRAINING, Part.VALIDATION, Part.TEST)] == [9, 2, 2]
    assert len(set.union(*tracks.values())) == 13


def test_drives_that_nobody_is_tested_on_do_not_pretend_to_be_for_test():
    with pytest.raises(ValueError, match="for test"):
        split([], Part.TEST)


def test_no_row_of_the_recording_serves_twice():
    rows = sorted(tuple(map(int, part.split(":"))) for parts in ROWS.values() for part in parts)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(rows))


def test_who_is_not_installed_does_not_drive(tmp_path):
    absent = replace(CFC, requires="a_package_that_nobody_has")
    [study, *_] = load("lane-keeping", None).studies
    study = replace(study, contenders=(absent,), source=Aggregate(drives=(0, 0, 0)))
    experiment = replace(load("lane-keeping", None), studies=(study,))
    runner = Runner(tmp_path, experiment, 1, Progress(Console(quiet=True)))
    runner.run()
    assert runner.absent() == ["CfC (a_package_that_nobody_has)"]
    assert not list(runner.results())


def test_a_folder_goes_on_with_its_own_recording_only(tmp_path):
    first, second = (RecordedLaps(tmp_path / name) for name in ("first", "second"))
    for laps in (first, second):
        (laps.folder / "udacity_track1").mkdir(parents=True)
    for _ in range(2):
        first.gather(tmp_path / "work", Progress(Console(quiet=True)))
    with pytest.raises(UserError, match="begun with other settings"):
        second.gather(tmp_path / "work", Progress(Console(quiet=True)))


def test_a_table_without_data_is_left_out_and_one_of_other_data_is_not(tmp_path):
    whole = load("lane-keeping", None)
    study = replace(whole.studies[-1], contenders=(), source=RecordedLaps(tmp_path / "nowhere"))
    console = Console(file=StringIO(), width=200)
    runner = Runner(tmp_path / "out", replace(whole, studies=(study,)), 1, Progress(console))
    runner.run()
    assert "Udacity recording, steering on a held-out lap is left out. There is no" in console.file.getvalue()
    for name in ("first", "second"):
        (tmp_path / name / "udacity_track1").mkdir(parents=True)
        source = RecordedLaps(tmp_path / name)
        experiment = replace(whole, studies=(replace(study, source=source),))
        runner = Runner(tmp_path / "out", experiment, 1, Progress(console))
        if name == "first":
            runner.run()
    with pytest.raises(UserError, match="begun with other settings"):
        runner.run()


def test_damaged_weights_of_a_trained_network_are_named_and_missing_ones_made_again(tmp_path):
    whole = load("lane-keeping", None)
    job = cells.Job(replace(whole.studies[0], contenders=()), SINGLE.name, 0, whole.budget, tmp_path)
    weights = job.path("weights.npz")
    weights.parent.mkdir(parents=True)
    job.path("training.json").write_text("{}")
    assert not job.is_trained
    for damaged in ([np.zeros(3)], [np.array([object()])]):
        np.savez(weights, *damaged)
        assert job.is_trained
        with pytest.raises(UserError, match=r"seed-0\.weights\.npz is damaged .* delete it"):
            cells._ride(job, [])


def test_a_steady_guess_explains_nothing():
    wanted = np.random.default_rng(0).normal(size=(50, 1)).astype("float32")
    assert outputs.explained(wanted, wanted) == 1
    assert outputs.explained(wanted, np.full_like(wanted, wanted.mean())) == pytest.approx(0, abs=1e-6)
    assert outputs.mean_squared(wanted, wanted + 2) == pytest.approx(4, rel=1e-5)
    assert outputs.mean_absolute(wanted, wanted - 2) == pytest.approx(2, rel=1e-5)
