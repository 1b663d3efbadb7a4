"""Progress bars for long work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """Shows one bar a task; where output is no terminal, a line at its start and its end.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[..., None]]:
        """Shows a task while the block runs; the block calls what it gets for each step, or with a number."""
        if not self._console.is_terminal:
            self._console.print(f"{title} ({total}) ...")
            yield _ignore
            self._console.print(f"{title} done")
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self._console) as bars:
            shown = bars.add_task(title, total=total)
            yield lambda steps=1: bars.advance(shown, steps)

    def say(self, text: str) -> None:
        """Shows a sentence."""
        self._console.print(text, markup=False, soft_wrap=True)


def _ignore(_steps: int = 1) -> None:
    """Shows nothing."""
