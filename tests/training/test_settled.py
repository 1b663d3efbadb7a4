"""A working folder goes on with its own settings only."""

import pytest

from models.errors import UserError
from training.settled import settle

SETTINGS = {"rates": (0.1, 0.2), "seed": 3}


def test_the_same_settings_go_on_and_others_are_refused(tmp_path):
    file = tmp_path / "work" / "recipe.json"
    settle(file, SETTINGS)
    before = file.stat().st_mtime_ns
    settle(file, SETTINGS)
    assert file.stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"begun with other settings, which its recipe\.json holds"):
        settle(file, SETTINGS | {"seed": 4})


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for work in ("file", "file/work"):
        with pytest.raises(UserError, match="cannot be written"):
            settle(tmp_path / work / "recipe.json", SETTINGS)


def test_settings_that_cannot_be_read_are_no_other_settings(tmp_path):
    (tmp_path / "recipe.json").touch()
    with pytest.raises(UserError, match="delete it"):
        settle(tmp_path / "recipe.json", SETTINGS)
