"""The images: how they are built, how big they are, and what they say is in them."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.docker.deployment import TAG
from tests.docker.engine import ROOT, Engine

TARGETS = ("controller", "carracing", "trainer")
SBOM = "/opt/liquid-drive/sbom.cdx.json"
AUDIT_TIMEOUT_S = 120


def image_of(target: str) -> str:
    """The image of a target under the test's tag."""
    return f"liquid-drive-{target}:{TAG}"


def build(engine: Engine, target: str) -> float:
    """Builds an image; returns the seconds that it took."""
    begin_s = time.monotonic()
    engine.run(
        *("build", "--network", "host", "--file", "docker/Dockerfile", "--target", target),
        *("--tag", image_of(target), "."),
    )
    return time.monotonic() - begin_s


def size_mb(engine: Engine, target: str) -> float:
    """The size of an image in megabytes."""
    return int(engine.run("image", "inspect", "--format", "{{.Size}}", image_of(target))) / 1e6


def packages(engine: Engine, target: str) -> dict[str, str]:
    """The versions of an image's Python packages, by its own list."""
    text = engine.run("run", "--rm", "--network", "none", "--entrypoint", "cat", image_of(target), SBOM)
    sbom = json.loads(text)
    assert sbom["bomFormat"] == "CycloneDX"
    return {_normal(part["name"]): part["version"] for part in sbom["components"]}


def unpinned(versions: dict[str, str]) -> dict[str, str]:
    """The packages whose version is not one of those in constraints.txt."""
    pins: dict[str, set[str]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            pins.setdefault(_normal(match[1]), set()).add(match[2])
    return {
        name: version
        for name, version in versions.items()
        if version not in pins.get(name, ()) and name != "liquid-drive"
    }


def audit(versions: dict[str, str], folder: Path) -> str:
    """What pip-audit says about packages, where it is installed and reaches its database."""
    tool = tool_path("pip-audit")
    if tool is None:
        return "not scanned, since pip-audit is not installed"
    requirements = folder / "packages.txt"
    lines = [f"{name}=={version}\n" for name, version in versions.items() if name != "liquid-drive"]
    requirements.write_text("".join(lines))
    try:
        result = subprocess.run(  # noqa: S603
            [tool, "--no-deps", "--disable-pip", "--format", "json", "--requirement", requirements],
            capture_output=True,
            text=True,
            timeout=AUDIT_TIMEOUT_S,
            check=False,
        )
        looked_up = json.loads(result.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        return "not scanned, since pip-audit reaches no database"
    scanned = [found for found in looked_up if "skip_reason" not in found]
    if not scanned:
        return "not scanned, since pip-audit reaches no database"
    flaws = [f"{found['name']} {flaw['id']}" for found in scanned for flaw in found["vulns"]]
    return f"{len(scanned)} scanned, known flaws: {', '.join(flaws) or 'none'}"


def tool_path(name: str) -> str | None:
    """Where a tool of the environment that runs the test lies."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.is_file() else shutil.which(name)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
