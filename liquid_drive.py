"""The front door: the command `liquid-drive`, made of the packages' own commands."""

import errno
import io
import os
import signal
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import models
from controller.commands import export
from models.errors import UserError
from sim_bridges.carracing import commands as carracing
from sim_bridges.udacity import commands as udacity
from sim_bridges.udacity import recording_commands, replay_commands
from training.carracing import commands as carracing_training
from training.experiments import commands as experiments
from training.udacity import commands as udacity_training

EXTRAS = {
    **dict.fromkeys(("gymnasium", "Box2D", "pygame", "PIL"), "carracing"),
    **dict.fromkeys(("tensorflow", "keras", "h5py"), "tensorflow"),
    "matplotlib": "training",
    "ncps": "experiments",
    "keras_nac": "experiments",
    "cma": "search",
}
"""Which of our extras brings a package that does not come along anyway."""

OUR_PACKAGES = ("", "controller", "models", "sim_bridges", "training")
FULL = (errno.ENOSPC, errno.EDQUOT)
"""How writing fails where a disk, or a user's share of it, is full."""

KERAS_HOME = Path(models.__file__).with_name("keras_settings")
"""Where Keras finds the settings by which our networks are made, trained and run."""

INTERRUPTED = (128 + signal.SIGINT, 128 + signal.SIGTERM)
DRIVING, MAKING = "Driving", "Making and measuring weights"

app = typer.Typer(
    name="liquid-drive",
    help="Drives simulated cars by a Liquid Attention Network, and trains the networks that do.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
simulate = typer.Typer(help="Stand in for a simulator.", no_args_is_help=True)
collect = typer.Typer(help="Record an expert's drives.", no_args_is_help=True)
train = typer.Typer(help="Make weights.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a policy.", no_args_is_help=True)

app.command("carracing", rich_help_panel=DRIVING)(carracing.carracing)
app.command("serve", rich_help_panel=DRIVING)(udacity.serve)
app.command("doctor", rich_help_panel=DRIVING)(udacity.doctor)
app.add_typer(simulate, name="simulate", rich_help_panel=DRIVING)
app.command("inspect", rich_help_panel=MAKING)(recording_commands.inspect)
app.add_typer(collect, name="collect", rich_help_panel=MAKING)
app.add_typer(train, name="train", rich_help_panel=MAKING)
app.add_typer(evaluate, name="evaluate", rich_help_panel=MAKING)
app.command("export", rich_help_panel=MAKING)(export)
app.command("experiment", rich_help_panel=MAKING)(experiments.experiment)

simulate.command("udacity")(replay_commands.simulate)
collect.command("carracing")(carracing_training.collect)
train.command("carracing")(carracing_training.train)
train.command("udacity")(udacity_training.train)
evaluate.command("carracing")(carracing.evaluate)
evaluate.command("udacity")(replay_commands.evaluate)

for group in (simulate, collect):
    # Without a callback, a group of one command would swallow the command's name.
    group.callback()(lambda: None)


def _show_version(asked: bool) -> None:
    if asked:
        Console().print(f"liquid-drive {metadata.version('liquid-drive')}", highlight=False)
        raise typer.Exit


@app.callback()
def front_door(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """Takes the options that belong to no command."""


def main() -> None:
    """Runs the command line; an error that the user can mend ends it with one sentence and exit code 2."""
    try:
        _run()
    except SystemExit as end:
        if end.code in INTERRUPTED:
            # TensorFlow's threads may wait for an interpreter that waits for them in its end.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(end.code))
        raise


def _run() -> None:
    _silence_native_code()
    # As after Ctrl-C, what is half done is cleared away.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    sys.unraisablehook = _signal_again
    # Whatever settings a user's own networks need.
    os.environ |= {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": str(KERAS_HOME)}
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A path that the terminal cannot show must not end what has been done.
        sys.stdout.reconfigure(errors="backslashreplace")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        app()
    except UserError as error:
        _exit_with(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in OUR_PACKAGES:
            raise
        ours = f"'liquid-drive[{EXTRAS[package]}]'" if package in EXTRAS else "liquid-drive again"
        _exit_with(f"This needs {package}, which is not installed: pip install {ours}.")
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            raise
        # What is left in its buffer would fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _exit_with(f"Standard output cannot be written ({error.strerror}): make room, or send it elsewhere.")


def _signal_again(ignored: Any) -> None:
    """Sends a signal again that came in a finalizer, from where no exception ends the program."""
    if isinstance(ignored.exc_value, KeyboardInterrupt):
        number = signal.SIGINT
    elif isinstance(ignored.exc_value, SystemExit):
        number = signal.SIGTERM
    else:
        sys.__unraisablehook__(ignored)
        return
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()


def _exit_with(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True).print(f"[red]Error:[/red] {escape(sentence)}", highlight=False)
    sys.exit(2)


def _silence_native_code() -> None:
    """Hides what TensorFlow's C++ code writes on loading, which none of its settings can stop.

    Python's own standard error, with messages and tracebacks, stays visible. Whoever sets TensorFlow's
    log level wants to see the rest too.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    main()
