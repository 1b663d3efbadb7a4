"""Which runtime is taken, and what is said where there is none."""

import importlib.util
import json
import subprocess
import sys

import pytest
from keras import ops

from controller import runtime
from controller.pixel_policy import load_policy_factory
from controller.runtime import RuntimeChoice, load_network
from models import checkpoint
from models.errors import UserError
from models.export import converted, export
from models.exported import LiteRtNetwork
from tests.small_checkpoint import save_small_checkpoint


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    weights = save_small_checkpoint(tmp_path_factory.mktemp("weights") / "small.weights.h5")
    export(weights)
    return weights


@pytest.fixture
def weights(exported, tmp_path):
    """A copy that a test may spoil."""
    for file in exported.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / exported.name


@pytest.fixture
def without(monkeypatch):
    """Hides packages."""

    def hide(*packages: str) -> None:
        found = importlib.util.find_spec
        monkeypatch.setattr(runtime, "find_spec", lambda name: None if name in packages else found(name))

    return hide


def runs_by_litert(weights, choice=RuntimeChoice.AUTO) -> bool:
    return isinstance(load_network(weights, choice).runtime, LiteRtNetwork)


def spoil(weights) -> None:
    file = checkpoint.beside(weights, ".tflite")
    file.write_bytes(file.read_bytes() + b"x")


def forget(weights) -> None:
    manifest = checkpoint.manifest_path(weights)
    content = json.loads(manifest.read_text())
    del content["exported"]
    manifest.write_text(json.dumps(content))


OBSTACLES = [
    (lambda weights: checkpoint.beside(weights, ".tflite").unlink(), "cannot be read"),
    (spoil, "not the one that its manifest names"),
    (forget, "not exported"),
]


def test_auto_is_litert_where_the_exported_file_fits(weights):
    assert runs_by_litert(weights)
    assert not runs_by_litert(weights, RuntimeChoice.TENSORFLOW)


@pytest.mark.parametrize(("obstruct", "why"), OBSTACLES)
def test_auto_is_tensorflow_where_litert_cannot(weights, obstruct, why):
    obstruct(weights)
    assert not runs_by_litert(weights)
    with pytest.raises(UserError, match=rf"LiteRT cannot run .*{why}.*liquid-drive export"):
        load_network(weights, RuntimeChoice.LITERT)


@pytest.mark.parametrize(("obstruct", "why"), OBSTACLES)
def test_where_neither_can_one_sentence_says_how_to_get_either(weights, without, obstruct, why):
    obstruct(weights)
    without("tensorflow")
    with pytest.raises(UserError, match=rf"pip install.*{why}.*liquid-drive export"):
        load_network(weights)


@pytest.mark.parametrize(("obstruct", "why"), OBSTACLES[1:])
def test_a_lone_exported_file_is_to_be_copied_again(weights, obstruct, why):
    obstruct(weights)
    with pytest.raises(UserError, match=rf"LiteRT cannot run .*{why}.*copy both files again"):
        load_network(checkpoint.beside(weights, ".tflite"))


def test_an_exported_file_is_the_one_that_was_named(weights):
    alone = weights.with_name("mine.tflite")
    alone.write_bytes(checkpoint.beside(weights, ".tflite").read_bytes())
    checkpoint.beside(alone, ".json").write_bytes(checkpoint.manifest_path(weights).read_bytes())
    assert runs_by_litert(alone)
    spoil(alone)
    with pytest.raises(UserError, match=r"mine\.tflite is not the one that its manifest names"):
        load_network(alone)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"outputs": {"steering": "", "gas": "", "brake": "", "horn": ""}}, "it names 4 outputs"),
        ({"outputs": 5}, "does not have the expected fields"),
        ({"exported": []}, "does not have the expected fields"),
        ({"preprocessing": {"height": 8}}, "does not fit its network"),
        ({"exported": {"file": "a\0b"}}, "cannot be read"),
    ],
)
def test_a_manifest_that_does_not_fit_is_one_sentence(weights, spoilt, why):
    manifest = checkpoint.manifest_path(weights)
    content = json.loads(manifest.read_text())
    for name, value in spoilt.items():
        merged = name != "outputs" and isinstance(value, dict)
        content[name] = content[name] | value if merged else value
    manifest.write_text(json.dumps(content))
    with pytest.raises(UserError, match=why) as error:
        load_network(weights, RuntimeChoice.LITERT)
    assert "\n" not in str(error.value)


def replace_exported(weights, network: bytes) -> None:
    file, manifest = (checkpoint.beside(weights, suffix) for suffix in (".tflite", ".json"))
    file.write_bytes(network)
    content = json.loads(manifest.read_text())
    content["exported"]["sha256"] = checkpoint.sha256_of(file)
    manifest.write_text(json.dumps(content))


def total(frame, axis=(1, 2)):
    return ops.sum(ops.cast(frame, "float32"), axis=axis)


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda image: {"outputs": total(image)}, ["image"]),
        (lambda frame: {"steering": total(frame)}, ["frame"]),
        (lambda frame: {"outputs": total(frame, axis=None)}, ["frame"]),
        (lambda frame, earlier: {"outputs": total(frame) + total(earlier, 1)[0, 0]}, ["earlier", "frame"]),
    ],
)
def test_an_exported_network_of_somebody_elses(weights, function, names):
    shapes = {
        "image": ((1, 8, 8, 3), "uint8"),
        "frame": ((1, 8, 8, 3), "uint8"),
        "earlier": ((1, 7, 4), "float32"),
    }
    replace_exported(weights, converted(function, {name: shapes[name] for name in names}))
    with pytest.raises(
        UserError, match=rf"it takes {', '.join(names)} and gives .*, not what `export` writes"
    ):
        load_network(weights, RuntimeChoice.LITERT)
    assert not runs_by_litert(weights)


def test_an_exported_file_that_litert_does_not_take(weights):
    replace_exported(weights, b"no network")
    with pytest.raises(UserError, match=r"does not take the exported file .*liquid-drive export"):
        load_network(weights, RuntimeChoice.LITERT)
    assert not runs_by_litert(weights)


def test_missing_packages_are_named(weights, without):
    without("ai_edge_litert")
    assert not runs_by_litert(weights)
    without("ai_edge_litert", "tensorflow")
    with pytest.raises(UserError, match=r"liquid-drive\[tensorflow\].*ai-edge-litert is not installed"):
        load_network(weights)
    with pytest.raises(UserError, match="TensorFlow is not installed"):
        load_network(weights, RuntimeChoice.TENSORFLOW)


def test_weights_that_their_manifest_does_not_name_are_refused_before_anything_runs(weights):
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(UserError, match="SHA-256"):
        load_policy_factory(weights)


@pytest.mark.parametrize("name", ["none.weights.h5", "none.keras", "none.tflite"])
def test_missing_files(tmp_path, name):
    with pytest.raises(UserError, match="There is no weights file"):
        load_network(tmp_path / name)


def test_litert_needs_neither_tensorflow_nor_keras(weights):
    program = """
import sys
from pathlib import Path
import numpy as np
from controller.interface import Observation
from controller.pixel_policy import load_policy_factory
policy = load_policy_factory(Path(sys.argv[1]))()
policy.act(Observation(np.zeros((96, 96, 3), np.uint8), 0.0))
print(sorted({"tensorflow", "keras", "h5py"} & set(sys.modules)))
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, str(weights)], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
