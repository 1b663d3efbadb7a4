"""A Docker engine to test with: the machine's own, or one that is started for the test."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STARTER_VARIABLE = "DOCKER_ENGINE_START"
NEIGHBOUR = ROOT.parent / "shared" / "tools" / "docker-engine" / "start.sh"
START_TIMEOUT_S = 600
STOP_TIMEOUT_S = 30


class NoEngineError(Exception):
    """There is no engine, and why."""


@dataclass(frozen=True)
class Engine:
    """Docker's command line, and the engine that it talks to.

    Attributes:
        environment: The environment's variables for it.
        name: What it is, in words.
    """

    environment: Mapping[str, str]
    name: str

    def run(
        self, *arguments: str | Path, text: str | None = None, extra: Mapping[str, str] | None = None
    ) -> str:
        """Runs `docker ARGUMENTS` and returns what it prints.

        Args:
            arguments: The arguments.
            text: Its standard input.
            extra: Further variables of the environment.

        Raises:
            RuntimeError: It failed, and what it said.
        """
        command = ["docker", *map(str, arguments)]
        result = subprocess.run(  # noqa: S603
            command,
            input=text,
            env={**self.environment, **(extra or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"{' '.join(command)}: {result.stdout[-2000:]}{result.stderr[-4000:]}")
        return result.stdout.strip()


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Yields the machine's engine if it has one, else one that lives as long as the test.

    Raises:
        NoEngineError: There is none and none can be started.
    """
    environment = dict(os.environ)
    if _answers(environment):
        yield Engine(environment, "the machine's own engine")
        return
    starter = Path(os.environ.get(STARTER_VARIABLE, NEIGHBOUR))
    if not starter.is_file():
        raise NoEngineError(f"no engine runs, and {STARTER_VARIABLE} names no script that starts one")
    if os.geteuid() != 0:
        raise NoEngineError("no engine runs, and only root can start one")
    state = Path(tempfile.mkdtemp(prefix="docker-engine-"))
    try:
        yield Engine({**environment, **_start(starter, state)}, "an engine of the test's own")
    finally:
        _stop(starter.with_name("stop.sh"), state)
        shutil.rmtree(state, ignore_errors=True)


def _answers(environment: Mapping[str, str]) -> bool:
    if shutil.which("docker") is None:
        return False
    command = ["docker", "info"]
    result = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)  # noqa: S603
    return result.returncode == 0


def _start(starter: Path, state: Path) -> dict[str, str]:
    """Starts an engine and returns the variables by which it is found."""
    log = state / "start.log"
    with log.open("w+") as output:
        # In a session of its own, what it began can be ended with it.
        process = subprocess.Popen(  # noqa: S603
            [starter, state], stdout=output, stderr=output, start_new_session=True
        )
        try:
            failed = process.wait(START_TIMEOUT_S) != 0
        except subprocess.TimeoutExpired:
            raise NoEngineError(f"{starter} started none in {START_TIMEOUT_S} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    said = log.read_text().strip() or "nothing"
    if failed:
        raise NoEngineError(f"{starter} failed and said: {said.splitlines()[-1]}")
    exports = (state / "env").read_text().removeprefix("export ").split()
    return dict(pair.split("=", 1) for pair in exports)


def _stop(stopper: Path, state: Path) -> None:
    pid = state / "pid"
    if not pid.is_file():
        return
    process = Path("/proc", pid.read_text().strip())
    subprocess.run([stopper, state], capture_output=True, timeout=120, check=False)  # noqa: S603
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    while process.exists() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    _unmount_below(state)


def _unmount_below(folder: Path) -> None:
    """Unmounts what an engine leaves mounted, such as the network name space of its containers."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in reversed(points):
        if Path(point).is_relative_to(folder):
            subprocess.run(["umount", point], capture_output=True, check=False)  # noqa: S603, S607
