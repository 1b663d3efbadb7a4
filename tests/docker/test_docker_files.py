"""What can be said of the images and of compose without an engine."""

import http.server
import importlib.util
import json
import re
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.metrics import Metrics
from controller.safety import State

DOCKER = Path(__file__).resolve().parents[2] / "docker"
DASHBOARD = DOCKER / "grafana" / "dashboards" / "liquid-drive.json"
HEADER = "Iface\tDestination\tGateway\tFlags\n"


def script(name: str):
    """A program of the image, as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCKER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


entrypoint = script("entrypoint")
healthcheck = script("healthcheck")


@pytest.fixture
def routes(tmp_path) -> Path:
    file = tmp_path / "route"
    file.write_text(f"{HEADER}eth0\t000011AC\t00000000\t0001\neth0\t00000000\t010011AC\t0003\n")
    return file


def test_by_default_only_the_gateway_may_send_a_simulator(tmp_path, routes):
    assert entrypoint.options({}, tmp_path, routes) == [
        *("--host", "0.0.0.0", "--port", "4567"),  # noqa: S104
        *("--allow", "172.17.0.1"),
    ]


def test_every_variable_becomes_an_option(tmp_path, routes):
    settings = {
        "LIQUID_DRIVE_ALLOW": "192.168.1.0/24, 10.0.0.7",
        "LIQUID_DRIVE_SPEED": "12",
        "LIQUID_DRIVE_RECORD": "1",
        "LIQUID_DRIVE_PORT": "5000",
    }
    assert entrypoint.options(settings, tmp_path, routes)[2:] == [
        *("--port", "5000"),
        *("--allow", "192.168.1.0/24", "--allow", "10.0.0.7"),
        *("--speed", "12", "--record", "/recordings"),
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_where_an_address_is_named_the_gateway_is_not_admitted(tmp_path, routes, host):
    assert "--allow" not in entrypoint.options({"LIQUID_DRIVE_HOST": host}, tmp_path, routes)


def test_empty_variables_are_as_good_as_none(tmp_path, routes):
    names = ("ALLOW", "HOST", "PORT", "RECORD", "SPEED")
    empty = {f"LIQUID_DRIVE_{name}": "" for name in names}
    assert entrypoint.options(empty, tmp_path, routes) == entrypoint.options({}, tmp_path, routes)


@given(st.ip_addresses(v=4).filter(lambda address: int(address) != 0))
def test_any_gateway_is_read_from_the_kernels_table(tmp_path_factory, address):
    file = tmp_path_factory.mktemp("proc") / "route"
    number = address.packed[::-1].hex().upper()
    file.write_text(f"{HEADER}eth0\t00000000\t{number}\t0003\n")
    assert entrypoint.gateway(file) == str(address)


def test_a_container_without_gateway_is_told_what_to_set(tmp_path):
    (tmp_path / "route").write_text(HEADER)
    with pytest.raises(entrypoint.SettingError, match="LIQUID_DRIVE_ALLOW"):
        entrypoint.gateway(tmp_path / "route")


@pytest.mark.parametrize(("value", "recorded"), [(" true", True), ("on", True), ("0", False), ("No", False)])
def test_recording_is_on_or_off(tmp_path, routes, value, recorded):
    options = entrypoint.options({"LIQUID_DRIVE_RECORD": value}, tmp_path, routes)
    assert ("--record" in options) == recorded


def test_recording_that_is_neither_on_nor_off_is_refused(tmp_path, routes):
    with pytest.raises(entrypoint.SettingError, match="LIQUID_DRIVE_RECORD is /data: give 1 or 0"):
        entrypoint.options({"LIQUID_DRIVE_RECORD": "/data"}, tmp_path, routes)


def test_a_port_that_is_no_number_is_refused():
    with pytest.raises(entrypoint.SettingError, match="LIQUID_DRIVE_PORT is http"):
        entrypoint.endpoint({"LIQUID_DRIVE_PORT": "http"})


def test_a_mounted_policy_is_taken_in_the_runtimes_format(tmp_path, routes):
    assert entrypoint.mounted_policy(tmp_path) is None
    for name in ("mine.json", "mine.weights.h5", "mine.tflite", ".gitignore", "._mine.tflite"):
        (tmp_path / name).touch()
    assert entrypoint.mounted_policy(tmp_path) == tmp_path / "mine.tflite"
    assert entrypoint.options({}, tmp_path, routes)[-2:] == ["--weights", str(tmp_path / "mine.tflite")]
    (tmp_path / "mine.tflite").unlink()
    assert entrypoint.mounted_policy(tmp_path) == tmp_path / "mine.weights.h5"


def test_of_several_mounted_policies_none_is_guessed(tmp_path):
    (tmp_path / "mine.tflite").touch()
    (tmp_path / "yours.weights.h5").touch()
    with pytest.raises(entrypoint.SettingError, match="mine, yours"):
        entrypoint.mounted_policy(tmp_path)


def test_the_token_is_given_or_stays_the_same_random_one(tmp_path):
    file = tmp_path / "token"
    made = entrypoint.token(None, file)
    assert len(made) >= 32
    assert entrypoint.token(None, file) == made == file.read_text()
    assert entrypoint.token("given", file) == "given" == file.read_text()
    assert file.stat().st_mode & 0o007 == 0
    file.write_text("by hand\n")
    assert entrypoint.token(None, file) == "by hand"
    file.write_text("\n")
    assert len(entrypoint.token(None, file)) >= 32


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_health_is_an_answer_of_200(status, healthy):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/healthz" else 500)
            self.end_headers()

        def log_message(self, *_: object):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert healthcheck.is_healthy("127.0.0.1", server.server_port) is healthy
    assert not healthcheck.is_healthy("127.0.0.1", server.server_port)


def test_the_dashboard_asks_for_metrics_and_labels_that_the_service_has():
    metrics = Metrics()
    metrics.latency.labels("total").observe(0.01)
    metrics.vehicles.labels(State.DRIVING.value).set(1)
    labels: dict[str, set[str]] = {}
    for line in metrics.page().decode().splitlines():
        if match := re.match(r"(liquid_drive_\w+?)(?:\{(.*)\})? ", line):
            labels.setdefault(match[1], set()).update(re.findall(r"(\w+)=", match[2] or ""))
    targets = [target for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    assert len(targets) >= 10
    for target in targets:
        (name,) = re.findall(r"liquid_drive_\w+", target["expr"])
        assert name in labels, name
        asked = re.findall(r"(\w+)=", target["expr"]) + re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
        grouped = re.search(r"by \(([^)]*)\)", target["expr"])
        asked += grouped[1].split(", ") if grouped else []
        assert set(asked) <= labels[name], target


def test_every_example_setting_is_one_that_compose_reads():
    compose = "".join(file.read_text() for file in DOCKER.glob("compose*.yaml"))
    examples = set(re.findall(r"^#?([A-Z_]+)=", (DOCKER / ".env.example").read_text(), re.M))
    assert examples - {"COMPOSE_FILE"} == set(re.findall(r"\$\{([A-Z_]+)", compose))


def test_the_dockerfile_needs_no_frontend_from_a_registry():
    assert not re.search(r"^#\s*syntax", (DOCKER / "Dockerfile").read_text(), re.M)
