"""The command that runs the experiments."""

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.onednn import use_onednn
from training.progress import Progress


def experiment(
    name: Annotated[
        str,
        typer.Argument(
            help="universal-approximation, event-mnist, person-activity, remaining-useful-life, imputation, "
            "ablation or lane-keeping."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the data, where it is not made; without it LIQUID_DRIVE_DATA, else ./data."
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Run this table alone, by its title in the results; can be repeated."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Run this model alone, by its name in the tables; can be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Number of seeds.")] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="A trial: one table, few models, sequences and epochs, one seed.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for results; work that is there is not repeated.",
            show_default="build/experiments/NAME, with --quick NAME-quick",
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="Processor threads; lane-keeping takes one process a core instead.")
    ] = 1,
    docs: Annotated[
        Path | None,
        typer.Option(
            help="Folder whose experiments.md and experiments.json take in this experiment's results, as "
            "far as they have three seeds; models that did not run keep theirs. Nothing is trained then."
        ),
    ] = None,
) -> None:
    """Runs an experiment of the Liquid Attention Network against its baselines.

    Killed anywhere, the same command goes on. At the end the folder holds results.json, results.md and
    pictures, results*.png. docs/experiments.md says which experiments need which data.
    """
    use_onednn()
    # An epoch is one native call, in which no handler runs, and each result is written whole or not at all.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    from controller.runtime import limit_threads
    from models.errors import UserError
    from training.experiments import registry
    from training.experiments.publish import FEWEST_SEEDS, publish
    from training.experiments.report import write_report
    from training.experiments.runner import Runner

    if (table or model) and docs is not None:
        raise UserError("--docs takes in all that has finished: leave out --table and --model.")
    if (table or model) and quick:
        raise UserError("--quick chooses table and models by itself: leave out --table and --model.")
    if docs is not None and (quick or seeds < FEWEST_SEEDS):
        raise UserError(f"--docs takes in models with {FEWEST_SEEDS} seeds: leave out --quick and --seeds.")
    limit_threads(threads)
    console = Console()
    whole = registry.load(name, data)
    folder = out or Path("build/experiments") / (f"{name}-quick" if quick else name)
    if quick:
        whole, seeds = registry.quick(whole), 1
    reported = Runner(folder, whole, seeds, Progress(console))
    if docs is not None:
        publish(reported, docs)
        console.print(f"Results: {docs / 'experiments.md'}", markup=False, soft_wrap=True)
        return
    chosen = registry.only(whole, table or [], model or [])
    runner = Runner(folder, chosen, seeds, Progress(console), threads)
    runner.run()
    for path in write_report(reported):
        console.print(f"Results: {path}", markup=False, soft_wrap=True)
    if chosen.after is not None:
        chosen.after(runner)
