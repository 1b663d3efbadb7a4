"""Pictures that the commands draw: checked before the work that they are to show."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import UserError
from models.files import check_writable, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (".png", ".jpg", ".svg", ".pdf")


def check_picture(path: Path) -> None:
    """Makes sure that a picture can be drawn into a file.

    Raises:
        UserError: The file cannot be written, is of an unknown kind, or Matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UserError('Plots need Matplotlib: run `pip install "liquid-drive[training]"`.')
    if path.suffix.lower() not in KINDS:
        raise UserError(f"The plot {path} must end in one of {', '.join(KINDS)}.")
    check_writable(path)


def save_figure(figure: "Figure", path: Path, dpi: int) -> None:
    """Draws a figure into a picture file, of which a reader sees all or nothing.

    Raises:
        UserError: The file cannot be written.
    """
    with replacing(path) as partial:
        figure.savefig(partial, dpi=dpi)
