"""The network around a contender: the same encoder before and the same head after it."""

import keras
from keras import ops

from training.experiments.sequences import Sequences
from training.experiments.signals import inputs
from training.experiments.study import Contender, Study


def build(study: Study, contender: Contender, data: Sequences) -> keras.Model:
    """Returns an untrained network for data of these shapes.

    For a prediction at each step the head reads the step's own encoding too, so that no contender has to
    carry it through.
    """
    _, length, features = data.features.shape
    raw = inputs(length, features)
    signal = study.encode(raw, study.size)
    output = contender.mix(signal, study.size, study.every_step)
    if study.every_step:
        output = ops.concatenate([output, signal.features], axis=-1)
    if study.hidden:
        output = keras.layers.Dense(study.hidden, activation="relu", name="hidden")(output)
    prediction = keras.layers.Dense(study.outputs, name="head")(output)
    # Those blind to time or to gaps leave inputs unused, which a model of named inputs may have.
    return keras.Model(raw._asdict(), prediction)
