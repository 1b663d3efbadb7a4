"""Files for results: checked before the work whose results they are to hold, written after it."""

import json
from pathlib import Path
from typing import Any

from models.errors import UserError


def check_writable(path: Path) -> None:
    """Makes sure that a file can be written, and makes its folder if need be.

    Raises:
        UserError: It cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise UserError(
            f"The results cannot be written to {path} ({error.strerror}): choose another place."
        ) from None


def check_picture(path: Path) -> None:
    """Makes sure that a picture can be drawn into a file.

    Raises:
        UserError: The file cannot be written, is of an unknown kind, or Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError('Plots need Matplotlib: run `pip install "liquid-drive[training]"`.') from None
    kinds = Figure().canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in kinds:
        raise UserError(f"The plot {path} must end in one of .{', .'.join(sorted(kinds))}.")
    check_writable(path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes results as JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
