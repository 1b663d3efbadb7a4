"""What the commands share: options, and where their results go."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from controller.runtime import RuntimeChoice
from models.errors import UserError
from models.files import check_writable, is_stdout, write_json

RuntimeOption = Annotated[
    RuntimeChoice,
    typer.Option("--runtime", help="What runs the network; auto is LiteRT where the weights are exported."),
]
WeightsOption = Annotated[
    Path,
    typer.Option(
        "--weights",
        help="The policy's weights: a .weights.h5 or .tflite file, for Udacity also a published .keras file.",
        show_default="the shipped policy",
    ),
]
DropFramesOption = Annotated[
    float,
    typer.Option(
        "--drop-frames", min=0.0, max=0.99, help="Share of the frames that the policy does not see."
    ),
]
STDOUT = Path("/dev/stdout")


def _named(path: Path | None) -> Path | None:
    """Returns the standard output where it is called by its usual short name."""
    return STDOUT if path == Path("-") else path


JsonOption = Annotated[
    Path | None,
    typer.Option("--json", callback=_named, help="Write all results to this file; - is standard output."),
]


def check_results(json_file: Path | None) -> None:
    """Makes sure that results can be written, in place of nothing but earlier ones.

    Raises:
        UserError: They cannot, or the file holds something else, weights or their manifest for example.
    """
    if json_file is None:
        return
    check_writable(json_file)
    if json_file.is_file() and not is_stdout(json_file) and not _holds_results(json_file):
        raise UserError(f"{json_file} holds something else than results: choose another name for them.")


def _holds_results(file: Path) -> bool:
    """Returns whether a file is empty or holds JSON as commands write it; manifests have a format."""
    try:
        content = json.loads(file.read_text(encoding="utf-8") or "{}")
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "format" not in content


def write_and_show(json_file: Path | None, results: Any, show: Callable[[], None]) -> None:
    """Writes results where that was asked for, and shows them also where they cannot be written."""
    try:
        if json_file:
            write_json(json_file, results)
    finally:
        show()


def console_beside(json_file: Path | None) -> Console:
    """Returns where to show what is no result: standard error where the results go to the standard output."""
    return Console(stderr=json_file is not None and is_stdout(json_file))
