"""The commands `simulate udacity` and `evaluate udacity`, their plots and their films."""

import json
import time

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from models.checkpoint import sha256_of
from models.errors import UserError
from models.preprocessing import Preprocessing
from sim_bridges.udacity import replay_commands
from sim_bridges.udacity.replay.direct import drive_directly
from sim_bridges.udacity.replay.film import filming_drives
from sim_bridges.udacity.replay.options import DriveOptions
from sim_bridges.udacity.replay.pacing import Pacing
from sim_bridges.udacity.replay.plots import plot
from sim_bridges.udacity.replay.stretches import read_part, stretches
from sim_bridges.udacity.replay.world import World
from sim_bridges.udacity.settings import session_settings
from sim_bridges.video import Gif, Mp4
from tests.sim_bridges.udacity.drawn_recording import real_recording
from tests.sim_bridges.udacity.replay.lane_policy import LanePolicy, StraightPolicy
from tests.sim_bridges.udacity.replay.test_client import address
from tests.sim_bridges.udacity.running_server import serving
from tests.small_checkpoint import CARRACING, UDACITY, save_small_checkpoint

SETTINGS = session_settings(9.0)
KEYS = {
    "autonomy",
    "interventions",
    "interventions_per_km",
    "mean_distance_m",
    "p95_distance_m",
    "steering_jerk_rms",
    "human_steering_jerk_rms",
    "elapsed_s",
    "distance_m",
    "latency_ms",
    "options",
    "versions",
}

app = typer.Typer()
app.command()(replay_commands.simulate)
app.command()(replay_commands.evaluate)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_small_checkpoint(tmp_path_factory.mktemp("weights") / "small.weights.h5", UDACITY)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_server_is_driven_measured_drawn_and_filmed(drawn_folder, tmp_path):
    numbers, picture, video = tmp_path / "n.json", tmp_path / "p.png", tmp_path / "v.mp4"
    with serving(LanePolicy, speed_mps=9.0) as running:
        done = run(
            *("simulate", "--recording", drawn_folder, "--url", address(running.port), "--rows", ":60"),
            *("--start-speed", 20, "--drop-frames", 0.3, "--start-offset", -0.5),
            *("--json", numbers, "--plot", picture, "--video", video),
        )
    assert done.exit_code == 0, done.output
    assert "100.0%" in done.output
    results = json.loads(numbers.read_text())
    assert results.keys() >= KEYS
    assert results["autonomy"] == 1.0
    assert results["latency_ms"].keys() == {"p50", "p99"}
    assert results["options"]["drop_frames"] == 0.3
    assert results["stretches"][0]["rows"] == [0, 60]
    assert cv2.imread(str(picture)).shape[0] > 500
    assert cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT) > 50


@pytest.mark.slow
def test_a_policy_is_evaluated_by_the_real_service(drawn_folder, weights, tmp_path):
    numbers = tmp_path / "n.json"
    done = run(
        *("evaluate", "--recording", drawn_folder, "--weights", weights, "--rows", "20:50"),
        *("--speed", 20, "--json", numbers),
    )
    assert done.exit_code == 0, done.output
    results = json.loads(numbers.read_text())
    assert results.keys() >= KEYS | {"sha256", "open_loop"}
    assert results["sha256"] == sha256_of(weights)
    assert results["runtime"] == "tensorflow"
    assert results["policy"] == "small"
    assert results["latency_ms"]["p50"] > 0
    assert not results["options"]["fast"]
    assert results["open_loop"]["frames"] == 30


