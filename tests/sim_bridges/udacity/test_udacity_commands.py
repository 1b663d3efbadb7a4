"""`serve` and `doctor` as processes: how they start, what they say, how they end."""

import contextlib
import csv
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from controller.runtime import RuntimeChoice
from models.export import export
from sim_bridges.udacity.doctor import Finding, examine
from sim_bridges.udacity.policies import SHIPPED_WEIGHTS
from tests.sim_bridges.udacity.running_server import ROOT, eventually, serving
from tests.sim_bridges.udacity.simulator_client import SimulatorClient
from tests.small_checkpoint import UDACITY, save_small_checkpoint

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
PROGRAM = [sys.executable, "-m", "liquid_drive"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [*PROGRAM, *arguments],
        cwd=ROOT,
        env=os.environ | QUIET | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class Serving:
    """A `serve` process."""

    def __init__(self, *arguments: str, program: list[str]) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            [*program, "serve", "--port", "0", *arguments],
            cwd=ROOT,
            env=os.environ | QUIET,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        assert eventually(lambda: self.said("waiting for simulators"), 120), self.lines
        self.port = int(re.search(r"port=(\d+)", self.said("waiting for simulators")[0])[1])

    def _read(self) -> None:
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def said(self, event: str) -> list[str]:
        return [line for line in list(self.lines) if event in line]


@contextlib.contextmanager
def a_serve_process(*arguments: str, program: list[str] = PROGRAM) -> Iterator[Serving]:
    serving = Serving(*arguments, program=program)
    try:
        yield serving
    finally:
        serving.process.kill()
        serving.process.wait(60)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return save_small_checkpoint(tmp_path_factory.mktemp("weights") / "small.weights.h5", UDACITY)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_cars_closes_the_recording_and_exits_with_0(weights, tmp_path, number):
    with a_serve_process("--weights", str(weights), "--record", str(tmp_path / "drives")) as serving:
        client = SimulatorClient(serving.port, frame_s=0.02).start()
        client.car.speed_mph = 12.0
        assert client.wait_for(lambda c: any(throttle > 0 for _, throttle in c.tally.steers))
        serving.process.send_signal(number)
        assert client.wait_for(lambda c: c.car.speed_mph < 5.7)
        client.car.speed_mph = 0.0
        assert serving.process.wait(60) == 0
        assert client.wait_for(lambda c: c.tally.closed)
        assert client.tally.steers[-1][1] == 0.0
        assert serving.said("gone down vehicles_stood=True")
    (drive,) = (tmp_path / "drives").iterdir()
    entries = [json.loads(line) for line in (drive / "frames.jsonl").read_text().splitlines()]
    assert 0 <= len(entries) - len(client.tally.steers) <= 1
    assert entries[-1]["state"] == "stopping"
    with (drive / "driving_log.csv").open(newline="") as log:
        images = [Path(row[0]) for row in csv.reader(log)]
    assert len(images) == len(entries)
    assert all(image.is_file() for image in images)


@pytest.mark.slow
def test_a_killed_service_loses_the_last_frame_of_its_recording_at_most(weights, tmp_path):
    with a_serve_process("--weights", str(weights), "--record", str(tmp_path)) as serving:
        client = SimulatorClient(serving.port, frame_s=0.02).start()
        assert client.wait_for_replies(60)
        serving.process.kill()
        serving.process.wait(60)
        assert client.wait_for(lambda c: c.tally.closed)
    (drive,) = tmp_path.iterdir()
    whole = (drive / "driving_log.csv").read_bytes().count(b"\n")
    assert whole >= len(client.tally.steers) - 1


WITHOUT_TENSORFLOW = """
import sys
sys.modules |= dict.fromkeys(("tensorflow", "keras", "h5py", "matplotlib", "gymnasium", "PIL"))
import liquid_drive
liquid_drive.main()
"""


@pytest.mark.slow
def test_serving_exported_weights_needs_no_tensorflow(weights, tmp_path):
    export(weights, tmp_path / "car.tflite")
    program = [sys.executable, "-c", WITHOUT_TENSORFLOW]
    with a_serve_process("--weights", str(tmp_path / "car.tflite"), program=program) as serving:
        assert serving.said("LiteRT runs the network")
        with SimulatorClient(serving.port) as client:
            assert client.wait_for_replies(10)
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--weights", "{folder}/none.weights.h5"], "There is no weights file"),
        (["--weights", "{folder}/broken.weights.h5"], "manifest"),
        (["--weights", "{weights}", "--record", "{folder}/broken.weights.h5"], "Cannot record to"),
        (["--weights", "{weights}", "--host", "0.0.0.0"], "--allow"),  # noqa: S104
        (["--weights", "{weights}", "--host", "0.0.0.0", "--allow", "10.0.0.0/8"], "LIQUID_DRIVE_TOKEN"),  # noqa: S104
        (["--weights", "{weights}", "--allow", "nowhere"], "is no network"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence_and_exit_code_2(weights, tmp_path, arguments, sentence):
    (tmp_path / "broken.weights.h5").write_bytes(b"not weights")
    (tmp_path / "broken.json").write_text("not a manifest")
    done = run("serve", *(argument.format(folder=tmp_path, weights=weights) for argument in arguments))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_an_unknown_option_is_exit_code_2():
    done = run("serve", "--fast")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_busy_port_is_one_sentence_and_exit_code_2(weights):
    with serving() as running:
        done = run("serve", "--weights", str(weights), "--port", str(running.port))
    assert done.returncode == 2
    assert f"port {running.port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_help_does_not_load_tensorflow(command):
    check = "import sys; import sim_bridges.udacity.commands; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0  # noqa: S603
    assert run(command, "--help").returncode == 0


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_the_doctor_finds_a_healthy_machine_healthy(weights):
    done = run("doctor", "--weights", str(weights), "--port", str(free_port()))
    assert "FAIL" not in done.stdout.replace("FAIL  a self-test frame is answered", "slow machine")
    assert "python-socketio" in done.stdout
    assert "is free" in done.stdout
    assert "can be loaded, and runs by tensorflow" in " ".join(done.stdout.split())
    assert "a self-test frame is answered in" in done.stdout


def test_the_doctor_names_what_is_not_installed_and_looks_no_further(monkeypatch):
    needed = metadata.requires("liquid-drive")
    monkeypatch.setattr(metadata, "requires", lambda _: [*needed, "nosuch-one>=1", 'unneeded; extra == "x"'])
    (finding,) = examine(SHIPPED_WEIGHTS, RuntimeChoice.AUTO, "127.0.0.1", free_port(), None)
    assert finding == Finding(False, "not installed: nosuch-one; run pip install liquid-drive again")


@pytest.mark.slow
def test_the_doctor_tells_what_is_connected():
    with serving() as running:
        lonely = run("doctor", "--port", str(running.port))
        assert lonely.returncode == 1
        assert "FAIL  nothing is connected: start the simulator and choose autonomous mode" in lonely.stdout
        with SimulatorClient(running.port) as client:
            assert client.wait_for_replies(3)
            driven = run("doctor", "--port", str(running.port))
            assert running.request("POST", "/stop")[0] == 204
            assert eventually(lambda: running.vehicles()[0]["state"] == "stopping")
            stopped = run("doctor", "--port", str(running.port))
        assert driven.returncode == 0
        assert "driving, because a frame came" in driven.stdout
        assert stopped.returncode == 1
        assert f"drive on after: curl -X POST http://127.0.0.1:{running.port}/resume" in stopped.stdout
        silent = SimulatorClient(running.port)
        silent.send_text('42["hello"]')
        assert running.wait_for_vehicles(1)
        assert (
            "no telemetry for 5 s: is the simulator in autonomous mode?"
            in run("doctor", "--port", str(running.port)).stdout
        )
        silent.stop()


def said_of_the_port(host: str, port: int, token: str | None) -> Finding:
    _versions, of_port = itertools.islice(examine(SHIPPED_WEIGHTS, RuntimeChoice.AUTO, host, port, token), 2)
    return of_port


def test_the_doctor_asks_the_service_itself_and_names_the_token(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(token="secret") as running:  # noqa: S106
        known = said_of_the_port("127.0.0.1", running.port, "secret")
        unknown = said_of_the_port("127.0.0.1", running.port, None)
    assert "liquid-drive serves on port" in known.text
    assert not unknown.ok
    assert "answers 401 UNAUTHORIZED; set LIQUID_DRIVE_TOKEN" in unknown.text


def test_the_doctor_tells_a_wrong_host_from_a_taken_port():
    finding = said_of_the_port("nosuch.invalid", 4567, None)
    assert not finding.ok
    assert "nothing can listen on nosuch.invalid port 4567" in finding.text


def test_the_doctor_sees_a_program_that_speaks_no_http():
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet():
            connection, _ = other.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        greeter = threading.Thread(target=greet)
        greeter.start()
        finding = said_of_the_port("127.0.0.1", other.getsockname()[1], None)
        greeter.join()
    assert not finding.ok
    assert "is taken by another program" in finding.text


@pytest.mark.slow
def test_the_doctor_sees_another_program_on_the_port_and_broken_weights(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run(
            "doctor", "--port", str(other.getsockname()[1]), "--weights", str(tmp_path / "none.weights.h5")
        )
    assert done.returncode == 1
    assert "is taken by another program" in done.stdout
    assert "FAIL  There is no weights file" in done.stdout
