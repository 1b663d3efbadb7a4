"""`train udacity` from the command line: what it refuses before it has worked for nothing."""

import shutil

import pytest
import typer
from typer.testing import CliRunner

from models.errors import UserError
from training.udacity.commands import train

app = typer.Typer()
app.command()(train)


def refusal(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


@pytest.mark.parametrize("rows", ["5:5", "9:3", "99999:"])
@pytest.mark.parametrize("architecture", ["lan", "pilotnet-lan"])
def test_rows_in_which_nothing_is_driven(recording, rows, architecture):
    said = refusal("--data", recording.folder, "--rows", rows, "--architecture", architecture)
    assert f"Nothing is driven for 10 rows on end in rows {rows}" in said


@pytest.mark.parametrize(("architecture", "name"), [("lan", "x.weights.h5"), ("pilotnet-lan", "x.keras")])
def test_a_place_for_the_weights_that_cannot_be_written(recording, tmp_path, architecture, name):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / name
    said = refusal("--data", recording.folder, "--architecture", architecture, "--out", out)
    assert said.startswith(f"{out} cannot be written")


@pytest.mark.slow
def test_a_published_architecture_goes_on_with_its_own_recording_and_seed_only(
    recording, tmp_path, monkeypatch
):
    asked = ("--architecture", "pilotnet-lan", "--work", tmp_path / "work", "--out", tmp_path / "p.keras")
    monkeypatch.setattr("training.udacity.pilotnet.train", lambda *_: None)
    done = CliRunner().invoke(app, [str(x) for x in ("--data", recording.folder, *asked)])
    assert done.exit_code == 0, done.output
    assert "begun with other settings" in refusal("--data", recording.folder, *asked, "--seed", 7)
    other = shutil.copytree(recording.folder, tmp_path / "other")
    assert "begun with other settings" in refusal("--data", other, *asked)
    changed = shutil.copytree(recording.folder, tmp_path / "changed" / recording.folder.name)
    log = changed / "driving_log.csv"
    log.write_text(log.read_text().replace("0.2", "0.3"))
    assert "begun with other settings" in refusal("--data", changed, *asked)
