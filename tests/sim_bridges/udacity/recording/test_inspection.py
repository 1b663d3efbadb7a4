"""What `inspect` says about a recording."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from models.errors import UserError
from sim_bridges.udacity.recording import read_recording
from sim_bridges.udacity.recording.inspection import inspect
from sim_bridges.udacity.recording_commands import inspect as inspect_command
from sim_bridges.udacity.vehicle import steering_for
from tests.sim_bridges.udacity.drawn_recording import DrawnDrive, grey_recording, real_recording

app = typer.Typer()
app.command()(inspect_command)

RADIUS_M = 8.0
LAP_S = 2 * np.pi * RADIUS_M / 9.0


@pytest.fixture(scope="module")
def circles(tmp_path_factory):
    """A lap and a half to the left, then half a lap to the right, with a gap between."""
    time_s = np.arange(0, 2 * LAP_S, 0.06)
    steering = np.where(time_s < 1.5 * LAP_S, -1.0, 1.0) * steering_for(1 / RADIUS_M)
    time_s = np.where(steering > 0, time_s + 3, time_s)
    return grey_recording(
        tmp_path_factory.mktemp("circles") / "r", DrawnDrive(time_s, steering, np.full(len(time_s), 9.0))
    )


def test_laps_and_distance_come_from_steering_and_speed(circles):
    found = inspect(read_recording(circles))
    left, right = found.stretches
    assert left.laps == pytest.approx(1.5, abs=0.02)
    assert right.laps == pytest.approx(-0.5, abs=0.02)
    assert found.distance_m == pytest.approx(9.0 * 2 * LAP_S, rel=0.02)
    assert found.interval_ms["median"] == pytest.approx(60, abs=1)
    assert found.interval_ms["max"] == pytest.approx(60, abs=2)
    assert found.interruptions == 1


def test_histograms_are_shares(circles):
    found = inspect(read_recording(circles))
    assert sum(found.steering_share) == pytest.approx(1)
    assert sum(found.balanced_share) == pytest.approx(1)
    assert len(found.steering_edges) == len(found.steering_share) + 1


def test_the_command_prints_plots_and_writes(circles, tmp_path):
    plot, numbers = tmp_path / "new" / "plot.png", tmp_path / "numbers.json"
    done = CliRunner().invoke(app, [str(circles), "--plot", str(plot), "--json", str(numbers)])
    assert done.exit_code == 0, done.output
    assert "2.0 laps" in done.output
    assert plot.read_bytes().startswith(b"\x89PNG")
    content = json.loads(numbers.read_text())
    assert content["laps"] == pytest.approx(2.0, abs=0.04)
    assert content["suspicious"]["U-turn"] == []


def test_a_car_that_stands_drives_nothing(tmp_path):
    steering = np.zeros(30)
    standing = grey_recording(tmp_path / "r", DrawnDrive(np.arange(30) * 0.06, steering, np.full(30, 0.1)))
    done = CliRunner().invoke(app, [str(standing)])
    assert done.exit_code == 0, done.output
    assert "Nothing in it is driven" in done.output
    assert "exactly straight" not in done.output
    found = inspect(read_recording(standing))
    assert set(found.steering_share) == set(found.balanced_share) == {0.0}
    assert found.zero_share == found.balanced_zero_share == found.laps == 0


def test_short_interruptions_add_no_laps(tmp_path):
    time_s = np.arange(0, 2 * LAP_S, 0.06)
    steering = np.where(np.arange(len(time_s)) % 60 < 30, -1.0, 0.6) * steering_for(1 / RADIUS_M)
    kept = np.arange(len(time_s)) % 30 < 20
    drive = DrawnDrive(time_s[kept], steering[kept], np.full(kept.sum(), 9.0))
    found = inspect(read_recording(grey_recording(tmp_path / "r", drive)))
    assert len(found.stretches) > 4
    assert found.laps == pytest.approx(abs(sum(stretch.laps for stretch in found.stretches)))
    assert found.laps < 0.6 * sum(abs(stretch.laps) for stretch in found.stretches)


def test_duplicates_are_no_intervals(tmp_path):
    drive = DrawnDrive(np.arange(40) * 0.06, np.zeros(40), np.full(40, 9.0))
    folder = grey_recording(tmp_path / "r", drive)
    log = folder / "driving_log.csv"
    log.write_text("".join(2 * line for line in log.read_text().splitlines(keepends=True)))
    assert inspect(read_recording(folder)).interval_ms["median"] == pytest.approx(60, abs=1)


def test_left_out_images_are_told(circles, tmp_path):
    damaged = tmp_path / "damaged"
    (damaged / "IMG").mkdir(parents=True)
    (damaged / "driving_log.csv").write_bytes((circles / "driving_log.csv").read_bytes())
    for image in sorted((circles / "IMG").iterdir())[:30]:
        (damaged / "IMG" / image.name).write_bytes(image.read_bytes())
    done = CliRunner().invoke(app, [str(damaged)])
    assert done.exit_code == 0, done.output
    assert "left out: image missing" in done.output


def test_a_plot_of_an_unknown_kind_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match="must end in one of"):
        inspect_command(tmp_path / "nowhere", plot=tmp_path / "plot.docx")


def test_the_real_recording_has_the_laps_that_its_readme_tells():
    found = inspect(read_recording(real_recording()))
    forward, backward = found.stretches
    assert forward.laps == pytest.approx(1.7, abs=0.1)
    assert backward.laps == pytest.approx(-1.1, abs=0.15)
    assert found.zero_share == pytest.approx(0.72, abs=0.02)
    assert found.balanced_zero_share < 0.2
