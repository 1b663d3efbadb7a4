"""Which versions made a result."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "liquid-drive",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
    "gymnasium",
    "box2d",
    "ncps",
    "keras-nac",
)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that results depend on, where installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
