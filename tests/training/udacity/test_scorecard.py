"""The table of how well policies drive, made from real drives along a drawn road."""

import json
import sys

import pytest

from models.checkpoint import Manifest
from tests.small_checkpoint import UDACITY, save_small_checkpoint
from training.udacity import scorecard


def make_scorecard(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["scorecard", *map(str, arguments)])
    scorecard.main()


@pytest.mark.slow
def test_the_table_holds_what_was_measured_and_keeps_other_subjects(recording, tmp_path, monkeypatch):
    weights = save_small_checkpoint(tmp_path / "small.weights.h5", UDACITY)
    out = tmp_path / "out"
    for title in ("first", "second", "first"):
        make_scorecard(monkeypatch, recording.folder, f"{title}=:40={weights}", "--out", out)
    results = json.loads((out / "udacity-scores.json").read_text())["results"]
    assert len(results) == 2 * len(scorecard.CONDITIONS)
    assert [row["title"] for row in results[:: len(scorecard.CONDITIONS)]] == ["second", "first"]
    assert {row["condition"] for row in results} == set(scorecard.CONDITIONS)
    assert all(row["options"]["rows"] == ":40" for row in results)
    table = (out / "udacity-scores.md").read_text()
    for row in results:
        beginning = (
            f"| {row['title']} | {row['condition']} | {row['autonomy']:.1%} | {row['interventions']} |"
        )
        assert beginning in table
        assert f"| {row['title']} | {row['open_loop']['frames']} | {row['open_loop']['mse']:.4f} |" in table
    noted = Manifest.read(tmp_path / "small.json").scores
    assert noted["first, 25 mph"]["mean_distance_m"] == results[-4]["mean_distance_m"]

    def interrupt(_recording, subject):
        if subject.title == "second":
            raise KeyboardInterrupt
        return [row for row in results if row["title"] == subject.title]

    monkeypatch.setattr(scorecard, "scores", interrupt)
    subjects = [f"{title}=:40={weights}" for title in ("first", "second")]
    with pytest.raises(KeyboardInterrupt):
        make_scorecard(monkeypatch, recording.folder, *subjects, "--out", out)
    kept = json.loads((out / "udacity-scores.json").read_text())["results"]
    assert sorted(row["title"] for row in kept) == sorted(row["title"] for row in results)


def test_what_cannot_be_scored_is_one_sentence_before_any_drive(recording, tmp_path, monkeypatch, capsys):
    fine = f"fine=:40={save_small_checkpoint(tmp_path / 'small.weights.h5', UDACITY)}"
    with pytest.raises(SystemExit) as ended:
        make_scorecard(
            monkeypatch, recording.folder, fine, f"none=:={tmp_path}/none.weights.h5", "--out", tmp_path
        )
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert "There is no weights file" in told.err
    assert "fine" not in told.out


@pytest.mark.parametrize("content", ["[]", "{}", '{"results": null}'])
def test_a_file_without_results_is_not_written_over(recording, tmp_path, monkeypatch, capsys, content):
    fine = f"fine=:40={save_small_checkpoint(tmp_path / 'small.weights.h5', UDACITY)}"
    (tmp_path / scorecard.RESULTS).write_text(content)
    with pytest.raises(SystemExit):
        make_scorecard(monkeypatch, recording.folder, fine, "--out", tmp_path)
    assert "holds no results" in capsys.readouterr().err
    assert (tmp_path / scorecard.RESULTS).read_text() == content


def test_no_two_subjects_have_one_title(recording, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        make_scorecard(monkeypatch, recording.folder, "one=:40=a.keras", "one=:30=b.keras", "--out", tmp_path)
    assert "the same title" in capsys.readouterr().err
