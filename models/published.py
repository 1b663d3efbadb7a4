"""The weights that the authors of the LAN published, as Keras files: read without trusting them.

Such a file holds a Lambda, which is code. Keras either refuses the file or executes what came with it. Here
the network is built anew from an allow-list of layers and settings, the Lambda's meaning is read from its
byte code without running it, and only the numbers are taken from the file.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import checkpoint
from models.checkpoint import Manifest
from models.errors import UserError
from models.lambda_code import Affine, UnknownCodeError, read_affine
from models.preprocessing import Preprocessing

if TYPE_CHECKING:
    import h5py

INPUT_SHAPE = (66, 200, 3)
PREPROCESSING = Preprocessing(
    160, 320, height=66, width=200, crop_top=60, crop_bottom=25, color="yuv", interpolation="linear"
)

_MEMBERS = frozenset({"config.json", "metadata.json", "model.weights.h5"})
_CONFIG_MAX_BYTES = 1_000_000
_WEIGHTS_MAX_BYTES = 200_000_000
_OBJECTS_MAX = 500
_LAYERS_MAX = 100
_KERNEL_MAX = 64
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ACTIVATIONS = frozenset({"linear", "elu", "relu", "tanh", "sigmoid", "selu", "softplus", "swish", "silu"})
_MODES = frozenset({"exact", "euler", "steady"})

Fields = dict[str, Any]


class _RefusedError(Exception):
    """What a file asks for that is not on the allow-list."""


def load_published(path: Path) -> Any:
    """Returns the network in a published `.keras` file, from frames `(B, 66, 200, 3)` to steering `(B, 1)`.

    Raises:
        UserError: The file is missing or broken, or asks for anything that is not on the allow-list.
    """
    checkpoint.check_there(path)
    try:
        with zipfile.ZipFile(path) as archive:
            network = _build(json.loads(_member(archive, "config.json", _CONFIG_MAX_BYTES)))
            _load_weights(network, _member(archive, "model.weights.h5", _WEIGHTS_MAX_BYTES))
    except _RefusedError as refusal:
        raise UserError(f"The weights {path} are refused: {refusal}.") from None
    except Exception as error:  # The libraries that read a hostile file raise of all kinds.
        reason = " ".join(_COLOURS.sub("", str(error)).split())[:200] or type(error).__name__
        raise UserError(f"The weights {path} cannot be read: {reason}.") from None
    return network


def manifest_of_published(path: Path) -> Manifest:
    """Returns what a published file is: the manifest beside it if it was made for this file, or a fresh one.

    Raises:
        UserError: The manifest beside the file is broken.
    """
    sha256 = checkpoint.sha256_of(path)
    beside = checkpoint.beside(path, ".json")
    if beside.exists() and (manifest := Manifest.read(beside)).sha256 == sha256:
        return manifest
    return Manifest(path.stem, {}, PREPROCESSING, {"steering": "-1 to 1"}, sha256=sha256)


def _member(archive: zipfile.ZipFile, name: str, bytes_max: int) -> bytes:
    if unknown := {member.filename for member in archive.infolist()} - _MEMBERS:
        raise _RefusedError(f"they hold {min(unknown)!r}, which no published file does")
    if archive.getinfo(name).file_size > bytes_max:
        raise _RefusedError(f"their {name} is larger than {bytes_max} bytes")
    with archive.open(name) as member:
        content = member.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise _RefusedError(f"their {name} is larger than {bytes_max} bytes")
    return content


def _build(config: Any) -> Any:
    """Returns the network that a file's configuration describes, with fresh weights."""
    import keras

    if not isinstance(config, dict) or config.get("class_name") not in ("Functional", "Sequential"):
        raise _RefusedError("they are no chain of layers")
    layers = config["config"]["layers"]
    if not isinstance(layers, list) or not 0 < len(layers) <= _LAYERS_MAX:
        raise _RefusedError("they are no chain of layers")
    previous, features = None, INPUT_SHAPE[-1]
    network = keras.Sequential([keras.Input(INPUT_SHAPE)])
    for layer in layers:
        name = str(layer.get("name") or layer["config"]["name"])
        if "inbound_nodes" in layer and _sources(layer["inbound_nodes"]) != ([previous] if previous else []):
            raise _RefusedError(f"their layer {name!r} does not follow the one before it")
        previous = name
        built = _layer(layer)
        if built is not None:
            _check_size(built, features)
            network.add(built)
            features = network.output_shape[-1]
    if network.output_shape != (None, 1):
        raise _RefusedError(f"their output has the shape {network.output_shape} and not one steering")
    return network


