"""The front door: the command `liquid-drive`, made of the packages' own commands."""

import os
import sys

import typer
from rich.console import Console

from models.errors import UserError
from sim_bridges.carracing import commands as carracing
from sim_bridges.udacity import commands as udacity
from training.carracing import commands as carracing_training

app = typer.Typer(
    name="liquid-drive",
    help="Drives simulated cars by a Liquid Attention Network, and trains the networks that do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
collect = typer.Typer(help="Record an expert's drives.", no_args_is_help=True)
train = typer.Typer(help="Make weights.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a policy.", no_args_is_help=True)
app.command("carracing")(carracing.carracing)
app.command("serve")(udacity.serve)
app.command("doctor")(udacity.doctor)
app.add_typer(collect, name="collect")
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")

for group, command in (
    (collect, carracing_training.collect),
    (train, carracing_training.train),
    (evaluate, carracing.evaluate),
):
    # Without a callback, a group of one command would swallow the command's name.
    group.callback()(lambda: None)
    group.command("carracing")(command)


def main() -> None:
    """Runs the command line; an error that the user can mend ends it with one sentence and exit code 2."""
    _silence_native_code()
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        app()
    except UserError as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]Error:[/red] {error}", highlight=False)
        sys.exit(2)


def _silence_native_code() -> None:
    """Hides what TensorFlow's C++ code writes on loading, which none of its settings can stop.

    Python's own standard error, with messages and tracebacks, stays visible. Whoever sets TensorFlow's
    log level wants to see the rest too.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    main()
