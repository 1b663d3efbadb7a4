"""Files for results: checked before the work whose results they are to hold, whole or not there at all."""

import json
from pathlib import Path
from typing import Any

from models.errors import UserError


def check_writable(path: Path) -> None:
    """Makes sure that a file can be written, and makes its folder if need be; leaves the file as it was.

    Raises:
        UserError: It cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}): choose another place.") from None


def write_json(path: Path, content: Any) -> None:
    """Writes JSON; a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file that the program wrote itself.

    Raises:
        UserError: It cannot be read, or is no JSON any more.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}): restore it, or delete it to have it made again."
        ) from None