def _check_size(layer: Any, features: int) -> None:
    """Refuses a layer whose weights would be more than a file may hold, before they are made."""
    units = next(
        (getattr(layer, name) for name in ("filters", "units", "d_model") if hasattr(layer, name)), 0
    )
    pixels = math.prod(getattr(layer, "kernel_size", (1,)))
    if 4 * features * units * pixels > _WEIGHTS_MAX_BYTES:
        raise _RefusedError(f"they ask for a layer of {features * units * pixels} weights")


def _sources(nodes: Any) -> list[str]:
    """Returns the names of all layers whose outputs a layer takes."""
    if isinstance(nodes, dict):
        if "keras_history" in nodes:
            return [str(nodes["keras_history"][0])]
        nodes = list(nodes.values())
    if isinstance(nodes, list):
        return [name for node in nodes for name in _sources(node)]
    return []


def _layer(layer: Fields) -> Any:
    """Returns a layer of the allow-list, None for one that does nothing when driving."""
    kind = layer["class_name"]
    if kind not in _BUILDERS:
        raise _RefusedError(f"they ask for a layer {kind!r}")
    registered = layer.get("registered_name")
    if registered not in (None, kind, f"Custom>{kind}", f"liquid_drive>{kind}"):
        raise _RefusedError(f"they ask for a layer {registered!r}")
    return _BUILDERS[kind](layer["config"])


def _input(fields: Fields) -> None:
    shape = fields.get("batch_shape") or fields.get("batch_input_shape")
    if not isinstance(shape, list) or tuple(shape[1:]) != INPUT_SHAPE:
        raise _RefusedError(f"their input has the shape {shape} and not {INPUT_SHAPE}")


def _rescaling(fields: Fields) -> Any:
    return _affine_layer(Affine(_number(fields, "scale"), _number(fields, "offset")))


def _lambda(fields: Fields) -> Any:
    function = fields.get("function")
    if isinstance(function, dict) and function.get("class_name") == "__lambda__":
        function = [function["config"].get(part) for part in ("code", "defaults", "closure")]
    if not isinstance(function, list) or len(function) != 3 or not isinstance(function[0], str):
        raise _RefusedError("they hold a Lambda that is no plain lambda")
    if function[1] or function[2] or fields.get("arguments"):
        raise _RefusedError("they hold a Lambda with arguments")
    try:
        affine = read_affine(base64.b64decode(function[0]))
    except (UnknownCodeError, binascii.Error) as error:
        raise _RefusedError(f"they hold a Lambda that is no rescaling ({error})") from None
    return _affine_layer(affine)


def _affine_layer(affine: Affine) -> Any:
    """Returns the published preprocessing, x / 127.5 - 1; any other is not what the frames are made for."""
    import keras

    if not (math.isclose(affine.scale, 1 / 127.5) and math.isclose(affine.offset, -1.0)):
        raise _RefusedError(f"they rescale by {affine.scale:g} and {affine.offset:g}, not by 1/127.5 and -1")
    return keras.layers.Rescaling(1 / 127.5, offset=-1.0)


def _convolution(fields: Fields) -> Any:
    import keras

    for key, plain in (("dilation_rate", [1, 1]), ("groups", 1), ("data_format", "channels_last")):
        if fields.get(key, plain) != plain:
            raise _RefusedError(f"they ask for a convolution with {key} {fields[key]!r}")
    return keras.layers.Conv2D(
        _count(fields, "filters"),
        _pair(fields, "kernel_size"),
        strides=_pair(fields, "strides"),
        padding=_choice(fields, "padding", frozenset({"valid", "same"})),
        activation=_choice(fields, "activation", _ACTIVATIONS),
        use_bias=_flag(fields, "use_bias"),
    )


