"""What runs a policy's network, and which of the two that can do it is taken."""

import hashlib
import logging
import os
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from controller.logs import log
from models import checkpoint
from models.checkpoint import PUBLISHED_SUFFIX, Manifest
from models.errors import UserError
from models.exported import SUFFIX, LiteRtNetwork

INSTALL_TENSORFLOW = "pip install 'liquid-drive[tensorflow]'"


class Runtime(Protocol):
    """Runs a network for one vehicle at a time; what it remembers is the caller's."""

    def initial_memory(self) -> Any:
        """Returns the memory of a drive that has seen no frame yet."""

    def step(self, frame: NDArray[np.uint8], time_s: float, memory: Any) -> tuple[NDArray[np.float32], Any]:
        """Returns the network's outputs, shape `(outputs,)`, and the new memory.

        Args:
            frame: The network's input, uint8, shape `(height, width, 3)`.
            time_s: Moment of the frame in seconds.
            memory: What `initial_memory` or the last `step` returned.
        """


class RuntimeChoice(str, Enum):
    """What is to run the network."""

    AUTO = "auto"
    """LiteRT where the weights are exported, else TensorFlow."""

    LITERT = "litert"
    TENSORFLOW = "tensorflow"


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """A network that is ready to run.

    Attributes:
        manifest: What it is.
        runtime: What runs it, which vehicles may share.
        choice: Which of the two that is, never `AUTO`.
    """

    manifest: Manifest
    runtime: Runtime
    choice: RuntimeChoice


class _ObstacleError(Exception):
    """Why LiteRT cannot run a network, and what to do about it."""


def load_network(
    weights: Path, choice: RuntimeChoice = RuntimeChoice.AUTO, threads: int = 1
) -> LoadedNetwork:
    """Loads a network: of ours, a published one, or an exported one that came without its weights.

    Args:
        weights: A `.weights.h5`, `.keras` or `.tflite` file.
        choice: What is to run it.
        threads: Number of threads that compute in LiteRT; TensorFlow's are limited by `limit_threads`.

    Raises:
        UserError: The file cannot be used, or nothing can run it here, and why.
    """
    manifest = manifest_of(weights)
    if choice is not RuntimeChoice.TENSORFLOW:
        try:
            runtime = _litert(weights, manifest, threads)
        except _ObstacleError as obstacle:
            if choice is RuntimeChoice.LITERT or weights.suffix == SUFFIX:
                raise UserError(f"LiteRT cannot run {weights}: {obstacle}.") from None
            if not _has_tensorflow():
                raise UserError(
                    f"Nothing here can run {weights}: TensorFlow is not installed "
                    f"({INSTALL_TENSORFLOW}), and for LiteRT {obstacle}."
                ) from None
            log(logging.INFO, "TensorFlow runs the network", weights=weights, reason=obstacle)
        else:
            log(logging.INFO, "LiteRT runs the network", weights=weights)
            return _fitting(weights, LoadedNetwork(manifest, runtime, RuntimeChoice.LITERT))
    return _fitting(weights, LoadedNetwork(manifest, _tensorflow(weights), RuntimeChoice.TENSORFLOW))


def _fitting(weights: Path, network: LoadedNetwork) -> LoadedNetwork:
    """Returns a network if it takes the frames that its manifest makes, and gives the outputs that it names.

    Raises:
        UserError: It does not.
    """
    manifest, runtime = network.manifest, network.runtime
    frame = np.zeros((manifest.preprocessing.height, manifest.preprocessing.width, 3), np.uint8)
    try:
        outputs, _ = runtime.step(frame, 0.0, runtime.initial_memory())
        if len(outputs) != len(manifest.outputs):
            raise ValueError(f"it names {len(manifest.outputs)} outputs, its network has {len(outputs)}")
    except (RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"The manifest of {weights} does not fit its network: {reason}. "
            "Restore both files from the same source."
        ) from None
    return network


def limit_threads(count: int) -> None:
    """Gives TensorFlow this many threads; must run before its first operation in the process.

    The network is too small to gain from more than one, and processes that drive side by side must not
    fight for cores.
    """
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(count)


def manifest_of(weights: Path) -> Manifest:
    """Returns what a weights file is, of any kind that `load_network` takes.

    Raises:
        UserError: The file or its manifest is missing or broken.
    """
    if weights.suffix not in (PUBLISHED_SUFFIX, SUFFIX):
        return checkpoint.read_manifest(weights)
    checkpoint.check_there(weights)
    if weights.suffix == SUFFIX:
        return Manifest.read(checkpoint.beside(weights, ".json"))

    from models.published import manifest_of_published

    return manifest_of_published(weights)


def _litert(weights: Path, manifest: Manifest, threads: int) -> Runtime:
    if find_spec("ai_edge_litert") is None:
        raise _ObstacleError("ai-edge-litert is not installed (pip install ai-edge-litert)")
    remedy = "copy both files again" if weights.suffix == SUFFIX else f"liquid-drive export {weights}"
    if manifest.exported is None:
        raise _ObstacleError(f"the weights are not exported ({remedy})")
    file = weights if weights.suffix == SUFFIX else weights.with_name(manifest.exported.file)
    try:
        content = file.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _ObstacleError(f"the exported file {file} cannot be read: {why} ({remedy})") from None
    if hashlib.sha256(content).hexdigest() != manifest.exported.sha256:
        raise _ObstacleError(f"the exported file {file} is not the one that its manifest names ({remedy})")
    try:
        return LiteRtNetwork(content, threads)
    except (RuntimeError, ValueError) as error:
        raise _ObstacleError(f"it does not take the exported file {file}: {error} ({remedy})") from None


def _tensorflow(weights: Path) -> Runtime:
    if weights.suffix == SUFFIX:
        raise UserError(f"TensorFlow cannot run an exported file such as {weights}: give the weights.")
    if not _has_tensorflow():
        raise UserError(f"TensorFlow is not installed: {INSTALL_TENSORFLOW}, or leave --runtime out.")

    from controller.tensorflow_runtime import load_with_tensorflow

    return load_with_tensorflow(weights)


def _has_tensorflow() -> bool:
    return find_spec("tensorflow") is not None
