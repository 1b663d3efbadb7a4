"""Saving, loading, and the weight files of the published layer."""

import json
import zipfile

import keras
import numpy as np
import pytest

from liquid_attention import LAN
from tests.models.lan_reference import built, features, numpy, pairwise, time_stamps, twin

X = features(3, 10, 6)
T = time_stamps(3, 10).astype("float32")
OPTIONS = {
    "mode": "euler",
    "euler_steps": 7,
    "activation": "elu",
    "phi_hidden": 12,
    "tau_epsilon": 0.01,
    "delta_t": 0.25,
    "dropout": 0.0,
    "use_bias": False,
    "return_attention": True,
    "return_sequences": True,
    "horizon": "elapsed",
    "initial": "dot",
    "gate_activation": "silu",
    "euler_guard": True,
    "time_scale": 0.5,
    "learn_time_scale": True,
    "window": 4,
    "query_chunk": 3,
}


def test_configuration_is_complete():
    layer = LAN(8, 2, **OPTIONS, name="attention", dtype="mixed_bfloat16")
    config = json.loads(json.dumps(layer.get_config()))
    again = LAN.from_config(config)
    assert again.get_config() == layer.get_config()
    assert {name: config[name] for name in OPTIONS} == OPTIONS
    assert again.name == "attention"
    assert again.dtype_policy.name == "mixed_bfloat16"


def test_registered_name():
    assert keras.saving.get_registered_name(LAN) == "liquid_drive>LAN"


@pytest.mark.filterwarnings("ignore:Rematerialization")
@pytest.mark.parametrize(
    "options", [{}, OPTIONS, {"dropout": 0.5, "activation": "tanh"}], ids=["published", "all", "dropout"]
)
def test_model_files_load_in_safe_mode_with_equal_outputs(options, tmp_path):
    inputs = [keras.Input((10, 6)), keras.Input((10,))] if options else keras.Input((None, 6))
    model = keras.Model(inputs, LAN(8, 2, **options)(inputs))
    arrays = [X, T] if options else X
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.count_params() == model.count_params()
    for expected, actual in zip(
        keras.tree.flatten(model(arrays)), keras.tree.flatten(loaded(arrays)), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)


def test_hdf5_files_load_too(tmp_path):
    """Of their configurations Keras reads "dot" as the function of that name."""
    inputs = [keras.Input((10, 6)), keras.Input((10,))]
    model = keras.Model(inputs, LAN(8, 2, horizon="elapsed", initial="dot")(inputs))
    model.save(tmp_path / "model.h5")
    loaded = keras.models.load_model(tmp_path / "model.h5", custom_objects={"LAN": LAN}, compile=False)
    np.testing.assert_array_equal(loaded([X, T]), model([X, T]))


def test_masks_and_constant_time_are_part_of_a_model_file(tmp_path):
    x = X.copy()
    x[0, :4] = 0
    pairs = features(3, 10, 10) > -1
    frames, allowed = keras.Input((10, 6)), keras.Input((10, 10), dtype="bool")
    masked = keras.layers.Masking()(frames)
    model = keras.Model([frames, allowed], LAN(8, 2)((masked, 2.0), attention_mask=allowed))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = numpy(model([x, pairs]))
    np.testing.assert_array_equal(loaded([x, pairs]), expected)
    assert np.abs(numpy(model([X, pairs])) - expected).max() > 1e-3


def test_weight_files(tmp_path):
    def model(seed):
        frames = keras.Input((10, 6))
        layer = built(8, 2, seed=seed)
        return keras.Model(frames, layer(frames))

    first, second = model(0), model(1)
    first.save_weights(tmp_path / "model.weights.h5")
    second.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(second(X), first(X))


def test_published_model_files_load_by_their_names(tmp_path):
    """A published file differs in its registered name and lacks the arguments that ours adds."""
    layer = built(8, 2, activation="elu")
    frames = keras.Input((10, 6))
    model = keras.Model(frames, layer(frames))
    model.save(tmp_path / "ours.keras")
    published = tmp_path / "published.keras"
    _rewrite_as_published(tmp_path / "ours.keras", published)

    loaded = keras.models.load_model(published, custom_objects={"Custom>LAN": LAN})
    np.testing.assert_array_equal(loaded(X), model(X))
    expected = keras.ops.elu(pairwise(layer)(X)[0][:, -1])
    np.testing.assert_allclose(loaded(X), expected, atol=1e-6)


def _rewrite_as_published(source, target):
    published = {
        "name", "trainable", "dtype", "d_model", "num_heads", "mode", "euler_steps", "activation",
        "phi_hidden", "tau_epsilon", "delta_t", "dropout", "use_bias", "return_attention",
        "return_sequences",
    }  # fmt: skip
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            if item == "config.json":
                config = json.loads(content)
                for entry in config["config"]["layers"]:
                    if entry["class_name"] == "LAN":
                        entry["module"], entry["registered_name"] = None, "Custom>LAN"
                        entry["config"] = {k: v for k, v in entry["config"].items() if k in published}
                content = json.dumps(config).encode()
            new.writestr(item, content)


def test_weight_file_names_are_the_published_ones(tmp_path):
    h5py = pytest.importorskip("h5py")
    layer = built(8, 2, name="lan")
    frames = keras.Input((10, 6))
    keras.Model(frames, layer(frames)).save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5") as file:
        stored = file["layers/lan"]
        names = {name for name in stored if "vars/0" in stored[name]}
        for name in names:
            np.testing.assert_array_equal(stored[name]["vars/0"], numpy(getattr(layer, name).kernel))
    assert names == {
        "q_dense", "k_dense", "v_dense", "out_dense",
        "phi_in", "phi_out", "tau_in", "tau_out", "time_a", "time_b",
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["euler", "steady"])
def test_unused_published_weights_exist(mode):
    layer = built(8, 2, mode=mode)
    assert len(layer.weights) == 20
    np.testing.assert_array_equal(twin(layer)(X), layer(X))
