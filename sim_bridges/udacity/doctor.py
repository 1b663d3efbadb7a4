"""What `liquid-drive doctor` looks at when the car does not move."""

import errno
import http.client
import json
import platform
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from controller.interface import Policy
from controller.runtime import RuntimeChoice
from controller.safety import State
from models.errors import UserError
from sim_bridges.udacity.address import resolved

BUDGET_S = 0.05

_OPTIONAL_PACKAGES = ("tensorflow", "keras")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    text: str


def examine(
    weights: Path, runtime: RuntimeChoice, host: str, port: int, token: str | None
) -> Iterator[Finding]:
    """Yields what there is to say about versions, port, connected vehicles, weights and a self-test."""
    versions = _versions()
    yield versions
    if not versions.ok:
        return
    # Whoever lacks a package is to be told so, which the import of what needs it would forestall.
    from sim_bridges.udacity.policies import load_policies

    yield from _port(host, port, token)
    try:
        policy = load_policies(weights, runtime)()
    except UserError as error:
        yield Finding(False, str(error))
        return
    yield Finding(True, f"{weights} can be loaded, and runs by {policy.runtime.value}")
    yield _self_test(policy)


def _versions() -> Finding:
    versions = {package: _version(package) for package in _required_packages()}
    missing = [package for package, version in versions.items() if version is None]
    if missing:
        return Finding(False, f"not installed: {', '.join(missing)}; run pip install liquid-drive again")
    versions |= {package: version for package in _OPTIONAL_PACKAGES if (version := _version(package))}
    present = {"liquid-drive": _version("liquid-drive"), "Python": platform.python_version(), **versions}
    return Finding(True, ", ".join(f"{name} {version}" for name, version in present.items()))


def _required_packages() -> list[str]:
    """Returns what an installation without extras needs."""
    requirements = metadata.requires("liquid-drive") or []
    names = (re.match(r"[\w.-]+", each) for each in requirements if "extra ==" not in each)
    return [name[0] for name in names if name]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _port(host: str, port: int, token: str | None) -> Iterator[Finding]:
    try:
        family, address = resolved(host, port)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            yield from _whoever_listens(host, port, token)
        else:
            why = getattr(error, "strerror", error)
            yield Finding(False, f"nothing can listen on {host} port {port}: {why}; check --host and --port")
    else:
        yield Finding(True, f"port {port} on {host} is free, so no service runs there yet")


def _whoever_listens(host: str, port: int, token: str | None) -> Iterator[Finding]:
    """Yields what a service on the port says about its vehicles, or that something else has the port."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    service = f"{name}:{port}"
    request = urllib.request.Request(f"http://{service}/status")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(request, timeout=5) as response:
            status = json.load(response)
        vehicles = status["vehicles"] if status["service"] == "liquid-drive" else None
    except urllib.error.HTTPError as error:
        remedy = "; set LIQUID_DRIVE_TOKEN to the token of the service" if error.code == 401 else ""
        answer = f"is taken, and whoever has it answers {error.code} {error.reason}"
        yield Finding(False, f"port {port} on {host} {answer}{remedy}")
        return
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        vehicles = None
    if vehicles is None:
        yield Finding(False, f"port {port} on {host} is taken by another program")
        return
    yield Finding(True, f"liquid-drive serves on port {port}")
    if not vehicles:
        yield Finding(False, "nothing is connected: start the simulator and choose autonomous mode")
    for vehicle in vehicles:
        yield _vehicle(vehicle)
    if any(vehicle["state"] in (State.FAULT.value, State.STOPPING.value) for vehicle in vehicles):
        secret = ' -H "Authorization: Bearer $LIQUID_DRIVE_TOKEN"' if token else ""
        yield Finding(False, f"stopped vehicles drive on after: curl -X POST{secret} http://{service}/resume")


def _vehicle(vehicle: dict[str, object]) -> Finding:
    from sim_bridges.udacity.bridge import NO_TELEMETRY, SILENCE_WORTH_A_WARNING_S

    age_s = vehicle["frame_age_s"]
    name = f"vehicle {vehicle['vehicle']} at {vehicle['address']}"
    if not isinstance(age_s, float) or age_s > SILENCE_WORTH_A_WARNING_S:
        return Finding(False, f"{name}: {NO_TELEMETRY}")
    drives = vehicle["state"] not in (State.FAULT.value, State.STOPPING.value, State.DEGRADED.value)
    return Finding(drives, f"{name}: {vehicle['state']}, because {vehicle['reason']}")


def _self_test(policy: Policy) -> Finding:
    from sim_bridges.udacity.self_test import median_s

    try:
        took_s = median_s(policy)
    except Exception as error:
        return Finding(False, f"the policy failed on a self-test frame: {type(error).__name__}: {error}")
    return Finding(
        took_s <= BUDGET_S,
        f"a self-test frame is answered in {1e3 * took_s:.1f} ms; the budget is {1e3 * BUDGET_S:.0f} ms",
    )
