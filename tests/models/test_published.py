"""Published weights: loaded without trusting them, and refused for anything that is not on the allow-list."""

import base64
import contextlib
import io
import json
import marshal
import zipfile
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import pytest

from controller.interface import Observation
from controller.pixel_policy import load_policy_factory
from models.errors import UserError
from models.lan import LAN
from models.published import PREPROCESSING, load_published

PUBLISHED_LAN_FIELDS = [
    "name",
    "trainable",
    "dtype",
    "d_model",
    "num_heads",
    "mode",
    "euler_steps",
    "activation",
    "phi_hidden",
    "tau_epsilon",
    "delta_t",
    "dropout",
    "use_bias",
    "return_attention",
    "return_sequences",
]


class Published:
    """A file as the authors published it, with the layers of the document, before its training."""

    def __init__(self, folder: Path) -> None:
        keras.utils.set_random_seed(3)
        frames = keras.Input((66, 200, 3))
        x = keras.layers.Lambda(lambda image: image / 127.5 - 1)(frames)
        for filters, kernel, stride in ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1)):
            x = keras.layers.Conv2D(filters, kernel, strides=stride, activation="elu")(x)
        x = keras.layers.Reshape((64, 18))(x)
        x = LAN(100, 20, activation="elu", mode="exact")(x)
        self.network = keras.Model(frames, keras.layers.Dense(1)(x))
        # Who trained a network publishes the optimizer's state too, which counts its steps in integers.
        self.network.compile("adam", "mse")
        self.network.optimizer.build(self.network.trainable_variables)
        self.path = folder / "Udacity_LAN.keras"
        self.network.save(self.path)
        with zipfile.ZipFile(self.path) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.change("LAN", self._as_published)

    @staticmethod
    def _as_published(layer: dict) -> None:
        layer["module"], layer["registered_name"] = None, "Custom>LAN"
        layer["config"] = {field: layer["config"][field] for field in PUBLISHED_LAN_FIELDS}

    def change(self, class_name: str, change) -> None:
        config = json.loads(self.members["config.json"])
        layers = [layer for layer in config["config"]["layers"] if layer["class_name"] == class_name]
        change(layers[0])
        self.members["config.json"] = json.dumps(config).encode()
        self.write()

    def set_field(self, class_name: str, field: str, value: object) -> None:
        self.change(class_name, lambda layer: layer["config"].update({field: value}))

    def change_weights(self, change) -> None:
        content = io.BytesIO(self.members["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            change(file)
        self.members["model.weights.h5"] = content.getvalue()
        self.write()

    def write(self) -> None:
        with zipfile.ZipFile(self.path, "w") as archive:
            for name, content in self.members.items():
                archive.writestr(name, content)


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Published:
    return Published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def published(original, tmp_path) -> Published:
    copy = object.__new__(Published)
    copy.network, copy.members, copy.path = original.network, dict(original.members), tmp_path / "copy.keras"
    copy.write()
    return copy


def test_the_loaded_network_computes_what_the_saved_one_does(published):
    frames = np.random.default_rng(1).uniform(0, 255, (4, 66, 200, 3)).astype(np.float32)
    loaded = load_published(published.path)
    np.testing.assert_allclose(loaded(frames), published.network(frames), atol=1e-6)


def test_a_rescaling_and_a_sequential_model_are_understood_as_well(published):
    def as_rescaling(layer):
        layer["class_name"], layer["registered_name"] = "Rescaling", None
        layer["config"] = {"name": layer["name"], "scale": 1 / 127.5, "offset": -1}

    published.change("Lambda", as_rescaling)
    config = json.loads(published.members["config.json"])
    config["class_name"] = "Sequential"
    for layer in config["config"]["layers"]:
        layer.pop("inbound_nodes")
    published.members["config.json"] = json.dumps(config).encode()
    published.write()
    frames = np.full((1, 66, 200, 3), 80, np.float32)
    np.testing.assert_allclose(load_published(published.path)(frames), published.network(frames), atol=1e-6)


def test_dropout_does_nothing_when_driving(published):
    config = json.loads(published.members["config.json"])
    layers = config["config"]["layers"]
    dropout = {"class_name": "Dropout", "name": "drop", "config": {"name": "drop", "rate": 0.5}}
    dropout["inbound_nodes"] = json.loads(json.dumps(layers[-1]["inbound_nodes"]))
    layers[-1]["inbound_nodes"] = [{"args": [{"config": {"keras_history": ["drop", 0, 0]}}]}]
    layers.insert(len(layers) - 1, dropout)
    published.members["config.json"] = json.dumps(config).encode()
    published.write()
    frames = np.full((1, 66, 200, 3), 80, np.float32)
    np.testing.assert_allclose(load_published(published.path)(frames), published.network(frames), atol=1e-6)


def test_the_policy_prepares_the_frame_as_published_and_steers(published):
    image = np.random.default_rng(2).integers(0, 256, (160, 320, 3), dtype=np.uint8)
    policy = load_policy_factory(published.path)()
    policy.reset()
    command = policy.act(Observation(image, 0.0, 1.0))
    road = cv2.resize(image[60:-25], (200, 66), interpolation=cv2.INTER_LINEAR)
    frame = cv2.cvtColor(road, cv2.COLOR_RGB2YUV).astype(np.float32)
    np.testing.assert_array_equal(PREPROCESSING(image), frame)
    assert command.steering == pytest.approx(float(published.network(frame[None])[0, 0]), abs=1e-5)
    assert (command.gas, command.brake) == (0.0, 0.0)
    assert policy.name == "copy"
    with pytest.raises(UserError, match="160, 320, 3"):
        policy.act(Observation(image[:100], 0.0, 1.0))


def a_lambda(function) -> dict:
    code = base64.b64encode(marshal.dumps(function.__code__)).decode()
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}


REFUSED_FIELDS = [
    ("Lambda", "function", a_lambda(lambda x: __import__("os").system(x)), "no rescaling"),
    ("Lambda", "function", a_lambda(lambda x: x / 255), "rescale by"),
    ("Lambda", "function", "os.system", "no plain lambda"),
    ("Lambda", "function", {"class_name": "function", "config": "system"}, "no plain lambda"),
    ("Lambda", "arguments", {"y": 1}, "Lambda with arguments"),
    ("Lambda", "function", [a_lambda(lambda x: x)["config"]["code"], [1], None], "Lambda with arguments"),
    ("Lambda", "function", ["%%%", None, None], "no rescaling"),
    ("InputLayer", "batch_shape", [None, 160, 320, 3], "input has the shape"),
    ("Conv2D", "filters", 10**9, "filters"),
    ("Conv2D", "filters", "24", "filters"),
    ("Conv2D", "kernel_size", [5], "kernel_size"),
    ("Conv2D", "kernel_size", [5, -1], "kernel_size"),
    ("Conv2D", "padding", "reflect", "padding"),
    ("Conv2D", "activation", {"class_name": "Custom>Shell"}, "activation"),
    ("Conv2D", "use_bias", 1, "use_bias"),
    ("Conv2D", "groups", 3, "groups"),
    ("Conv2D", "data_format", "channels_first", "data_format"),
    ("Reshape", "target_shape", ["a"], "the shape"),
    ("LAN", "return_sequences", True, "return_sequences"),
    ("LAN", "mode", "magic", "mode"),
    ("LAN", "tau_epsilon", float("nan"), "tau_epsilon"),
    ("Dense", "units", 2, "output has the shape"),
]


@pytest.mark.parametrize(("class_name", "field", "value", "why"), REFUSED_FIELDS)
def test_a_setting_that_is_not_allowed_is_refused(published, class_name, field, value, why):
    published.set_field(class_name, field, value)
    with pytest.raises(UserError, match=f"are refused: .*{why}"):
        load_published(published.path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda layer: layer.update(class_name="TFOpLambda"), "a layer 'TFOpLambda'"),
        (lambda layer: layer.update(registered_name="evil>Conv2D"), "a layer 'evil>Conv2D'"),
        (lambda layer: layer.update(inbound_nodes=[]), "does not follow"),
    ],
)
def test_a_layer_that_is_not_allowed_is_refused(published, change, why):
    published.change("Conv2D", change)
    with pytest.raises(UserError, match=why):
        load_published(published.path)


