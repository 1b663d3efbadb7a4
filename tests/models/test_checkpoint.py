import errno
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import checkpoint
from models.errors import UserError
from models.exported import Exported
from tests.small_checkpoint import SMALL, save_small_checkpoint, small_network


@pytest.fixture
def saved(tmp_path):
    return save_small_checkpoint(tmp_path / "small.weights.h5"), small_network()


def change_manifest(path, **changes):
    manifest = path.with_name("small.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def test_loads_what_was_saved(saved):
    path, network = saved
    loaded = checkpoint.load(path)
    for one, other in zip(network.get_weights(), loaded.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.manifest.name == "small"
    assert loaded.manifest.preprocessing.height == 16
    assert loaded.manifest.sha256 == checkpoint.sha256_of(path)
    assert {p.name for p in path.parent.iterdir()} == {"small.weights.h5", "small.json"}


def test_new_weights_are_not_those_that_were_exported(saved):
    path, network = saved
    exported = Exported("small.tflite", "0" * 64, 0.0)
    manifest = replace(checkpoint.load(path).manifest, exported=exported)
    assert checkpoint.save(path, network, manifest).exported is None


def test_weights_whose_writing_fails_leave_the_old_ones(saved):
    path, network = saved
    old = path.read_bytes()

    def fill_the_disk(place):
        Path(place).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    network.save_weights = fill_the_disk
    with pytest.raises(UserError, match="No space left on device"):
        checkpoint.save(path, network, checkpoint.load(path).manifest)
    assert path.read_bytes() == old
    assert {p.name for p in path.parent.iterdir()} == {"small.weights.h5", "small.json"}


SAVE_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from models import checkpoint

path = Path(sys.argv[1])
small = checkpoint.load(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
checkpoint.save(path, small.network, small.manifest)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="files have no largest size there")
def test_weights_that_do_not_fit_the_disk_are_one_sentence_and_no_crash(saved):
    path, _ = saved
    old = path.read_bytes()
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SAVE_ON_A_FULL_DISK, path], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended.stderr  # And not -11: HDF5 does not survive it.
    assert "UserError" in ended.stderr
    assert "File too large" in ended.stderr
    assert path.read_bytes() == old
    assert {p.name for p in path.parent.iterdir()} == {"small.weights.h5", "small.json"}


@pytest.mark.parametrize("name", ["car.weights.h5", "car.keras", "car.tflite"])
def test_what_belongs_together_has_the_same_name(name):
    assert checkpoint.beside(Path("folder", name), ".json") == Path("folder/car.json")


def test_a_manifest_without_the_newer_fields_is_read(saved):
    path, _ = saved
    manifest = path.with_name("small.json")
    content = json.loads(manifest.read_text())
    del content["exported"], content["preprocessing"]["interpolation"]
    manifest.write_text(json.dumps(content))
    loaded = checkpoint.load(path).manifest
    assert loaded.exported is None
    assert loaded.preprocessing.interpolation == "area"


def test_a_place_for_a_checkpoint_is_that_of_no_other_file(saved, tmp_path):
    (tmp_path / "package.json").write_text('{"name": "mine"}')
    (tmp_path / "folder.json").mkdir()
    checkpoint.check_place(saved[0])
    for name, sentence in (("package", "is no manifest of weights"), ("folder", "cannot be written")):
        with pytest.raises(UserError, match=sentence):
            checkpoint.check_place(tmp_path / f"{name}.weights.h5")
    assert (tmp_path / "package.json").read_text() == '{"name": "mine"}'


def test_missing_weights(tmp_path):
    with pytest.raises(UserError, match=r"There is no weights file .*none\.weights\.h5"):
        checkpoint.load(tmp_path / "none.weights.h5")


def test_other_file_names(tmp_path):
    path = tmp_path / "model.keras"
    path.touch()
    with pytest.raises(UserError, match=r"ends in \.weights\.h5"):
        checkpoint.load(path)


def test_a_name_that_is_too_long():
    with pytest.raises(UserError, match="cannot be read"):
        checkpoint.sha256_of(Path("a" * 300))


@pytest.mark.parametrize("file", ["", ".", "a/b", None, 5])
def test_an_exported_file_lies_beside_its_manifest(saved, file):
    path, _ = saved
    manifest = path.with_name("small.json")
    content = json.loads(manifest.read_text())
    content["exported"] = {"file": file, "sha256": "", "max_difference": 0.0}
    manifest.write_text(json.dumps(content))
    with pytest.raises(UserError, match="manifest"):
        checkpoint.load(path)


def test_missing_manifest(saved):
    path, _ = saved
    path.with_name("small.json").unlink()
    with pytest.raises(UserError, match=r"manifest .* is missing"):
        checkpoint.load(path)


def test_a_manifest_that_cannot_be_read(saved):
    path, _ = saved
    path.with_name("small.json").unlink()
    path.with_name("small.json").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        checkpoint.load(path)


@pytest.mark.parametrize("number", [2, None])
def test_a_manifest_of_another_format_is_refused(saved, number):
    path, _ = saved
    change_manifest(path, format=number)
    with pytest.raises(UserError, match="is not of format 1"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '"text"',
        "{}",
        '{"format": 99}',
        '{"format": 1}',
        '{"format": 1, "exported": 1}',
        "[" * 100_000,
    ],
)
def test_broken_manifests(saved, content):
    path, _ = saved
    path.with_name("small.json").write_text(content)
    with pytest.raises(UserError, match="manifest"):
        checkpoint.load(path)


def test_wrong_hash(saved):
    path, _ = saved
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match="SHA-256"):
        checkpoint.load(path)


def test_a_manifest_without_a_hash_vouches_for_nothing(saved):
    path, _ = saved
    change_manifest(path, sha256="")
    with pytest.raises(UserError, match="the manifest says nothing"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": SMALL | {"features": 32}},
        {"architecture": SMALL | {"filters": [4]}},
        {"architecture": SMALL | {"unknown": 1}},
        {"architecture": {}},
        {"architecture": SMALL | {"image_shape": [32, 32, 3]}},
        {"architecture": SMALL | {"num_heads": 5}},
        {"outputs": {"steering": "-1 to 1"}},
    ],
)
def test_a_manifest_that_does_not_fit_the_network(saved, changes):
    path, _ = saved
    change_manifest(path, **changes)
    with pytest.raises(UserError, match="does not fit its network"):
        checkpoint.load(path)


def test_weights_that_are_no_weights(saved):
    path, _ = saved
    path.write_bytes(b"no weights")
    change_manifest(path, sha256=checkpoint.sha256_of(path))
    with pytest.raises(UserError, match="does not fit its network"):
        checkpoint.load(path)
