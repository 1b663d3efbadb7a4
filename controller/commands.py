"""The command `export`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def export(
    weights: Annotated[Path, typer.Argument(help="A .weights.h5 file, or a published .keras file.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the .tflite file.", show_default="beside the weights"),
    ] = None,
) -> None:
    """Writes a network so that it runs without TensorFlow, and checks its numbers against Keras'."""
    from models.export import export as export_network

    exported = export_network(weights, out)
    Console().print(
        f"{weights.with_name(exported.file) if out is None else out}: "
        f"differs from Keras by {exported.max_difference:g} at most",
        markup=False,
        soft_wrap=True,
    )
