"""Exported networks compute what Keras does, for all three kinds of policies."""

import threading

import numpy as np
import pytest

from controller.interface import Observation
from controller.pixel_policy import load_policy_factory
from controller.runtime import RuntimeChoice
from models import checkpoint, export
from models.checkpoint import SHIPPED, Manifest
from models.errors import UserError
from models.exported import LiteRtNetwork
from tests.models.test_published import Published
from tests.small_checkpoint import CARRACING, OUTPUTS, SMALL, UDACITY, save_small_checkpoint

BEGIN_S = 1.7e9


@pytest.fixture(scope="module", params=["carracing", "udacity", "steering only", "published"])
def weights(request, tmp_path_factory):
    """Exported weights of each kind."""
    folder = tmp_path_factory.mktemp("exported")
    if request.param == "published":
        path = Published(folder).path
    elif request.param == "steering only":
        path = save_steering_checkpoint(folder / "small.weights.h5")
    else:
        preprocessing = CARRACING if request.param == "carracing" else UDACITY
        path = save_small_checkpoint(folder / "small.weights.h5", preprocessing)
    export.export(path)
    return path


def save_steering_checkpoint(path):
    from models.driver import LanDriver

    shape = (UDACITY.height, UDACITY.width, 3)
    network = LanDriver(**SMALL | {"image_shape": shape, "pedals": False, "window": 1})
    network.build()
    checkpoint.save(path, network, Manifest("small", {}, UDACITY, {"steering": OUTPUTS["steering"]}))
    return path


def manifest_of(weights) -> Manifest:
    return Manifest.read(checkpoint.beside(weights, ".json"))


def observations(weights, count: int, seed: int = 0) -> list[Observation]:
    """A drive that loses frames, at times as a clock of the day gives them."""
    random = np.random.default_rng(seed)
    camera = manifest_of(weights).preprocessing
    times_s = BEGIN_S + np.cumsum(random.choice([0.05, 0.1, 1.3], count))
    shape = (camera.camera_height, camera.camera_width, 3)
    return [Observation(random.integers(0, 256, shape).astype(np.uint8), time_s) for time_s in times_s]


def commands(policy, drive: list[Observation]) -> np.ndarray:
    decided = [policy.act(observation) for observation in drive]
    return np.array([[command.steering, command.gas, command.brake] for command in decided])


def test_litert_and_tensorflow_command_the_same(weights):
    drive = observations(weights, 12)
    litert = load_policy_factory(weights, RuntimeChoice.LITERT)()
    tensorflow = load_policy_factory(weights, RuntimeChoice.TENSORFLOW)()
    expected = commands(tensorflow, drive)
    assert np.ptp(expected[:, 0]) > 1e-3
    np.testing.assert_allclose(commands(litert, drive), expected, atol=2e-5)
    litert.reset()
    np.testing.assert_allclose(commands(litert, drive), expected, atol=2e-5)


def test_vehicles_on_several_threads_share_a_network(weights):
    make = load_policy_factory(weights, RuntimeChoice.LITERT)
    drives = [observations(weights, 30, seed) for seed in range(4)]
    expected = [commands(make(), drive) for drive in drives]
    given: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda n=number: given.update({n: commands(make(), drives[n])}))
        for number in range(len(drives))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, drive in enumerate(expected):
        np.testing.assert_array_equal(given[number], drive)


def test_the_manifest_tells_the_file_its_hash_and_the_difference(weights):
    exported = manifest_of(weights).exported
    file = checkpoint.beside(weights, ".tflite")
    assert exported.file == file.name
    assert exported.sha256 == checkpoint.sha256_of(file)
    assert 0 <= exported.max_difference < 1e-4
    assert manifest_of(weights).sha256 == checkpoint.sha256_of(weights)
    assert not list(weights.parent.glob("*partial*"))


@pytest.mark.parametrize("weights_file", sorted(SHIPPED.glob("*.weights.h5")), ids=lambda path: path.name)
def test_shipped_policies_are_exported_and_small(weights_file):
    exported = manifest_of(weights_file).exported
    file = weights_file.with_name(exported.file)
    assert checkpoint.sha256_of(file) == exported.sha256
    assert exported.max_difference < 1e-4
    drive = observations(weights_file, 12)
    litert = load_policy_factory(weights_file, RuntimeChoice.LITERT)()
    tensorflow = load_policy_factory(weights_file, RuntimeChoice.TENSORFLOW)()
    np.testing.assert_allclose(commands(litert, drive), commands(tensorflow, drive), atol=2e-5)


def test_exported_elsewhere_it_needs_no_weights(tmp_path):
    weights = save_small_checkpoint(tmp_path / "small.weights.h5")
    before = checkpoint.manifest_path(weights).read_text()
    out = tmp_path / "device" / "car.tflite"
    export.export(weights, out)
    assert checkpoint.manifest_path(weights).read_text() == before
    assert {path.name for path in out.parent.iterdir()} == {"car.tflite", "car.json"}
    drive = observations(weights, 6)
    np.testing.assert_allclose(
        commands(load_policy_factory(out)(), drive),
        commands(load_policy_factory(weights, RuntimeChoice.TENSORFLOW)(), drive),
        atol=2e-5,
    )
    with pytest.raises(UserError, match=r"TensorFlow cannot run an exported file"):
        load_policy_factory(out, RuntimeChoice.TENSORFLOW)


def test_no_manifest_of_other_weights_is_written_over(tmp_path):
    first, second = (save_small_checkpoint(tmp_path / f"{name}.weights.h5") for name in ("first", "second"))
    with pytest.raises(
        UserError, match=r"second\.json is the manifest of .*second\.weights\.h5: choose another"
    ):
        export.export(first, tmp_path / "second.tflite")
    checkpoint.load(second)
    (tmp_path / "package.json").write_text('{"name": "mine"}')
    with pytest.raises(UserError, match=r"package\.json would be written over"):
        export.export(first, tmp_path / "package.tflite")
    assert (tmp_path / "package.json").read_text() == '{"name": "mine"}'


def test_a_network_that_comes_out_differently_is_refused(tmp_path, monkeypatch):
    weights = save_small_checkpoint(tmp_path / "small.weights.h5")
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(UserError, match=r"differs from Keras' by"):
        export.export(weights)
    assert not checkpoint.beside(weights, ".tflite").exists()


def test_a_network_without_numbers_is_refused(tmp_path):
    weights = tmp_path / "small.weights.h5"
    save_small_checkpoint(weights)
    loaded = checkpoint.load(weights)
    spoilt = [np.full_like(array, np.nan) for array in loaded.network.get_weights()]
    loaded.network.set_weights(spoilt)
    checkpoint.save(weights, loaded.network, loaded.manifest)
    with pytest.raises(UserError, match="gives no finite numbers: train it again"):
        export.export(weights)
    assert not checkpoint.beside(weights, ".tflite").exists()


def test_a_mistyped_path_makes_no_folder(tmp_path):
    with pytest.raises(UserError, match="There is no weights file"):
        export.export(tmp_path / "typo" / "x.weights.h5")
    assert not (tmp_path / "typo").exists()


def test_other_names_are_refused(tmp_path):
    with pytest.raises(UserError, match="is exported already"):
        export.export(tmp_path / "small.tflite")
    with pytest.raises(UserError, match=r"ends in \.tflite"):
        export.export(tmp_path / "small.weights.h5", tmp_path / "small.onnx")
    with pytest.raises(UserError, match="There is no weights file"):
        export.export(tmp_path / "none.keras")


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match="model"):
        LiteRtNetwork(b"no network")
