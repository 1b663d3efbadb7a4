"""Trains one network on frames."""

import time
from typing import Any

import keras
import numpy as np

from training.experiments.driving.window_driver import WindowDriver
from training.experiments.trainee import Training, finite
from training.optimizer import averaged_adamw

AVERAGED_SHARE = 0.1
"""The average of the weights reaches back over about this share of a training, however short it is."""

VALIDATION_BATCHES = 12
"""Batches for validation, and for test."""


def train(
    network: WindowDriver,
    batches: keras.utils.PyDataset,
    validation: keras.utils.PyDataset,
    loss: Any,
    rate: float,
    epochs: int,
) -> Training:
    """Trains a network, which ends with its weights averaged over the last tenth.

    Args:
        network: The network.
        batches: What to train on; its `epoch` is set.
        validation: What the averaged weights are judged by at the end.
        loss: From targets and outputs to a loss for each frame.
        rate: Peak of the learning rate.
        epochs: Number of epochs.

    Returns:
        How it went; with one validation loss, that at the end.
    """
    steps = epochs * len(batches)
    momentum = max(0.0, 1 - 1 / (AVERAGED_SHARE * steps))
    optimizer = averaged_adamw(network, rate, steps, momentum)
    network.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    clock = _Clock(batches)
    history = network.fit(batches, epochs=epochs, verbose=0, callbacks=[clock])
    wanted, given = answers(network, validation)
    return Training(
        [finite(float(value)) for value in history.history["loss"]],
        [finite(float(np.mean(loss(wanted, given))))],
        # The first epoch compiles.
        float(np.median(clock.durations_s[1:] or clock.durations_s)),
    )


def answers(network: WindowDriver, batches: keras.utils.PyDataset) -> tuple[np.ndarray, np.ndarray]:
    """Returns targets and outputs of the frames with a full window before them, `(N, ...)` each."""
    full = slice(network.window - 1, None)
    wanted, given = [], []
    for number in range(len(batches)):
        inputs, targets = batches[number]
        outputs = network.predict_on_batch(inputs)
        wanted.append(targets[:, full].reshape(-1, targets.shape[-1]))
        given.append(outputs[:, full].reshape(-1, outputs.shape[-1]))
    return np.concatenate(wanted), np.concatenate(given)


class _Clock(keras.callbacks.Callback):
    """Measures epochs, and keeps the batches' epoch in step with the training's."""

    def __init__(self, batches: Any) -> None:
        super().__init__()
        self._batches = batches
        self.durations_s: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches.epoch = epoch
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.durations_s.append(time.perf_counter() - self._began)
