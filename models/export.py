"""From weights that Keras made to a network that LiteRT runs, checked number by number against Keras."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models import checkpoint
from models.checkpoint import PUBLISHED_SUFFIX, Manifest
from models.errors import UserError
from models.exported import SUFFIX, Exported, LiteRtNetwork
from models.files import check_writable, replacing

if TYPE_CHECKING:
    from models.driver import LanDriver

TOLERANCE = 1e-4
DRIVES = 20
FRAMES_A_DRIVE = 20
FRAME_S = 0.05
FRAMES_LOST_SHARE = 0.3
BEGIN_S = 1.7e9

Images = NDArray[np.uint8]
Moments = NDArray[np.float64]
Signature = dict[str, tuple[tuple[int, ...], str]]
"""Shapes and types of named tensors."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A network of Keras.

    Attributes:
        manifest: What it is.
        step: One step of it, from tensors of the shapes in `signature` to named tensors.
        signature: The names, shapes and types of what a step takes.
        drive: Its outputs for a whole drive: from frames `(T, height, width, 3)` and their moments in seconds
            `(T,)` to `(T, outputs)`.
    """

    manifest: Manifest
    step: Callable[..., dict[str, Any]]
    signature: Signature
    drive: Callable[[Images, Moments], NDArray[np.float32]]


def export(weights: Path, out: Path | None = None) -> Exported:
    """Writes the network of a weights file in LiteRT's format and states that in the manifest.

    Args:
        weights: A `.weights.h5` file with its manifest, or a published `.keras` file.
        out: Where to write, with a manifest of the same name; `NAME.tflite` beside the weights by default.

    Returns:
        What the manifest says of the exported file.

    Raises:
        UserError: The weights cannot be used, TensorFlow is missing, or the outputs differ from Keras'.
    """
    if weights.suffix == SUFFIX:
        raise UserError(f"{weights} is exported already: give its {checkpoint.WEIGHTS_SUFFIX} file.")
    if out is not None and out.suffix != SUFFIX:
        raise UserError(f"An exported file's name ends in {SUFFIX}, which {out} does not.")
    if find_spec("tensorflow") is None:
        raise UserError("Only TensorFlow can export weights: pip install 'liquid-drive[tensorflow]'.")
    if out is None:
        out = checkpoint.beside(weights, SUFFIX)
    checkpoint.check_there(weights)
    check_writable(out)
    manifest = out.with_suffix(".json")
    _check_manifest_place(manifest, weights)
    source = _published(weights) if weights.suffix == PUBLISHED_SUFFIX else _ours(weights)
    content = converted(source.step, source.signature)
    difference = _max_difference(source, LiteRtNetwork(content))
    if not math.isfinite(difference):
        raise UserError(f"The network of {weights} gives no finite numbers: train it again.")
    if difference > TOLERANCE:
        raise UserError(
            f"The exported network of {weights} differs from Keras' by {difference:.1e}, more than "
            f"{TOLERANCE:.0e}: drive it with --runtime tensorflow."
        )
    with replacing(out) as partial:
        partial.write_bytes(content)
    exported = Exported(out.name, checkpoint.sha256_of(out), float(f"{difference:.2e}"))
    replace(source.manifest, exported=exported).write(manifest)
    return exported


def _check_manifest_place(place: Path, weights: Path) -> None:
    """Makes sure that no manifest of other weights and no file of another kind is written over.

    Raises:
        UserError: One would be.
    """
    checkpoint.check_manifest_place(place)
    owner = checkpoint.beside(place.with_suffix(SUFFIX), checkpoint.WEIGHTS_SUFFIX)
    if owner.exists() and owner.resolve() != weights.resolve():
        raise UserError(f"{place} is the manifest of {owner}: choose another name by --out.")


def _ours(weights: Path) -> _Source:
    """Returns a driving network as a step whose memory is outside of it."""
    from keras import ops

    from models.lan import LAN

    loaded = checkpoint.load(weights)
    network = loaded.network
    features = network.attention.d_model
    # Only the newest frame's query is needed, which this layer evaluates alone.
    attention = LAN.from_config(network.attention.get_config() | {"return_sequences": False})
    attention.build([(None, None, features), (None, None)])
    attention.set_weights(network.attention.get_weights())
    earlier_frames = max(network.window - 1, 1)

    def step(frame: Any, earlier: Any, seconds_ago: Any) -> dict[str, Any]:
        known = seconds_ago >= 0.0
        ages_s = ops.maximum(seconds_ago, 0.0)
        newest = network.with_intervals(network.encoder(ops.cast(frame, "float32")), ages_s[:, -1])
        sequence = ops.concatenate([earlier, newest[:, None]], axis=1)
        times_s = ops.concatenate([-ages_s, ops.zeros((1, 1))], axis=1)
        mask = ops.concatenate([known, ops.ones((1, 1), "bool")], axis=1)
        attended = attention((sequence, times_s), mask=mask)
        return {"outputs": network.decide(newest, attended), "features": newest}

    signature = {
        "frame": ((1, *network.image_shape), "uint8"),
        "earlier": ((1, earlier_frames, features), "float32"),
        "seconds_ago": ((1, earlier_frames), "float32"),
    }
    return _Source(loaded.manifest, step, signature, lambda *drive: _drive_ours(network, *drive))


def _drive_ours(network: "LanDriver", frames: Images, times_s: Moments) -> NDArray[np.float32]:
    inputs = {
        "frames": frames[None],
        "times_s": (times_s - times_s[-1])[None],
        "intervals_s": np.diff(times_s, prepend=times_s[0])[None],
    }
    return np.asarray(network(inputs), np.float32)[0]


def _published(weights: Path) -> _Source:
    """Returns a published network, which remembers nothing."""
    from keras import ops

    from models.published import INPUT_SHAPE, load_published, manifest_of_published

    network = load_published(weights)

    def step(frame: Any) -> dict[str, Any]:
        return {"outputs": network(ops.cast(frame, "float32"), training=False)}

    return _Source(
        manifest_of_published(weights),
        step,
        {"frame": ((1, *INPUT_SHAPE), "uint8")},
        lambda frames, _: np.asarray(network(frames.astype(np.float32), training=False)),
    )


def converted(step: Callable[..., dict[str, Any]], signature: Signature) -> bytes:
    """Returns a step, from the tensors of a signature to named tensors, in LiteRT's format."""
    import tensorflow as tf

    specs = {name: tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in signature.items()}
    module = tf.Module()
    module.step = tf.function(step, autograph=False).get_concrete_function(**specs)
    module.weights = list(module.step.variables)  # Saving finds them by the module's attributes only.
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.step)
        content: bytes = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    return content