def replace_kernel(file: h5py.File, make) -> None:
    variables = file["layers/dense/vars"]
    del variables["0"]
    make(variables)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda v: v.__setitem__("0", h5py.ExternalLink("/etc/passwd", "/x")), "links '0' to another place"),
        (lambda v: v.__setitem__("0", h5py.SoftLink("/layers/dense/vars/1")), "links '0' to another place"),
        (
            lambda v: v.create_dataset("0", (100, 1), "f4", external=[("elsewhere.raw", 0, 400)]),
            "in another file",
        ),
        (lambda v: v.create_virtual_dataset("0", virtual_layout()), "in another file"),
        (lambda v: v.create_dataset("0", data=np.array([b"text"])), "no array of numbers"),
        (
            lambda v: v.create_dataset("0", data=np.ones((100, 1), np.float32), compression="lzf"),
            "unknown way",
        ),
        (lambda v: v.create_dataset("0", (10**9,), "f4", chunks=(1000,)), "too many numbers"),
        (lambda v: [v.create_group(f"g{number}") for number in range(600)], "too many parts"),
    ],
)
def test_weights_that_are_not_plain_numbers_in_the_file_are_refused(published, make, why):
    published.change_weights(lambda file: replace_kernel(file, make))
    with pytest.raises(UserError, match=why):
        load_published(published.path)


