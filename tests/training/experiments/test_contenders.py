from dataclasses import replace

import keras
import numpy as np
import pytest

from training.experiments.models.attention import LAN_PUBLISHED, MEAN
from training.experiments.models.field import FIELD
from training.experiments.models.published import PACKAGE
from training.experiments.models.scaled_lan import ScaledLAN
from training.experiments.network import build
from training.experiments.sequences import complete
from training.experiments.signals import dense_encoder
from training.experiments.study import Size, Study

STEPS = 6


def study(every_step):
    return Study(
        "data",
        "protocol",
        fold=lambda _: None,
        contenders=FIELD,
        metrics=(),
        loss=keras.losses.MeanSquaredError(),
        outputs=2,
        encode=dense_encoder,
        size=Size(units=8, heads=2, time_scale=0.5),
        every_step=every_step,
    )


def padded_sequences(padding_features=0.0, padding_times=0.0):
    """Three sequences whose first two steps are padding, and whose fourth step is asked for, not known."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, STEPS, 4))
    times = np.cumsum(rng.exponential(0.5, (3, STEPS)), axis=1)
    valid = np.ones((3, STEPS), bool)
    valid[:, :2] = False
    observed = valid.copy()
    observed[:, 3] = False
    features[:, :2] += padding_features
    times[:, :2] += padding_times
    return complete(features, times, np.zeros((3, 2)), valid=valid, observed=observed)


def needs_package(contender):
    if not contender.installed:
        pytest.skip(f"{contender.requires} is not installed")


@pytest.mark.parametrize("every_step", [False, True], ids=["last", "every"])
@pytest.mark.parametrize("contender", FIELD, ids=lambda contender: contender.name)
def test_gives_a_prediction_that_padding_does_not_change(contender, every_step):
    needs_package(contender)
    data = padded_sequences()
    network = build(study(every_step), contender, data)
    predicted = np.asarray(network(data.inputs()))
    assert predicted.shape == ((3, STEPS, 2) if every_step else (3, 2))
    assert np.isfinite(predicted).all()
    if contender.requires == PACKAGE:
        return
    changed = np.asarray(network(padded_sequences(5.0, -3.0).inputs()))
    shown = slice(2, None) if every_step else slice(None)
    np.testing.assert_allclose(changed[:, shown], predicted[:, shown], atol=1e-5)


@pytest.mark.parametrize("contender", FIELD, ids=lambda contender: contender.name)
def test_only_those_told_of_time_see_it(contender):
    needs_package(contender)
    data = padded_sequences()
    network = build(study(False), contender, data)
    before = np.asarray(network(data.inputs()))
    stretched = np.asarray(network(replace(data, times=4 * data.times).inputs()))
    blind = contender.name in {"LAN, published", "softmax", "mean pooling", "LAN of keras-nac"}
    assert np.allclose(before, stretched, atol=1e-6) == blind


def test_mean_pooling_is_attention_with_equal_weights():
    data = padded_sequences()
    network = build(study(False), MEAN, data)
    encoder, values, output, head = (
        layer for layer in network.layers if isinstance(layer, keras.layers.Dense)
    )
    known = encoder(data.features[:, [2, 4, 5]].astype("float32"))
    expected = head(output(keras.ops.mean(values(known), axis=1)))
    np.testing.assert_allclose(network(data.inputs()), expected, atol=1e-5)


def test_a_logit_scale_lifts_the_published_bound_on_weights():
    x = keras.random.normal((4, 12, 8), seed=1)
    ratios = []
    for scale in (1.0, 50.0):
        keras.utils.set_random_seed(3)
        layer = ScaledLAN(8, 2, return_attention=True, logit_scale=scale)
        weights = np.asarray(layer(x)[1])
        ratios.append((weights.max(axis=-1) / weights.min(axis=-1)).max())
    assert ratios[0] < np.e < ratios[1]
    keras.utils.set_random_seed(3)
    heads_only = np.asarray(ScaledLAN(8, 2, return_sequences=True, logit_scale=50.0)(x))
    keras.utils.set_random_seed(3)
    with_weights = ScaledLAN(8, 2, return_sequences=True, return_attention=True, logit_scale=50.0)(x)[0]
    np.testing.assert_allclose(heads_only, with_weights, atol=1e-5)


def test_published_lan_is_compared_as_published():
    network = build(study(False), LAN_PUBLISHED, padded_sequences())
    layer = next(layer for layer in network.layers if type(layer).__name__ == "LAN")
    assert (layer.mode, layer.horizon, layer.initial, layer.tau_epsilon) == ("exact", "gate", "zero", 1e-6)
