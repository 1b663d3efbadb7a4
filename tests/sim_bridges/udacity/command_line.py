"""The commands as a program of their own that ends as the front door does: one sentence, exit code 2."""

import sys

import typer

from models.errors import UserError
from sim_bridges.udacity.commands import doctor, serve


def main() -> None:
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(serve)
    app.command()(doctor)
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
