"""Trains one network again and again from fresh weights without compiling it again."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from training.experiments.network import build
from training.experiments.sequences import Fold, Sequences
from training.experiments.study import Budget, Contender, Study

Tensor = Any

VALIDATIONS = 20
"""A training looks at the validation data about so many times."""

PREDICTED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Training:
    """What a training gave.

    Attributes:
        loss: Loss of each epoch; None where it was not finite.
        validation_loss: Loss on the validation data, at each look; None where it was not finite.
        epoch_s: Median wall time of an epoch without validation.
    """

    loss: list[float | None]
    validation_loss: list[float | None]
    epoch_s: float

    @property
    def best_loss(self) -> float:
        """The smallest loss on the validation data, infinite where none was finite."""
        return min((loss for loss in self.validation_loss if loss is not None), default=math.inf)


def finite(loss: float) -> float | None:
    """Returns the loss, or None, which JSON can hold, for one that is not finite."""
    return loss if math.isfinite(loss) else None


class Trainee:
    """A contender's network in a study.

    An epoch is one compiled loop over batches, since Keras' own loop spends more time between the steps of
    such small networks than in them.

    Args:
        study: The study.
        contender: The contender.
        budget: Gives the size of a batch.
        shapes: Data whose shapes are those of all data to come.
    """

    def __init__(self, study: Study, contender: Contender, budget: Budget, shapes: Sequences) -> None:
        self._new_network = lambda: build(study, contender, shapes)
        self._batch_size = min(budget.batch_size, len(shapes))
        self._loss = study.loss
        self.network = self._new_network()
        self._optimizer = keras.optimizers.Adam(clipnorm=1.0)
        self._optimizer.build(self.network.trainable_variables)
        self._epoch = tf.function(self._train_batches, jit_compile=contender.jit)
        self._predict = tf.function(self.network, jit_compile=contender.jit)

    @property
    def parameters(self) -> int:
        """Number of weights that are trained."""
        return sum(int(np.prod(weight.shape)) for weight in self.network.trainable_weights)

    def train(
        self,
        fold: Fold,
        seed: int,
        rate: float,
        epochs: int,
        advance: Callable[[], None],
        watch: Callable[[int], None] | None = None,
    ) -> Training:
        """Trains from weights of the seed, at a rate that falls to zero along a cosine.

        The network ends with the weights that were best on the validation data.

        Args:
            fold: The data.
            seed: Seed of weights and order of batches.
            rate: Learning rate at the start.
            epochs: Number of epochs.
            advance: Called after each epoch.
            watch: Called after each epoch with its number.

        Returns:
            How it went.
        """
        self._restart(seed)
        rng = np.random.default_rng(seed)
        data = tuple(keras.tree.map_structure(tf.constant, part) for part in _arrays(fold.train))
        steps = len(fold.train) // self._batch_size
        training = Training([], [], 0.0)
        durations_s = []
        best: list[np.ndarray] = self.network.get_weights()
        for epoch in range(epochs):
            self._optimizer.learning_rate = rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
            order = rng.permutation(len(fold.train))[: steps * self._batch_size]
            started = time.perf_counter()
            loss = self._epoch(tf.constant(order.reshape(steps, -1), dtype="int32"), *data)
            training.loss.append(finite(float(loss)))
            durations_s.append(time.perf_counter() - started)
            if (epoch + 1) % max(1, epochs // VALIDATIONS) == 0 or epoch + 1 == epochs:
                validation_loss = self._validate(fold.validation)
                if validation_loss < training.best_loss:
                    best = self.network.get_weights()
                training.validation_loss.append(finite(validation_loss))
            if watch is not None:
                watch(epoch)
            advance()
        self.network.set_weights(best)
        # The first epoch may have compiled the loop.
        epoch_s = float(np.median(durations_s[1:] or durations_s))
        return Training(training.loss, training.validation_loss, epoch_s)

    def predict(self, data: Sequences) -> np.ndarray:
        """Returns predictions, one for each sequence or step."""
        inputs = data.inputs()
        parts = []
        for start in range(0, len(data), PREDICTED_AT_ONCE):
            indices = np.arange(start, start + PREDICTED_AT_ONCE) % len(data)
            chunk = {name: tf.constant(x[indices]) for name, x in inputs.items()}
            parts.append(self._predict(chunk).numpy())
        return np.concatenate(parts)[: len(data)]

    def _validate(self, data: Sequences) -> float:
        _, targets, weights = _arrays(data)
        return float(self._loss(targets, self.predict(data), sample_weight=weights))

    def _train_batches(self, order: Tensor, inputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Trains on the batches whose indices are the rows of `order` and returns the mean loss."""
        steps = order.shape[0]
        total = tf.zeros(())
        for step in tf.range(steps):
            chosen = order[step]
            batch = {name: tf.gather(x, chosen) for name, x in inputs.items()}
            with tf.GradientTape() as tape:
                predicted = self.network(batch, training=True)
                loss = self._loss(
                    tf.gather(targets, chosen), predicted, sample_weight=tf.gather(weights, chosen)
                )
            variables = self.network.trainable_variables
            gradients = [
                ops.zeros_like(variable) if gradient is None else gradient
                for gradient, variable in zip(tape.gradient(loss, variables), variables, strict=True)
            ]
            self._optimizer.apply(gradients, variables)
            total += loss
        return total / steps

    def _restart(self, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        self.network.set_weights(self._new_network().get_weights())
        for variable in self._optimizer.variables:
            variable.assign(ops.zeros_like(variable))


def _arrays(data: Sequences) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Returns inputs, targets and weights as a network takes them."""
    kind = np.int32 if np.issubdtype(data.targets.dtype, np.integer) else np.float32
    return data.inputs(), data.targets.astype(kind), data.weights.astype(np.float32)
