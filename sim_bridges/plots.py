"""Pictures that the commands draw: checked before the work that they are to show."""

from pathlib import Path

from models.errors import UserError
from models.files import check_writable


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