def _dense(fields: Fields) -> Any:
    import keras

    return keras.layers.Dense(
        _count(fields, "units"),
        activation=_choice(fields, "activation", _ACTIVATIONS),
        use_bias=_flag(fields, "use_bias"),
    )


def _reshape(fields: Fields) -> Any:
    import keras

    shape = fields.get("target_shape")
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise _RefusedError(f"they ask for the shape {shape!r}")
    return keras.layers.Reshape(tuple(shape))


def _lan(fields: Fields) -> Any:
    from models.lan import LAN

    for key in ("return_attention", "return_sequences"):
        if fields.get(key, False) is not False:
            raise _RefusedError(f"they ask for a LAN with {key}")
    activation = fields.get("activation")
    return LAN(
        _count(fields, "d_model"),
        _count(fields, "num_heads"),
        mode=_choice(fields, "mode", _MODES),
        euler_steps=_count(fields, "euler_steps"),
        activation=None if activation is None else _choice(fields, "activation", _ACTIVATIONS),
        phi_hidden=_count(fields, "phi_hidden"),
        tau_epsilon=_number(fields, "tau_epsilon"),
        delta_t=_number(fields, "delta_t"),
        use_bias=_flag(fields, "use_bias"),
    )


def _nothing(_fields: Fields) -> None:
    return None


_BUILDERS: dict[str, Callable[[Fields], Any]] = {
    "InputLayer": _input,
    "Rescaling": _rescaling,
    "Lambda": _lambda,
    "Conv2D": _convolution,
    "Dense": _dense,
    "Reshape": _reshape,
    "Dropout": _nothing,
    "LAN": _lan,
}


def _count(fields: Fields, key: str, most: int = 4096) -> int:
    value = fields.get(key)
    if type(value) is not int or not 0 < value <= most:
        raise _RefusedError(f"they ask for {key} {value!r}")
    return value


def _number(fields: Fields, key: str) -> float:
    value = fields.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise _RefusedError(f"they ask for {key} {value!r}")
    return float(value)


def _flag(fields: Fields, key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        raise _RefusedError(f"they ask for {key} {value!r}")
    return value


def _choice(fields: Fields, key: str, choices: frozenset[str]) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or value not in choices:
        raise _RefusedError(f"they ask for {key} {value!r}")
    return value


def _pair(fields: Fields, key: str) -> tuple[int, int]:
    value = fields.get(key)
    if not isinstance(value, list) or len(value) != 2:
        raise _RefusedError(f"they ask for {key} {value!r}")
    sizes = dict(enumerate(value))
    return _count({key: sizes[0]}, key, _KERNEL_MAX), _count({key: sizes[1]}, key, _KERNEL_MAX)


def _load_weights(network: Any, content: bytes) -> None:
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "model.weights.h5"
        weights.write_bytes(content)
        with h5py.File(weights, "r") as file:
            _check_weights(file)
        network.load_weights(weights)


def _check_weights(file: h5py.File) -> None:
    """Refuses whatever in a weights file is not plain numbers that lie in the file itself."""
    import h5py

    groups = [file]
    seen = size = 0
    while groups:
        group = groups.pop()
        for name in group:
            seen += 1
            if seen > _OBJECTS_MAX:
                raise _RefusedError("their weights file has too many parts")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _RefusedError(f"their weights file links {name!r} to another place")
            part = group[name]
            if isinstance(part, h5py.Group):
                groups.append(part)
                continue
            _check_numbers(name, part)
            size += part.nbytes
            if size > _WEIGHTS_MAX_BYTES:
                raise _RefusedError("their weights file has too many numbers")


def _check_numbers(name: str, part: Any) -> None:
    import h5py

    if not isinstance(part, h5py.Dataset) or part.dtype.kind not in "fiu":
        raise _RefusedError(f"their weights file holds {name!r}, which is no array of numbers")
    if part.is_virtual or part.external:
        raise _RefusedError(f"their weights file keeps {name!r} in another file")
    if part.compression not in (None, "gzip"):
        raise _RefusedError(f"their weights file packs {name!r} in an unknown way")
