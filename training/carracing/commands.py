"""The commands that make the CarRacing policy."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.carracing.recipe import Recipe
from training.onednn import use_onednn
from training.progress import Progress

Work = Annotated[
    Path,
    typer.Option(help="Folder for drives and intermediate weights; work that is there is not done again."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of weights, batches and tracks.")]
Scale = Annotated[
    float,
    typer.Option(min=0.01, max=10.0, help="Factor on the number of drives and epochs, for a quick trial."),
]

DEFAULT_WORK = Path("build/carracing")


def collect(work: Work = DEFAULT_WORK, seed: Seed = 0, scale: Scale = 1.0) -> None:
    """Records the expert's demonstrations, on every core.

    `train` does this too where they are missing. Killed anywhere, the same command goes on.
    """
    from training.carracing.trainer import Trainer

    console = Console()
    trainer = Trainer(work, Recipe(seed=seed).scaled(scale), Progress(console))
    trainer.drive(0)
    console.print(f"Demonstrations: {work / 'drives' / 'round-0'}", markup=False, soft_wrap=True)


def train(
    out: Annotated[
        Path,
        typer.Option(
            help="Where to write the weights, a .weights.h5 file; a manifest and a .tflite file for LiteRT "
            "go beside it."
        ),
    ] = Path("build/carracing-lan.weights.h5"),
    work: Work = DEFAULT_WORK,
    seed: Seed = 0,
    scale: Scale = 1.0,
) -> None:
    """Trains the CarRacing policy: demonstrations, DAgger rounds, and a long last training.

    Takes about an hour on two cores. Killed anywhere, the same command goes on. At the end the
    working folder holds report.json and report.png with loss curves and the scores of each round.
    """
    use_onednn()
    from models.checkpoint import check_place
    from models.export import export
    from sim_bridges.plots import check_picture
    from training.carracing.report import write_report
    from training.carracing.trainer import Trainer

    check_place(out)
    check_picture(work / "report.png")
    console = Console()
    trainer = Trainer(work, Recipe(seed=seed).scaled(scale), Progress(console))
    trainer.run()
    trainer.publish(out)
    export(out)
    write_report(work, trainer.recipe)
    console.print(f"Weights: {out}\nReport: {work / 'report.png'}", markup=False, soft_wrap=True)
