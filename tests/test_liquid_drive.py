"""The command line as a user meets it: a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from tests.sim_bridges.udacity.drawn_recording import draw_recording
from tests.small_checkpoint import save_small_checkpoint


def liquid_drive(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "liquid_drive", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603


@pytest.fixture(autouse=True)
def _as_a_user(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return save_small_checkpoint(tmp_path_factory.mktemp("weights") / "small.weights.h5")


def assert_one_sentence(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 2
    assert "Traceback" not in result.stderr + result.stdout
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    for part in parts:
        assert part in result.stderr


def test_help_names_every_command_without_loading_tensorflow():
    program = "import sys, liquid_drive; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    loaded = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert loaded.stdout.split() == ["False", "False"]
    result = liquid_drive("--help")
    assert result.returncode == 0
    for command in ("carracing", "serve", "doctor", "collect", "train", "evaluate"):
        assert command in result.stdout


def test_results_go_to_standard_output_and_to_a_log_that_it_is_appended_to(tmp_path):
    recording, log = draw_recording(tmp_path / "recording"), tmp_path / "log"
    command = [sys.executable, "-m", "liquid_drive", "inspect", str(recording), "--json", "/dev/stdout"]
    log.write_text("mine\n")
    with log.open("a") as appended:
        subprocess.run(command, stdout=appended, stderr=subprocess.PIPE, timeout=300, check=True)  # noqa: S603
    piped = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)  # noqa: S603
    assert json.loads(piped.stdout)["rows"] > 10
    assert "Continuous driving" in piped.stderr
    assert log.read_text() == "mine\n" + piped.stdout


def test_beside_results_on_standard_output_all_else_goes_elsewhere(tmp_path):
    recording, plot = draw_recording(tmp_path / "recording"), tmp_path / "plot.png"
    result = liquid_drive("inspect", str(recording), "--json", "-", "--plot", str(plot))
    assert json.loads(result.stdout)["rows"] > 10
    assert f"Plot: {plot}" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["inspect", "RECORDING", "--json", "/dev/stdout"], "/dev/stdout"),
        (["inspect", "RECORDING"], "Standard output"),
        (["--version"], "Standard output"),
        (["--help"], "Standard output"),
    ],
)
def test_standard_output_that_is_full_is_one_sentence(arguments, name, tmp_path):
    recording = str(draw_recording(tmp_path / "recording"))
    command = [sys.executable, "-m", "liquid_drive", *(x.replace("RECORDING", recording) for x in arguments)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{name} cannot be written (No space left on device)" in done.stderr


def test_a_name_that_the_terminal_cannot_show_ends_nothing(tmp_path):
    recording, plot = draw_recording(tmp_path / "recording"), tmp_path / "gr\u00f6\u00dfe.png"
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "liquid_drive", "inspect", str(recording), "--plot", str(plot)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "gr\\xf6\\xdfe.png" in result.stdout
    assert plot.exists()


RECORDED = ("--data", "{recording}", "--work", "{folder}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "remedy", "arguments"),
    [
        ("gymnasium", "'liquid-drive[carracing]'", ["carracing", "--episodes", "1"]),
        ("gymnasium", "'liquid-drive[carracing]'", ["evaluate", "carracing", "--episodes", "1"]),
        ("pygame", "'liquid-drive[carracing]'", ["collect", "carracing", "--work", "{folder}"]),
        ("keras", "'liquid-drive[tensorflow]'", ["train", "udacity", *RECORDED]),
        ("keras", "'liquid-drive[tensorflow]'", ["experiment", "imputation", "--quick", "--out", "{folder}"]),
        ("eventlet", "liquid-drive again", ["serve", "--port", "0"]),
        ("simplejpeg", "liquid-drive again", ["doctor", "--port", "0"]),
    ],
)
def test_a_package_that_is_not_installed(missing, remedy, arguments, tmp_path):
    recording = draw_recording(tmp_path / "recording")
    filled = [argument.format(folder=tmp_path / "work", recording=recording) for argument in arguments]
    program = f"import sys; sys.modules[{missing!r}] = None; import liquid_drive; liquid_drive.main()"
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, *filled], capture_output=True, text=True, timeout=300, check=False
    )
    assert_one_sentence(result, f"This needs {missing}, which is not installed: pip install {remedy}.")


def test_tells_its_version():
    result = liquid_drive("--version")
    assert (result.returncode, result.stdout) == (0, f"liquid-drive {metadata.version('liquid-drive')}\n")


@pytest.mark.slow
def test_unknown_weights():
    assert_one_sentence(
        liquid_drive("carracing", "--weights", "nowhere.weights.h5"), "no weights file nowhere.weights.h5"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a[old].weights.h5", "a[/b].weights.h5"])
def test_brackets_are_printed_as_they_are(name):
    assert_one_sentence(liquid_drive("carracing", "--weights", name), f"no weights file {name}")


@pytest.mark.slow
def test_wrong_hash(weights, tmp_path):
    copy = tmp_path / "copy.weights.h5"
    copy.write_bytes(weights.read_bytes() + b"x")
    (tmp_path / "copy.json").write_text(weights.with_name("small.json").read_text())
    assert_one_sentence(liquid_drive("evaluate", "carracing", "--weights", str(copy)), "SHA-256", "Restore")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--video", "drive.avi"], ".gif or .mp4"),
        (["--video", "folder.gif"], "folder.gif cannot be written"),
        (["--video", "drive.gif", "--render"], "--render or --video"),
        (["--json", "/proc/results.json"], "/proc/results.json"),
    ],
)
def test_options_that_cannot_work(weights, tmp_path, arguments, part, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.gif").mkdir()
    assert_one_sentence(liquid_drive("carracing", "--weights", str(weights), *arguments), part)


@pytest.mark.parametrize("driver", ["x11", None])
def test_a_window_where_there_is_no_display(driver, weights, monkeypatch):
    if driver is None and Path("/dev/dri").exists():
        pytest.skip("this machine can show a window without a display server")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    if driver:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    result = liquid_drive("carracing", "--render", "--weights", str(weights))
    assert_one_sentence(result, "No window can be opened", "--video")


def test_unknown_options_and_values_out_of_range():
    for arguments in (["--unknown"], ["--episodes", "0"], ["--drop-frames", "1.5"], ["--seed", "x"]):
        assert liquid_drive("carracing", *arguments).returncode == 2


@pytest.mark.slow
def test_drives_and_leaves_video_and_results(weights, tmp_path):
    video, results = tmp_path / "drive.gif", tmp_path / "results.json"
    result = liquid_drive(
        *("carracing", "--episodes", "1", "--seed", "20", "--weights", str(weights)),
        *("--drop-frames", "0.9", "--video", str(video), "--json", str(results)),
    )
    assert result.returncode == 0, result.stderr
    assert "Track 20: score" in result.stdout
    assert str(video) in result.stdout
    assert video.stat().st_size > 10_000
    written = json.loads(results.read_text())
    assert written["episodes"][0]["seed"] == 20
    assert written["drop_frames"] == 0.9


@pytest.mark.parametrize("name", ["driving_log.csv", "small.json"])
def test_results_take_the_place_of_earlier_ones_alone(weights, tmp_path, name):
    recording = draw_recording(tmp_path / "recording")
    (recording / "small.json").write_bytes(weights.with_name("small.json").read_bytes())
    before = (recording / name).read_bytes()
    refused = liquid_drive("inspect", str(recording), "--json", str(recording / name))
    assert_one_sentence(refused, f"{name} holds something else than results: choose another name for them")
    assert (recording / name).read_bytes() == before
    for _ in range(2):
        assert liquid_drive("inspect", str(recording), "--json", str(tmp_path / "new.json")).returncode == 0


def test_a_users_settings_for_keras_are_not_those_of_the_commands(weights, tmp_path, monkeypatch):
    (tmp_path / "keras.json").write_text('{"floatx": "float16", "image_data_format": "channels_first"}')
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    result = liquid_drive("export", str(weights), "--out", str(tmp_path / "exported.tflite"))
    assert result.returncode == 0, result.stderr


ENDED_IN_A_FINALIZER = """
import os, signal, time
import liquid_drive

# What runs in the background may have inherited that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.{signal})
        time.sleep(0.01)

def work():
    Last()
    time.sleep(120)

liquid_drive.app = work
liquid_drive.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 128 + signal.SIGTERM), ("SIGINT", -signal.SIGINT)])
def test_a_signal_that_comes_in_a_finalizer_ends_the_command_too(name, code):
    program = ENDED_IN_A_FINALIZER.format(signal=name)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=90, check=False)  # noqa: S603
    assert ended.returncode == code


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there, terminate() leaves no time to clear away")
def test_who_is_terminated_leaves_no_half_film(weights, tmp_path):
    command = [
        *(sys.executable, "-m", "liquid_drive", "carracing", "--episodes", "99"),
        *("--weights", str(weights), "--video", str(tmp_path / "drive.mp4")),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        until_s = time.monotonic() + 120
        while not list(tmp_path.glob("partial-*")) and time.monotonic() < until_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in complaint
    assert not list(tmp_path.iterdir())
