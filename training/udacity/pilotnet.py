"""The published architecture, trained frame by frame as such networks usually are: the one to compare with.

Single frames of all three cameras, the side cameras' steering corrected by a constant, straight driving
thinned out, zoom, pan, brightness and mirroring at random. No view from beside the line, no time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from models.lan import LAN
from models.published import INPUT_SHAPE, PREPROCESSING
from sim_bridges.udacity.recording import Recording
from sim_bridges.udacity.recording.balancing import balanced_weights
from training.unfinished import epochs_done, follow, keep_unfinished, load_unfinished, save_whole

SIDE_STEERING = {"center": 0.0, "left": 0.15, "right": -0.15}
CONVOLUTIONS = ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
"""Filters, kernel and stride of each."""


@dataclass(frozen=True, slots=True)
class PilotnetRecipe:
    """How the published architecture is trained.

    Attributes:
        seed: Seed of weights and batches.
        epochs: Epochs of the training.
        batches: Batches in an epoch.
        batch_size: Frames in a batch.
        learning_rate: Learning rate of Adam.
    """

    seed: int = 0
    epochs: int = 10
    batches: int = 300
    batch_size: int = 100
    learning_rate: float = 1e-3

    def scaled(self, factor: float) -> "PilotnetRecipe":
        """Returns a recipe with so many times the batches, at least one in an epoch."""
        return replace(self, batches=max(1, round(self.batches * factor)))


def build() -> keras.Model:
    """Returns the published network: frames `(B, 66, 200, 3)`, YUV, to steering `(B, 1)`."""
    layers: list[Any] = [keras.Input(INPUT_SHAPE), keras.layers.Rescaling(1 / 127.5, offset=-1.0)]
    for filters, kernel, stride in CONVOLUTIONS:
        layers.append(keras.layers.Conv2D(filters, kernel, strides=stride, activation="elu"))
    layers += [
        keras.layers.Reshape((64, 18)),
        LAN(d_model=100, num_heads=20, activation="elu", mode="exact"),
        keras.layers.Dense(1),
    ]
    return keras.Sequential(layers)


class FrameGenerator(keras.utils.PyDataset):
    """Batches of single frames, read, augmented and prepared one by one.

    A batch depends on the seed, the epoch and its index alone, so that a resumed training sees what an
    uninterrupted one would have seen.

    Args:
        recording: Where the frames come from.
        recipe: Sizes and seed.

    Attributes:
        epoch: Number of the epoch whose batches are made.
    """

    def __init__(self, recording: Recording, recipe: PilotnetRecipe) -> None:
        super().__init__()
        self._recording, self._recipe = recording, recipe
        self._odds = balanced_weights(recording.steering)
        self.epoch = 0

    def __len__(self) -> int:
        return self._recipe.batches

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        random = np.random.default_rng([self._recipe.seed, self.epoch, index])
        rows = random.choice(len(self._odds), self._recipe.batch_size, p=self._odds)
        pairs = [self._sample(int(row), random) for row in rows]
        frames, steering = zip(*pairs, strict=True)
        return np.array(frames, np.float32), np.array(steering, np.float32)[:, None]

    def _sample(self, row: int, random: np.random.Generator) -> tuple[NDArray[np.uint8], float]:
        cameras = [name for name in SIDE_STEERING if self._recording.images[name][row] is not None]
        camera = str(random.choice(cameras))
        steering = float(self._recording.steering[row]) + SIDE_STEERING[camera]
        image = self._recording.image(row, camera)
        if random.random() < 0.5:
            image = _zoomed_and_panned(image, random)
        if random.random() < 0.5:
            image = np.clip(image * random.uniform(0.2, 1.2), 0, 255).astype(np.uint8)
        if random.random() < 0.5:
            image, steering = np.ascontiguousarray(image[:, ::-1]), -steering
        return PREPROCESSING(image), steering


def _zoomed_and_panned(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    height, width, _ = image.shape
    zoom = random.uniform(1.0, 1.3)
    right, down = random.uniform(-0.1, 0.1, 2) * (width, height)
    move = np.array([[zoom, 0, (1 - zoom) * width / 2 + right], [0, zoom, (1 - zoom) * height / 2 + down]])
    return np.asarray(cv2.warpAffine(image, move, (width, height)), np.uint8)


def train(
    recording: Recording,
    recipe: PilotnetRecipe,
    weights: Path,
    unfinished: Path,
    advance: Callable[..., None],
) -> None:
    """Trains the network and writes it as a `.keras` file; the same call trains what is not trained yet.

    Args:
        recording: Where the frames come from.
        recipe: Sizes and seed.
        weights: Where to write it.
        unfinished: The `.keras` file of the training from epoch to epoch.
        advance: Called for each batch, and with the number of those that were trained on before.
    """
    network = load_unfinished(unfinished) or _new(recipe)
    generator = FrameGenerator(recording, recipe)
    network.fit(
        generator,
        initial_epoch=epochs_done(network, recipe.batches),
        epochs=recipe.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[follow(network, generator, advance), keep_unfinished(network, unfinished)],
    )
    trained = build()
    trained.set_weights(network.get_weights())
    save_whole(trained, weights)


def _new(recipe: PilotnetRecipe) -> keras.Model:
    keras.utils.set_random_seed(recipe.seed)
    network = build()
    network.compile(keras.optimizers.Adam(recipe.learning_rate), loss="mean_squared_error")
    network.optimizer.build(network.trainable_variables)  # Else the training step is traced twice.
    return network