def _max_difference(source: _Source, exported: LiteRtNetwork) -> float:
    """Returns the largest absolute difference of any output in random drives that lose frames.

    It is not a number where one of the outputs is none.
    """
    random = np.random.default_rng(0)
    shape = source.signature["frame"][0][1:]
    differences = []
    for _ in range(DRIVES):
        frames = np.stack([_scene(random, shape) for _ in range(FRAMES_A_DRIVE)])
        lost = random.geometric(1.0 - FRAMES_LOST_SHARE, FRAMES_A_DRIVE)
        times_s = (BEGIN_S + FRAME_S * np.cumsum(lost)).astype(np.float64)
        expected = source.drive(frames, times_s)
        memory = exported.initial_memory()
        for frame, time_s, outputs in zip(frames, times_s.tolist(), expected, strict=True):
            found, memory = exported.step(frame, time_s, memory)
            differences.append(np.abs(found - outputs).max())
    return float(np.max(differences))


def _scene(random: np.random.Generator, shape: tuple[int, ...]) -> Images:
    """Returns a random picture of soft patches under noise."""
    patches = random.uniform(0, 255, (4, 6, 3)).astype(np.float32)
    noise = random.normal(0, random.uniform(0, 30), shape)
    scene = cv2.resize(patches, shape[1::-1], interpolation=cv2.INTER_CUBIC) + noise
    return np.clip(scene, 0, 255).astype(np.uint8)
