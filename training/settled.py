"""The settings that a working folder was begun with: work of other settings must not mix with its own."""

import json
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.files import check_writable, read_json, write_json


def settle(file: Path, settings: dict[str, Any]) -> None:
    """Writes the settings of a new working folder, or makes sure that one goes on with its own.

    Args:
        file: The file in the folder that holds them.
        settings: The settings, in a form that JSON can hold.

    Raises:
        UserError: The folder was begun with others, or cannot be written.
    """
    check_writable(file)
    if not file.exists():
        write_json(file, settings)
    elif read_json(file) != json.loads(json.dumps(settings)):
        raise UserError(
            f"The folder {file.parent} was begun with other settings, which its {file.name} holds: "
            "use the same settings, or another folder."
        )
