"""Makes the CarRacing policy: drives, trains, drives again; killed anywhere, it goes on where it was."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from models import checkpoint
from models.checkpoint import Manifest
from models.driver import LanDriver
from models.files import check_writable
from models.versions import versions
from training.carracing.chunks import Chunks
from training.carracing.collect import Round, collect, is_trained, load_round, round_weights
from training.carracing.demonstration import Demonstration
from training.carracing.recipe import PREPROCESSING, Recipe
from training.optimizer import averaged_adamw, without_optimizer
from training.progress import Progress
from training.settled import settle
from training.unfinished import epochs_done, follow, keep_unfinished, load_unfinished

POLICY_NAME = "carracing-lan"
OUTPUTS = {
    "steering": "-1 (full left) to 1 (full right)",
    "gas": "0 to 1 (full throttle)",
    "brake": "0 to 1 (full brake)",
}
# Steering is small and matters most; the weights bring the three errors to a similar size.
LOSS_WEIGHTS = (10.0, 1.0, 4.0)
VALIDATION_BATCHES = 10


@keras.saving.register_keras_serializable(package="liquid_drive")
def command_loss(wanted: Any, given: Any) -> Any:
    """Returns the weighted mean squared error of commands, one value for each frame: `(B, T)`."""
    return ops.mean(ops.square(wanted - given) * ops.convert_to_tensor(LOSS_WEIGHTS), axis=-1)


class Trainer:
    """Carries out a recipe in a working folder.

    Args:
        work: Folder for drives, weights of each round and loss histories.
        recipe: The recipe; a folder that another recipe began is refused.
        progress: Where to show how far the work is.

    Raises:
        UserError: The folder belongs to another recipe.
    """

    def __init__(self, work: Path, recipe: Recipe, progress: Progress) -> None:
        self.work, self.recipe, self.progress = work, recipe, progress
        settle(work / "recipe.json", asdict(recipe))

    def run(self) -> Path:
        """Drives and trains all rounds that are still to do and returns the last one's weights."""
        training: list[Demonstration] = []
        validation: list[Demonstration] = []
        for number in range(self.recipe.rounds):
            self.drive(number)
            if is_trained(self.work, number):
                continue
            for earlier in range(number + 1) if not training else (number,):
                self._split(load_round(Round.of(self.work, self.recipe, earlier)), training, validation)
            self.train(number, training, validation)
        return round_weights(self.work, self.recipe.rounds - 1)

    def publish(self, weights: Path) -> None:
        """Copies the finished weights and their manifest."""
        finished = checkpoint.load(round_weights(self.work, self.recipe.rounds - 1))
        checkpoint.save(weights, finished.network, finished.manifest)

    def drive(self, number: int) -> None:
        """Makes the drives of a round that are still missing."""
        drives = Round.of(self.work, self.recipe, number)
        with self.progress.task(f"Round {number}: driving", len(drives.seeds)) as advance:
            advance(len(drives.seeds) - len(drives.missing))
            collect(drives, advance)

    def _split(
        self, drives: list[Demonstration], training: list[Demonstration], validation: list[Demonstration]
    ) -> None:
        held_out = max(1, round(len(drives) * self.recipe.validation_share))
        validation += drives[:held_out]
        training += drives[held_out:]

    def train(self, number: int, training: list[Demonstration], validation: list[Demonstration]) -> None:
        """Trains after a round, starting from the weights of the round before."""
        epochs = self.recipe.epochs(number)
        losses = self.work / f"round-{number}.csv"
        check_writable(losses)
        unfinished = self.work / f"round-{number}.unfinished.keras"
        network = load_unfinished(unfinished) or self._new_network(number)
        batches = self._batches(training, number)
        with self.progress.task(f"Round {number}: training", epochs * self.recipe.batches) as advance:
            network.fit(
                batches,
                initial_epoch=epochs_done(network, self.recipe.batches),
                epochs=epochs,
                validation_data=self._validation_data(validation),
                shuffle=False,  # Keras' own shuffling a resumed training could not repeat.
                verbose=0,
                callbacks=[
                    keras.callbacks.CSVLogger(losses, append=True),
                    follow(network, batches, advance),
                    keep_unfinished(network, unfinished),
                ],
            )
        weights = round_weights(self.work, number)
        checkpoint.save(weights, without_optimizer(network), self._manifest(number))
        unfinished.unlink()

    def _new_network(self, number: int) -> LanDriver:
        """Returns the network of a round before its training."""
        recipe = self.recipe
        keras.utils.set_random_seed(recipe.seed)
        if number:
            network = checkpoint.load(round_weights(self.work, number - 1)).network
        else:
            network = LanDriver(image_shape=(PREPROCESSING.height, PREPROCESSING.width, 3))
            network.build()
        steps = recipe.epochs(number) * recipe.batches
        optimizer = averaged_adamw(network, recipe.learning_rate, steps, momentum=0.995)
        network.compile(optimizer=optimizer, loss=command_loss)
        return network

    def _batches(self, drives: list[Demonstration], number: int, count: int | None = None) -> Chunks:
        recipe = self.recipe
        return Chunks(
            drives,
            batch_size=recipe.batch_size,
            length=recipe.chunk_length,
            batches=count or recipe.batches,
            seed=recipe.seed * 1000 + number,
        )

    def _validation_data(self, drives: list[Demonstration]) -> tuple[dict[str, Any], Any]:
        batches = self._batches(drives, 999, VALIDATION_BATCHES)
        inputs, commands = zip(*(batches[index] for index in range(len(batches))), strict=True)
        joined = {key: np.concatenate([part[key] for part in inputs]) for key in inputs[0]}
        return joined, np.concatenate(commands)

    def _manifest(self, number: int) -> Manifest:
        return Manifest(
            name=POLICY_NAME,
            architecture={},
            preprocessing=PREPROCESSING,
            outputs=OUTPUTS,
            training={
                "task": "CarRacing-v3, behavioural cloning of a scripted expert, then DAgger",
                "command": "liquid-drive train carracing",
                "round": number,
                "recipe": asdict(self.recipe),
            },
            versions=versions(),
        )
