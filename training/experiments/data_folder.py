"""Where the data of experiments lies."""

import os
from pathlib import Path

from models.errors import UserError

VARIABLE = "LIQUID_DRIVE_DATA"
DEFAULT = Path("data")


class MissingDataError(UserError):
    """Data is not there."""


def data_file(name: str, source: str, folder: Path | None = None) -> Path:
    """Returns the path of a file or folder of data.

    Args:
        name: Its path inside the folder with the data.
        source: Where to get it, to complete "get it from ...".
        folder: The folder; without it that of the environment variable LIQUID_DRIVE_DATA, else `data`.

    Raises:
        MissingDataError: It is not there.
    """
    path = (folder or Path(os.environ.get(VARIABLE, DEFAULT))) / name
    if not path.exists():
        raise MissingDataError(
            f"There is no {path}: get it from {source} and name its folder by --data or {VARIABLE}."
        )
    return path
