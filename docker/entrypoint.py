"""Starts the service in its container: the environment's variables become options of `liquid-drive serve`.

Only the standard library is imported, since every start waits for it.
"""

import ipaddress
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

ANYWHERE = "0.0.0.0"  # noqa: S104
ROUTES = Path("/proc/net/route")
RECORDINGS = Path("/recordings")
TOKEN_FILE = Path("/run/liquid-drive/token")
WEIGHTS = Path("/weights")
WEIGHTS_SUFFIXES = (".tflite", ".weights.h5", ".keras")
"""In the order of preference among the files of one policy."""


_ON = ("1", "true", "yes", "on")
_OFF = ("", "0", "false", "no", "off")


class SettingError(Exception):
    """A setting of the container is wrong: one sentence that names the problem and the remedy."""


def options(settings: Mapping[str, str], weights: Path = WEIGHTS, routes: Path = ROUTES) -> list[str]:
    """Returns the options of `liquid-drive serve` that the environment's variables ask for.

    Without `LIQUID_DRIVE_HOST` and `LIQUID_DRIVE_ALLOW` simulators are admitted from the gateway alone: a
    port that Docker publishes on the host's loopback is reached by way of it. In the host's network, where an
    address is named, the gateway is another machine.

    Raises:
        SettingError: The port is no number, recording is neither on nor off, there is no gateway, or the
            folder holds several policies.
    """
    host, port = endpoint(settings)
    networks = settings.get("LIQUID_DRIVE_ALLOW", "").replace(",", " ").split()
    if not settings.get("LIQUID_DRIVE_HOST") and not networks:
        networks = [gateway(routes)]
    chosen = ["--host", host, "--port", str(port)]
    for network in networks:
        chosen += ["--allow", network]
    if speed := settings.get("LIQUID_DRIVE_SPEED"):
        chosen += ["--speed", speed]
    if _is_on("LIQUID_DRIVE_RECORD", settings):
        chosen += ["--record", str(RECORDINGS)]
    if policy := mounted_policy(weights):
        chosen += ["--weights", str(policy)]
    return chosen


def _is_on(name: str, settings: Mapping[str, str]) -> bool:
    value = settings.get(name, "").strip().lower()
    if value not in {*_ON, *_OFF}:
        raise SettingError(f"{name} is {settings[name]}: give 1 or 0.")
    return value in _ON


def endpoint(settings: Mapping[str, str]) -> tuple[str, int]:
    """Returns the address and the port on which the service listens in its container.

    Raises:
        SettingError: The port is no number.
    """
    port = settings.get("LIQUID_DRIVE_PORT") or "4567"
    if not port.isascii() or not port.isdigit():
        raise SettingError(f"LIQUID_DRIVE_PORT is {port}: give a number, or leave it out for 4567.")
    return settings.get("LIQUID_DRIVE_HOST") or ANYWHERE, int(port)


def mounted_policy(folder: Path) -> Path | None:
    """Returns the weights of the one policy in a folder, or None where there is none.

    Raises:
        SettingError: There are several.
    """
    names: dict[str, Path] = {}
    for suffix in WEIGHTS_SUFFIXES:
        # A name that begins with a dot is what another system keeps beside the file.
        for path in sorted(folder.glob(f"[!.]*{suffix}")):
            names.setdefault(path.name.removesuffix(suffix), path)
    if len(names) > 1:
        raise SettingError(f"{folder} holds several policies ({', '.join(sorted(names))}): mount one alone.")
    return next(iter(names.values()), None)


def gateway(routes: Path) -> str:
    """Returns the gateway of the default route, from the kernel's table of hexadecimal numbers.

    Raises:
        SettingError: There is none.
    """
    for line in routes.read_text().splitlines()[1:]:
        _, destination, address, *_ = line.split()
        if destination == "00000000" and address != "00000000":
            return str(ipaddress.IPv4Address(bytes.fromhex(address)[::-1]))
    raise SettingError(
        "This container has no gateway: set LIQUID_DRIVE_ALLOW to the network of the simulators, "
        "such as 192.168.1.0/24."
    )


def token(given: str | None, file: Path = TOKEN_FILE) -> str:
    """Returns the secret of the web routes, and keeps it in a file for those who share its volume.

    Args:
        given: The secret from the environment; without one the file's is used, and at first a random one.
        file: Where it is kept, readable by user and group.
    """
    if given is None and file.is_file() and (kept := file.read_text().strip()):
        return kept
    secret = given or secrets.token_urlsafe(32)
    partial = file.with_name(f"{file.name}.partial")
    partial.touch(mode=0o640)
    partial.write_text(secret)
    partial.replace(file)
    return secret


def main() -> None:
    """Becomes the service; options on the container's command line come last.

    Address and port are the variables' to say, since the health check knows these alone.
    """
    try:
        os.environ["LIQUID_DRIVE_TOKEN"] = token(os.environ.get("LIQUID_DRIVE_TOKEN") or None)
        command = ["liquid-drive", "serve", *options(os.environ), *sys.argv[1:]]
    except SettingError as error:
        _exit_with(str(error))
    except OSError as error:
        _exit_with(f"{error}: mount a folder there that user {os.getuid()} may use.")
    os.execvp(command[0], command)  # noqa: S606


def _exit_with(sentence: str) -> NoReturn:
    """Ends as the command line does where the user can mend what is wrong."""
    print(f"Error: {sentence}", file=sys.stderr)  # noqa: T201
    sys.exit(2)


if __name__ == "__main__":
    main()
