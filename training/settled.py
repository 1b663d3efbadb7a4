"""The settings that a working folder was begun with: work of other settings must not mix with its own."""

import json
from pathlib import Path
from typing import Any

from models.errors import UserError


def settle(file: Path, settings: dict[str, Any]) -> None:
    """Writes the settings of a new working folder, or makes sure that one goes on with its own.

    Args:
        file: The file in the folder that holds them.
        settings: The settings, in a form that JSON can hold.

    Raises:
        UserError: The folder was begun with others.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(settings, indent=2) + "\n"
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise UserError(
            f"The folder {file.parent} was begun with other settings, which its {file.name} holds: "
            "use the same settings, or another folder."
        )
    file.write_text(text, encoding="utf-8")
