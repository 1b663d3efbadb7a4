"""The optimizer of the driving networks, and the networks without it."""

import keras

from models.driver import LanDriver

WARM_UP_SHARE = 0.05


def averaged_adamw(
    network: keras.Model, learning_rate: float, steps: int, momentum: float
) -> keras.optimizers.Optimizer:
    """Returns AdamW with a warm-up, a cosine decay, and weights averaged over the batches.

    It has its variables already: made with the first batch, they would have the training step traced twice.

    Args:
        network: What it is to train, built.
        learning_rate: Its peak.
        steps: Batches of the whole training.
        momentum: Share of the average that each batch keeps.
    """
    warm_up = int(steps * WARM_UP_SHARE)
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / 20, steps - warm_up, alpha=0.02, warmup_target=learning_rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=1e-4, clipnorm=1.0, use_ema=True, ema_momentum=momentum
    )
    optimizer.build(network.trainable_variables)
    return optimizer


def without_optimizer(network: LanDriver) -> LanDriver:
    """Returns a copy of a trained network whose file holds its weights alone."""
    copy = LanDriver(**network.get_config())
    copy.build()
    copy.set_weights(network.get_weights())
    return copy
