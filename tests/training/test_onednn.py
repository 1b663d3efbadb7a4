"""oneDNN is chosen before TensorFlow is loaded, and never against the user's choice."""

import os
import subprocess
import sys

import pytest

from training.onednn import use_onednn

CHOICE = "TF_ENABLE_ONEDNN_OPTS"


def test_it_is_used_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "")
    monkeypatch.delenv(CHOICE)
    use_onednn()
    assert os.environ[CHOICE] == "1"


def test_the_users_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "0")
    use_onednn()
    assert os.environ[CHOICE] == "0"


@pytest.mark.parametrize("package", ["carracing", "udacity", "experiments"])
def test_the_commands_come_before_tensorflow(package: str) -> None:
    check = f"import sys, training.{package}.commands; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0  # noqa: S603
