"""What the controller's container finds when it looks around; it is sent there and prints JSON."""

import errno
import json
import os
import shutil
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

COMPILERS = ("cc", "gcc", "g++", "clang", "ld", "make", "rustc", "go")
PACKAGES = ("tensorflow", "keras", "h5py", "gymnasium", "matplotlib", "pip", "setuptools", "pytest", "tests")
TEST_FOLDERS = ("tests", "test")


def write_error(path: Path) -> str | None:
    """The name of the error of writing a file, None where it can be written."""
    try:
        path.write_text("x")
    except OSError as error:
        return errno.errorcode[error.errno]
    path.unlink()
    return None


def status_field(name: str) -> str:
    """A field of what the kernel says about this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{name}:"))


def answer_at_own_address() -> int:
    """What the service answers a simulator that does not come by way of the gateway."""
    hosts = Path("/etc/hosts").read_text().split()
    address = hosts[hosts.index(os.uname().nodename) - 1]
    url = f"http://{address}:4567/socket.io/?EIO=4&transport=polling"
    try:
        return urllib.request.urlopen(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code


def folders_named(names: tuple[str, ...]) -> list[str]:
    """All folders of these names in the image."""
    found = []
    for top in ("/opt", "/usr", "/var"):
        for folder, children, _ in os.walk(top):
            found += [f"{folder}/{child}" for child in children if child in names]
    return found


print(  # noqa: T201
    json.dumps(
        {
            "user": os.getuid(),
            "capabilities": int(status_field("CapEff"), 16),
            "no_new_privileges": status_field("NoNewPrivs"),
            "root_write_error": write_error(Path("/opt/x")),
            "code_write_error": write_error(Path(find_spec("controller").origin)),
            "temporary_write_error": write_error(Path("/tmp/x")),  # noqa: S108
            "recordings_write_error": write_error(Path("/recordings/x")),
            "packages": [name for name in PACKAGES if find_spec(name)],
            "compilers": [name for name in COMPILERS if shutil.which(name)],
            "pip_caches": folders_named(("pip",)),
            "tests": folders_named(TEST_FOLDERS),
            "answer_at_own_address": answer_at_own_address(),
        }
    )
)
