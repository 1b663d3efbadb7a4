"""Makes the Udacity policy: drives beside the recorded lines, then trains; killed anywhere, it goes on."""

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from models import checkpoint
from models.checkpoint import Manifest
from models.driver import LanDriver
from models.errors import UserError
from models.files import read_json, write_json
from models.versions import versions
from training.optimizer import averaged_adamw, without_optimizer
from training.progress import Progress
from training.settled import settle
from training.udacity.augment import Augmentation
from training.udacity.collect import Collection, collect, scenes
from training.udacity.drive import Drives
from training.udacity.pipeline import ChunkSource, batches
from training.udacity.recipe import FILTERS, PREPROCESSING
from training.unfinished import load_unfinished, save_whole

POLICY_NAME = "udacity-lan"
OUTPUTS = {"steering": "-1 (full left, 25 degrees) to 1 (full right)"}

Judge = Callable[[Path], float]


class Trainer:
    """Carries out a recipe in a working folder.

    Args:
        work: Folder for drives, weights and histories.
        collection: What the drives are made of.
        judge: Drives a checkpoint in closed loop and returns its score, the lower the better.
        data: What the manifest says of the recordings.
        progress: Where to show how far the work is.

    Raises:
        UserError: The recordings are too short, or the folder belongs to another recipe or others.
    """

    def __init__(
        self, work: Path, collection: Collection, judge: Judge, data: list[dict[str, Any]], progress: Progress
    ) -> None:
        self.work, self.recipe, self.data = work, collection.recipe, data
        self._collection, self._judge, self._progress = collection, judge, progress
        scenes(collection.recordings)
        settle(work / "recipe.json", {"recipe": asdict(self.recipe), "data": data})

    def best(self) -> int:
        """Returns the round with the best score."""
        history = self.history()
        return min(history, key=lambda number: history[number]["score"])

    def weights(self, number: int) -> Path:
        """Returns where the weights after a round lie."""
        return self.work / f"round-{number}.weights.h5"

    def drive(self) -> Drives:
        """Makes the drives that are still missing and returns all."""
        with self._progress.task("Driving beside the line", len(self._collection.blocks)) as advance:
            return collect(self._collection, advance)

    def train(self, drives: Drives) -> None:
        """Trains until the score in closed loop gets no better.

        Raises:
            UserError: What an unfinished training left cannot be read.
        """
        recipe = self.recipe
        source = ChunkSource(drives, recipe.chunk_length, recipe.seed, Augmentation(PREPROCESSING))
        history = self.history()
        network = None
        with self._progress.task("Training", recipe.rounds) as advance:
            for number in range(1, recipe.rounds + 1):
                if number not in history:
                    if self._patience_ends(history):
                        break
                    network = network or self._network(number - 1)
                    loss = self._fit(network, source, number)
                    checkpoint.save(self.weights(number), without_optimizer(network), self._manifest(number))
                    history[number] = {"loss": loss, "score": self._judge(self.weights(number))}
                    save_whole(network, self._state(number))
                    write_json(self._history_path, history)
                    self._state(number - 1).unlink(missing_ok=True)
                advance()

    def publish(self, out: Path) -> int:
        """Writes the weights with the best score, which their manifest notes, and returns their round."""
        number = self.best()
        score = self.history()[number]["score"]
        best = checkpoint.load(self.weights(number))
        noted = best.manifest.training | {"score": score if math.isfinite(score) else None}
        checkpoint.save(out, best.network, replace(best.manifest, training=noted))
        return number

    def history(self) -> dict[int, dict[str, float]]:
        """Returns the loss of each round, and the score in closed loop after it.

        Raises:
            UserError: The file holds something else.
        """
        if not self._history_path.exists():
            return {}
        try:
            rounds = {int(number): dict(entry) for number, entry in read_json(self._history_path).items()}
        except (AttributeError, TypeError, ValueError):
            rounds = {}
        if not all(entry.keys() >= {"loss", "score"} for entry in rounds.values()) or not rounds:
            raise UserError(f"{self._history_path} holds no history: delete it to train anew.")
        return rounds

    def _network(self, number: int) -> LanDriver:
        """Returns the network after a round, with its optimizer's state; before the first, a new one."""
        if number:
            network = load_unfinished(self._state(number))
            if network is None:
                raise UserError(f"{self._state(number)} is gone: delete {self._history_path} to train anew.")
            return network
        keras.utils.set_random_seed(self.recipe.seed)
        network = LanDriver((PREPROCESSING.height, PREPROCESSING.width, 3), FILTERS, pedals=False)
        network.build()
        steps = self.recipe.rounds * self.recipe.batches
        optimizer = averaged_adamw(network, self.recipe.learning_rate, steps, momentum=0.99)
        network.compile(optimizer=optimizer, loss="mean_squared_error")
        return network

    def _fit(self, network: LanDriver, source: ChunkSource, number: int) -> float:
        """Trains one round and returns its loss."""
        recipe = self.recipe
        first = (number - 1) * recipe.batches * recipe.batch_size
        data = batches(source, recipe.batch_size, first, recipe.batches)
        return float(network.fit(data, shuffle=False, verbose=0).history["loss"][-1])

    def _patience_ends(self, history: dict[int, dict[str, float]]) -> bool:
        scores = [history[number]["score"] for number in sorted(history)]
        return len(scores) > self.recipe.patience and min(scores) not in scores[-self.recipe.patience :]

    @property
    def _history_path(self) -> Path:
        return self.work / "history.json"

    def _state(self, number: int) -> Path:
        return self.work / f"round-{number}.keras"

    def _manifest(self, number: int) -> Manifest:
        return Manifest(
            name=POLICY_NAME,
            architecture={},
            preprocessing=PREPROCESSING,
            outputs=OUTPUTS,
            training={
                "task": "Udacity simulator, steering back to the recorded line from beside it",
                "command": "liquid-drive train udacity",
                "data": self.data,
                "rounds": number,
                "recipe": asdict(self.recipe),
            },
            versions=versions(),
        )