def virtual_layout() -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout((100, 1), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (100, 1))
    return layout


def test_weights_of_another_shape_or_missing_weights_are_told(published):
    published.change_weights(lambda file: replace_kernel(file, lambda v: v.create_dataset("0", (5, 1), "f4")))
    with pytest.raises(UserError, match="cannot be read"):
        load_published(published.path)


def test_a_file_with_anything_else_in_it_is_refused(published):
    published.members["payload.pkl"] = b"..."
    published.write()
    with pytest.raises(UserError, match=r"payload\.pkl"):
        load_published(published.path)


def test_a_configuration_that_is_too_large_is_refused(published):
    published.members["config.json"] = b" " * 2_000_000
    published.write()
    with pytest.raises(UserError, match="larger than"):
        load_published(published.path)


@pytest.mark.parametrize(
    "config",
    [b"", b"[]", b"{}", b'{"class_name": "Functional"}', b'{"class_name": "X"}', b"[" * 100_000, b"\xff\xfe"],
)
def test_a_broken_configuration_is_told_in_a_sentence(published, config):
    published.members["config.json"] = config
    published.write()
    with pytest.raises(UserError):
        load_published(published.path)


def test_a_file_that_is_no_archive_or_missing_is_told(tmp_path):
    path = tmp_path / "broken.keras"
    path.write_bytes(b"PK not really")
    with pytest.raises(UserError, match="cannot be read"):
        load_published(path)
    with pytest.raises(UserError, match="There is no weights file"):
        load_published(tmp_path / "none.keras")


def test_damage_of_any_kind_is_told_in_a_sentence(published, tmp_path):
    path = tmp_path / "damaged.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in published.members.items():
            archive.writestr(name, content)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 30):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            load_published(path)


def test_layers_of_another_form_are_told_in_a_sentence(published):
    published.members["config.json"] = json.dumps(
        {"class_name": "Sequential", "config": {"layers": [1]}}
    ).encode()
    published.write()
    with pytest.raises(UserError, match="cannot be read"):
        load_published(published.path)


@pytest.mark.parametrize(("field", "value"), [("kernel_size", [128, 128]), ("filters", 4096)])
def test_a_layer_that_would_fill_the_memory_is_refused(published, field, value):
    published.set_field("Conv2D", "kernel_size", [64, 64])
    published.set_field("Conv2D", field, value)
    with pytest.raises(UserError, match="they ask for"):
        load_published(published.path)
