"""What a table of an experiment is made of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from training.experiments.scores import Metric
from training.experiments.sequences import Fold
from training.experiments.signals import Signal

Tensor = Any

QUICK_SEQUENCES = 256


@dataclass(frozen=True, slots=True)
class Size:
    """How large the layers of a study are, and in what unit they see time.

    Attributes:
        units: Features of the layers.
        heads: Heads of those that attend.
        time_scale: A typical distance in time between steps that matter to each other.
    """

    units: int = 32
    heads: int = 4
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A layer that takes part.

    Attributes:
        name: Its name in tables.
        mix: Builds the layer: from a signal, its size and whether an output is wanted at each step, to
            features `(B, units)` or `(B, T, units)`.
        jit: Whether XLA compiles it faster than it runs without.
        requires: The package beyond the ordinary ones that it needs.
    """

    name: str
    mix: Callable[[Signal, Size, bool], Tensor]
    jit: bool = True
    requires: str | None = None

    @property
    def installed(self) -> bool:
        """Whether it can take part: the package that it needs, if any, is there."""
        return self.requires is None or find_spec(self.requires) is not None


@dataclass(frozen=True, slots=True)
class Table:
    """One data set under one protocol.

    Attributes:
        dataset: Its name in tables.
        protocol: How it is split and scored, in a few words.
        contenders: Who takes part.
        metrics: What is measured; the first decides.
    """

    dataset: str
    protocol: str
    contenders: tuple[Contender, ...]
    metrics: tuple[Metric, ...]

    @property
    def title(self) -> str:
        """The name of the table."""
        return f"{self.dataset}, {self.protocol}"


@dataclass(frozen=True, slots=True)
class Study(Table):
    """A table of networks that are trained on sequences.

    Attributes:
        fold: Returns the data for a seed.
        loss: What training reduces.
        outputs: Features of a prediction.
        encode: Builds what stands before the contender.
        size: Size of the contenders.
        hidden: Features of a hidden layer of the head; 0 for none.
        every_step: Whether a prediction is wanted at each step instead of after the last.
        own_rates: Whether each seed chooses its learning rate within its own fold: where data is so scarce
            that another seed's fold holds what this one tests on.
    """

    fold: Callable[[int], Fold]
    loss: keras.losses.Loss
    outputs: int
    encode: Callable[[Signal, Size], Signal]
    size: Size = Size()
    hidden: int = 0
    every_step: bool = False
    own_rates: bool = False

    def quick(self) -> "Study":
        """Returns a trial with few sequences."""
        return replace(self, fold=self._few)

    def _few(self, seed: int) -> Fold:
        return Fold(*(part.first(QUICK_SEQUENCES) for part in self.fold(seed)))


@dataclass(frozen=True, slots=True)
class Budget:
    """What every model of an experiment gets alike.

    Attributes:
        epochs: Epochs of a training.
        batch_size: Sequences in a batch.
        rates: Learning rates that are tried for each model.
        tuning_epochs: Epochs of each trial.
    """

    epochs: int
    batch_size: int = 64
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    tuning_epochs: int = 10


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment: its tables and the effort.

    Attributes:
        name: Its name on the command line.
        about: What it asks and how, for the reader of its tables.
        findings: What the published tables show, told beside them alone: other runs may show something else.
        studies: Its tables: each a `Study`, unless `carry_out` knows what else to do with them.
        budget: The effort for each model.
        ours: Contenders whose place the text comments on, each with those it should beat.
        plots: Further plots of the rows, by what their names end with. Each draws into a file, or nothing
            where the rows have nothing for it.
        after: Makes what rows cannot show, given the runner: files `extra-*.gif` in its folder.
        carry_out: Writes the cells that are missing, given the runner, in place of the runner's own way.
        further: Makes further rows for the report, given the runner and its rows.
        data: Returns where its data lies, or raises a `UserError`; None where it makes its own.
    """

    name: str
    about: str
    studies: tuple[Any, ...]
    budget: Budget
    ours: tuple[tuple[str, tuple[str, ...]], ...]
    plots: tuple[tuple[str, Callable[[list[Any], Path], None]], ...] = ()
    after: Callable[[Any], None] | None = None
    carry_out: Callable[[Any], None] | None = None
    further: Callable[[Any, list[Any]], list[Any]] | None = None
    data: Callable[[], Path] | None = None
    findings: str = ""
