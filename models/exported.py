"""A network in LiteRT's format, `NAME.tflite` beside its weights, which needs no Keras or TensorFlow to run.

The exported graph takes one frame. A network that looks at several keeps the features of the earlier ones
outside the graph, with the caller, so that each frame passes the encoder once. Moments are float64 with the
caller as well; the graph only gets differences, for which float32 is precise enough.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUFFIX = ".tflite"
NO_AGE_S = -1.0
"""Stands for the age of a frame that there has not been."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a manifest says of the exported network.

    Attributes:
        file: Name of the file, in the manifest's folder.
        sha256: Its hash, in hexadecimal.
        max_difference: Largest absolute difference of an output from Keras' that the export saw.
    """

    file: str
    sha256: str
    max_difference: float

    def __post_init__(self) -> None:
        if not isinstance(self.file, str) or Path(self.file).name != self.file or not self.file:
            raise ValueError(f"{self.file!r} is no name of a file")


@dataclass(frozen=True, slots=True)
class EarlierFrames:
    """What a drive remembers of the frames before the newest, oldest first.

    Attributes:
        features: Their features, float32, shape `(1, frames, features)`.
        times_s: Their moments in seconds; None where there has been none.
    """

    features: NDArray[np.float32]
    times_s: tuple[float | None, ...]


class LiteRtNetwork:
    """An exported network, warmed up on construction; vehicles on several threads may share it.

    Args:
        content: The exported file's content.
        threads: Number of threads that compute.

    Raises:
        ValueError: The content is no network that this LiteRT can run.
    """

    def __init__(self, content: bytes, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        # A runner that lived on would forbid to invoke its interpreter.
        inputs, outputs = _named_tensors(self._interpreter.get_signature_runner())
        self._one_at_a_time = threading.Lock()
        try:
            self._inputs = {name: tensor["index"] for name, tensor in inputs.items()}
            self._outputs = outputs["outputs"]["index"]
            self._features = outputs["features"]["index"] if "features" in outputs else None
            self._memory_shape = tuple(inputs["earlier"]["shape"]) if "earlier" in inputs else None
            self.step(np.zeros(inputs["frame"]["shape"][1:], np.uint8), 0.0, self.initial_memory())
        except LookupError as error:
            raise ValueError(
                f"it takes {', '.join(sorted(inputs))} and gives {', '.join(sorted(outputs))}, "
                f"not what `export` writes ({error})"
            ) from None

    def initial_memory(self) -> EarlierFrames | None:
        """Returns the memory of a drive that has seen no frame yet; None if the network remembers none."""
        if self._memory_shape is None:
            return None
        return EarlierFrames(np.zeros(self._memory_shape, np.float32), (None,) * self._memory_shape[1])

    def step(
        self, frame: NDArray[np.uint8], time_s: float, memory: EarlierFrames | None
    ) -> tuple[NDArray[np.float32], EarlierFrames | None]:
        """Returns the network's outputs, shape `(outputs,)`, and the new memory.

        Args:
            frame: The network's input, uint8, shape `(height, width, 3)`.
            time_s: Moment of the frame in seconds.
            memory: What `initial_memory` or the last `step` returned.
        """
        values: dict[str, Any] = {"frame": frame[None]}
        if memory is not None:
            ages_s = [NO_AGE_S if then_s is None else max(time_s - then_s, 0.0) for then_s in memory.times_s]
            values |= {"earlier": memory.features, "seconds_ago": np.array([ages_s], np.float32)}
        outputs, features = self._run(values)
        if memory is None or features is None:
            return outputs[0], memory
        kept = np.concatenate([memory.features[:, 1:], features[:, None]], axis=1)
        return outputs[0], EarlierFrames(kept, (*memory.times_s[1:], time_s))

    def _run(self, values: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        with self._one_at_a_time:
            for name, value in values.items():
                self._interpreter.set_tensor(self._inputs[name], value)
            self._interpreter.invoke()
            outputs = self._interpreter.get_tensor(self._outputs)
            features = None if self._features is None else self._interpreter.get_tensor(self._features)
        return outputs, features


def _named_tensors(signature: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return signature.get_input_details(), signature.get_output_details()
