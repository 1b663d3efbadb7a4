"""The command that makes the Udacity policy."""

import math
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from models.errors import UserError
from models.files import check_writable
from training.onednn import use_onednn

if TYPE_CHECKING:
    from sim_bridges.udacity.recording import Recording


class Architecture(str, Enum):
    """What is trained."""

    LAN = "lan"
    """Our policy: the last frames and the time between them, trained on views from beside the line."""

    PILOTNET_LAN = "pilotnet-lan"
    """The published network: one frame, trained on the recorded frames."""


def train(
    data: Annotated[
        list[Path],
        typer.Option(help="Folder with driving_log.csv and IMG, as the simulator made it; may repeat."),
    ],
    rows: Annotated[
        str, typer.Option(help="Rows A:B of each recording to train on; the others are held out.")
    ] = ":",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where to write the weights: those of lan, a .weights.h5 file, get a manifest and a .tflite "
            "file for LiteRT beside them, those of pilotnet-lan are a .keras file.",
            show_default="build/udacity-lan.weights.h5 or build/udacity-pilotnet-lan.keras",
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder for drives (1.4 GB) and intermediate weights; work that is there is not done again.",
            show_default="build/udacity",
        ),
    ] = None,
    architecture: Annotated[Architecture, typer.Option(help="What to train.")] = Architecture.LAN,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of weights, drives and batches.")] = 0,
    scale: Annotated[
        float, typer.Option(min=0.01, max=10.0, help="Factor on drives and batches, for a quick trial.")
    ] = 1.0,
) -> None:
    """Trains the policy for the Udacity simulator on recordings of its training mode.

    Takes about half an hour on two cores. Killed anywhere, the same command goes on. With lan the
    working folder gets a report.png with the loss and the score in closed loop after each round;
    pilotnet-lan trains for a fixed number of epochs and does not drive.
    """
    use_onednn()
    from sim_bridges.udacity.replay.stretches import read_part

    work_folder = work or Path("build/udacity")
    is_lan = architecture is Architecture.LAN
    weights = out or Path("build") / ("udacity-lan.weights.h5" if is_lan else "udacity-pilotnet-lan.keras")
    if is_lan:
        _check_lan(weights, work_folder)
    else:
        _check_pilotnet(weights, data)
    recordings = tuple(read_part(folder, rows) for folder in data)
    described = [_description(recording, rows) for recording in recordings]
    make = _train_lan if is_lan else _train_pilotnet
    make(recordings, described, weights, work_folder, seed, scale)


def _check_lan(out: Path, work: Path) -> None:
    from models.checkpoint import check_place
    from sim_bridges.plots import check_picture

    check_place(out)
    check_picture(work / "report.png")


def _check_pilotnet(out: Path, data: list[Path]) -> None:
    if len(data) != 1:
        raise UserError("The published architecture is trained on one recording: give one --data.")
    if out.suffix != ".keras":
        raise UserError(f"The published architecture is written as a .keras file, which {out} is not.")
    check_writable(out)


def _train_lan(
    recordings: "tuple[Recording, ...]",
    data: list[dict[str, Any]],
    out: Path,
    work: Path,
    seed: int,
    scale: float,
) -> None:
    from models.export import export
    from training.progress import Progress
    from training.udacity.collect import Collection
    from training.udacity.judge import judge
    from training.udacity.recipe import Recipe
    from training.udacity.report import write_report
    from training.udacity.trainer import Trainer

    console = Console()
    collection = Collection(work / "drives", recordings, Recipe(seed=seed).scaled(scale))
    trainer = Trainer(work, collection, lambda weights: judge(weights, recordings), data, Progress(console))
    drives = trainer.drive()
    trainer.train(drives)
    number, history = trainer.publish(out), trainer.history()
    export(out)
    write_report(history, drives, work / "report.png")
    console.print(
        f"Best of {len(history)} rounds: {number}, {_reached(history[number]['score'])}\nWeights: {out}\n"
        f"Report: {work / 'report.png'}",
        markup=False,
        soft_wrap=True,
    )


def _reached(score: float) -> str:
    """Returns a round's score in words."""
    if not math.isfinite(score):
        return "which got stuck on the way: train on more driving, or longer."
    return f"score {score:.2f}: the mean distance from the line in m, and 3 for each intervention a km."


def _train_pilotnet(
    recordings: "tuple[Recording, ...]",
    data: list[dict[str, Any]],
    out: Path,
    work: Path,
    seed: int,
    scale: float,
) -> None:
    import numpy as np

    from sim_bridges.udacity.recording import segments
    from training.progress import Progress
    from training.settled import settle
    from training.udacity.pilotnet import PilotnetRecipe
    from training.udacity.pilotnet import train as train_network

    recipe = PilotnetRecipe(seed=seed).scaled(scale)
    settle(work / "pilotnet-lan.json", {"recipe": asdict(recipe), "data": data})
    driven = recordings[0].take(np.concatenate(segments(recordings[0])))
    console = Console()
    with Progress(console).task("Training", recipe.epochs * recipe.batches) as advance:
        train_network(driven, recipe, out, work / "pilotnet-lan.training.keras", advance)
    console.print(f"Weights: {out}", markup=False, soft_wrap=True)


def _description(recording: "Recording", rows: str) -> dict[str, Any]:
    import numpy as np

    from controller.recorder import LOG_NAME
    from models.checkpoint import sha256_of
    from sim_bridges.udacity.recording import segments

    return {
        "recording": recording.folder.resolve().name,
        "rows": rows,
        "frames": len(recording),
        "seconds": round(sum(float(np.ptp(recording.time_s[part])) for part in segments(recording)), 1),
        "log_sha256": sha256_of(recording.folder / LOG_NAME),
    }