def test_evaluation_on_simulated_time_is_repeatable(drawn_folder, weights, tmp_path):
    results = []
    for number in range(2):
        file = tmp_path / f"{number}.json"
        done = run(
            *("evaluate", "--recording", drawn_folder, "--weights", weights, "--rows", "20:40", "--fast"),
            *("--start-heading", 10, "--seed", 2, "--noise", 2, "--drop-frames", 0.2, "--json", file),
        )
        assert done.exit_code == 0, done.output
        results.append(json.loads(file.read_text()))
    for result in results:
        for part in (result, *result["stretches"]):
            del part["latency_ms"]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--rows", "5"), "write A:B"),
        (("--rows", "5:8"), "Nothing is driven for 10 rows on end in rows 5:8"),
        (("--rows", "500:"), "Nothing is driven"),
        (("--url", "ws://127.0.0.1:1/"), "No server for simulators answers"),
        (("--video", "drive.avi"), ".gif or .mp4"),
        (("--plot", "plot.docx"), "must end in one of"),
        (("--plot", "plot.pgf"), "must end in one of .png, .jpg, .svg, .pdf"),
        (("--recording", "nowhere"), "There is no driving_log.csv"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence(drawn_folder, arguments, sentence):
    done = run("simulate", "--recording", drawn_folder, *arguments)
    assert isinstance(done.exception, UserError)
    assert sentence in str(done.exception)


@pytest.mark.parametrize("option", ["--start-offset", "--start-heading"])
@pytest.mark.parametrize("value", ["nan", "inf", "-50"])
def test_a_start_where_no_car_may_be_is_refused(drawn_folder, option, value):
    done = run("evaluate", "--recording", drawn_folder, option, value)
    assert done.exit_code == 2
    assert option in done.output


def test_weights_that_cannot_be_used_are_one_sentence(drawn_folder, tmp_path):
    done = run("evaluate", "--recording", drawn_folder, "--weights", tmp_path / "none.weights.h5")
    assert isinstance(done.exception, UserError)
    assert "There is no weights file" in str(done.exception)


@pytest.mark.slow
@pytest.mark.parametrize("way", [(), ("--fast",)])
def test_weights_of_another_camera_are_named_before_the_drive(drawn_folder, tmp_path, way):
    weights = save_small_checkpoint(tmp_path / "small.weights.h5", CARRACING)
    done = run("evaluate", "--recording", drawn_folder, "--weights", weights, *way)
    assert isinstance(done.exception, UserError)
    assert "use the camera that the policy was trained with" in str(done.exception)


def test_parts_of_a_recording_fall_into_stretches():
    part = read_part(real_recording(), "2000:2300")
    found = [(int(stretch.rows[0]), int(stretch.rows[-1])) for stretch in stretches(part)]
    assert found[0][0] == 2000
    assert found[-1][1] == 2299
    assert len(found) == 2


def test_interventions_are_drawn(drawn, tmp_path):
    world = World(drawn, DriveOptions(20.0).world)
    record = drive_directly(world, StraightPolicy(), SETTINGS)
    assert record.interventions
    plot([record, record], tmp_path / "p.png")
    picture = cv2.imread(str(tmp_path / "p.png")).astype(int)
    red = (picture[..., 2] > 200) & (picture[..., :2].max(-1) < 60)
    assert red.sum() > 100


@pytest.mark.parametrize(("ending", "a_second"), [("gif", 10), ("mp4", 20)])
def test_films_last_as_long_as_the_drives(drawn, tmp_path, ending, a_second):
    path = tmp_path / f"film.{ending}"
    preprocessing = Preprocessing(160, 320, height=40, width=160, crop_top=55, color="yuv")
    elapsed_s = 0.0
    with filming_drives(path, 0.05, preprocessing) as film:
        for _ in range(2):
            world = World(drawn.take(slice(0, 30)), DriveOptions(20.0).world)
            record = drive_directly(world, LanePolicy(), SETTINGS, Pacing(drop_frames=0.3), film.show)
            elapsed_s += record.elapsed_s
    video = cv2.VideoCapture(str(path))
    count = 0
    while video.read()[0]:
        count += 1
    # A GIF's writer joins pictures that are alike.
    assert count == pytest.approx(elapsed_s * a_second, rel=0.15, abs=4)


def film_a_drive(path, world, watch=lambda: None):
    with filming_drives(path, 0.05, None) as film:

        def on_frame(image, trip):
            film.show(image, trip)
            watch()

        drive_directly(world, LanePolicy(), SETTINGS, on_frame=on_frame)


def test_who_stops_a_drive_waits_for_no_film(drawn, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(Gif, "add", lambda _video, picture: (time.sleep(0.2), made.append(picture)))
    world = World(drawn, DriveOptions(20.0).world)

    def stop():
        if world.place.index > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film_a_drive(tmp_path / "film.gif", world, stop)
    assert len(made) < 10
    assert not list(tmp_path.iterdir())


def test_a_film_that_cannot_be_made_ends_the_drive_before_its_end(drawn, tmp_path, monkeypatch):
    def refuse(_video, _picture):
        raise UserError("no such codec")

    monkeypatch.setattr(Mp4, "add", refuse)
    monkeypatch.setattr("sim_bridges.udacity.replay.film.PENDING_MAX", 5)
    world = World(drawn, DriveOptions(20.0).world)
    with pytest.raises(UserError, match="no such codec"):
        film_a_drive(tmp_path / "film.mp4", world)
    assert 0 < world.place.index < 10


def test_a_film_shows_the_cameras_frame_above_the_networks(drawn):
    from sim_bridges.udacity.replay.film import CAMERA_HEIGHT, MARGIN, Moment, compose
    from sim_bridges.udacity.replay.trip import Trip

    image = drawn.image(40)
    trip = Trip(World(drawn, DriveOptions(20.0).world))
    trip.command(-0.5, 0.0, 0.0)
    preprocessing = Preprocessing(160, 320, height=40, width=160, crop_top=60, color="yuv")
    picture = compose(Moment.of(image, trip), preprocessing)
    shown = cv2.resize(picture[:CAMERA_HEIGHT], (320, 160), interpolation=cv2.INTER_AREA)
    assert np.abs(shown.astype(int) - image).mean() < 6
    view = picture[CAMERA_HEIGHT + MARGIN :][:70, MARGIN:][:, :300]
    assert np.abs(view.mean((0, 1)) - image[60:].mean((0, 1))).max() < 25
    blue = (picture[..., 2] > 240) & (picture[..., 0] < 120)
    columns = np.nonzero(blue[CAMERA_HEIGHT + 15 : CAMERA_HEIGHT + 30])[1]
    assert 400 < columns.min() < 420
    assert columns.max() < 485
