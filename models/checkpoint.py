"""Weights on disk, and beside them the manifest that says what they are.

A checkpoint `NAME` is two files in one folder, `NAME.weights.h5` and `NAME.json`, and once it is exported
`NAME.tflite` as well.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import UserError
from models.exported import SUFFIX, Exported
from models.files import check_writable, is_file, replacing, write_json
from models.preprocessing import Preprocessing

if TYPE_CHECKING:
    from models.driver import LanDriver

FORMAT = 1
WEIGHTS_SUFFIX = ".weights.h5"
PUBLISHED_SUFFIX = ".keras"
SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a weights file is.

    Attributes:
        name: Name of the policy.
        architecture: Arguments of `LanDriver`; none for a published network, whose file says what it is.
        preprocessing: How a camera frame becomes the network's input.
        outputs: For each output of the network, in order, its range and meaning.
        training: Command, data and settings that made the weights.
        scores: What the weights reached, and how that was measured.
        versions: Versions of Python and the packages that made them.
        sha256: Hash of the weights file, in hexadecimal.
        exported: The same network in LiteRT's format, None where it has not been exported.
        format: Version of this manifest's own layout.
    """

    name: str
    architecture: dict[str, Any]
    preprocessing: Preprocessing
    outputs: dict[str, str]
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    sha256: str = ""
    exported: Exported | None = None
    format: int = FORMAT

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Reads a manifest.

        Raises:
            UserError: The file is missing, is not JSON, or lacks or adds a field.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"The weights' manifest {path} is missing: keep it beside the weights file."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(
                f"The manifest {path} cannot be read ({error}): restore it or train again."
            ) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise UserError(
                f"The manifest {path} is not of format {FORMAT}, the one that this release reads."
            )
        try:
            preprocessing = Preprocessing(**content.pop("preprocessing"))
            exported = content.pop("exported", None)
            exported = None if exported is None else Exported(**exported)
            return cls(preprocessing=preprocessing, exported=exported, **content)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"The manifest {path} does not have the expected fields ({error}).") from None

    def __post_init__(self) -> None:
        named = isinstance(self.outputs, dict) and all(isinstance(x, str) for x in self.outputs.values())
        if not named:
            raise TypeError(f"outputs names ranges and meanings, and not {self.outputs!r}")

    def write(self, path: Path) -> None:
        """Writes the manifest; a reader sees the old or the new one, never a part."""
        write_json(path, asdict(self))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network and its manifest."""

    network: "LanDriver"
    manifest: Manifest


def manifest_path(weights: Path) -> Path:
    """Returns where the manifest of a weights file lies.

    Raises:
        UserError: The name does not end in `.weights.h5`.
    """
    if not weights.name.endswith(WEIGHTS_SUFFIX):
        raise UserError(f"A weights file's name ends in {WEIGHTS_SUFFIX}, which {weights} does not.")
    return beside(weights, ".json")


def check_there(weights: Path) -> None:
    """Makes sure that there is a weights file.

    Raises:
        UserError: There is none.
    """
    if not is_file(weights):
        raise UserError(
            f"There is no weights file {weights}: give the path of one, or none where the shipped policy "
            "will do."
        )


def check_place(weights: Path) -> None:
    """Makes sure that a checkpoint can be written and exported, and its manifest writes nothing else over.

    Raises:
        UserError: The name does not end in `.weights.h5`, one of the three files cannot be written, or a file
            of another kind has the manifest's name.
    """
    place = manifest_path(weights)
    check_writable(weights)
    check_writable(beside(weights, SUFFIX))
    check_manifest_place(place)


def check_manifest_place(place: Path) -> None:
    """Makes sure that a manifest can be written, in place of no file but another manifest.

    Raises:
        UserError: It cannot.
    """
    check_writable(place)
    if place.exists():
        try:
            Manifest.read(place)
        except UserError:
            raise UserError(
                f"{place} would be written over and is no manifest of weights: choose another name by --out."
            ) from None


def beside(weights: Path, suffix: str) -> Path:
    """Returns the path of the same name with another suffix than that of a weights or exported file."""
    name = weights.name
    for own in (WEIGHTS_SUFFIX, PUBLISHED_SUFFIX, SUFFIX):
        name = name.removesuffix(own)
    return weights.with_name(name + suffix)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a file that you may read.") from None


def save(weights: Path, network: "LanDriver", manifest: Manifest) -> Manifest:
    """Writes a checkpoint and returns its manifest with the hash filled in."""
    with replacing(weights) as partial:
        _make_room(partial, network)
        network.save_weights(partial)
    complete = replace(manifest, architecture=network.get_config(), sha256=sha256_of(weights), exported=None)
    complete.write(manifest_path(weights))
    return complete


def _make_room(path: Path, network: "LanDriver") -> None:
    """Fails where weights do not fit the disk: HDF5 would bring the process down when it closes the file."""
    size = sum(weight.numpy().nbytes for weight in network.weights)
    path.write_bytes(bytes(2 * size + 2**20))


def load(weights: Path) -> Checkpoint:
    """Loads a checkpoint whose weights are exactly those that its manifest names.

    Raises:
        UserError: A file is missing or broken, the hash differs, or the weights do not fit the architecture.
    """
    manifest = read_manifest(weights)
    return Checkpoint(_build(manifest, weights), manifest)


def read_manifest(weights: Path) -> Manifest:
    """Returns the manifest of a weights file that is exactly the one that the manifest names.

    Raises:
        UserError: A file is missing or broken, or the hash differs.
    """
    check_there(weights)
    manifest = Manifest.read(manifest_path(weights))
    found = sha256_of(weights)
    if found != manifest.sha256:
        raise UserError(
            f"The weights file {weights} is not the one that its manifest describes: its SHA-256 is {found}, "
            f"the manifest says {manifest.sha256 or 'nothing'}. Restore both files from the same source."
        )
    return manifest


def _build(manifest: Manifest, weights: Path) -> "LanDriver":
    from models.driver import LanDriver

    expected = (manifest.preprocessing.height, manifest.preprocessing.width, 3)
    try:
        network = LanDriver(**manifest.architecture)
        if network.image_shape != expected:
            raise ValueError(f"its preprocessing makes {expected}, its network takes {network.image_shape}")
        if network.outputs != len(manifest.outputs):
            raise ValueError(f"it names {len(manifest.outputs)} outputs, its network has {network.outputs}")
        network.build()
        network.load_weights(weights)
    except (KeyError, OSError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"The manifest of {weights} does not fit its network: {reason}. "
            "Restore both files from the same source, or train again."
        ) from error
    return network
