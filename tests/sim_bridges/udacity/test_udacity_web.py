"""The web routes and who may use them."""

import contextlib
import socket
import time

import pytest
import socketio

from sim_bridges.udacity.eventlet_backend import CONNECTIONS_MAX, HEADER_TIMEOUT_S
from tests.sim_bridges.udacity.modern_client import ModernClient
from tests.sim_bridges.udacity.running_server import eventually, serving
from tests.sim_bridges.udacity.simulator_client import SimulatorClient

POLL_WITHOUT_SESSION = "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def public_server():
    with serving(host="0.0.0.0", allow=("10.1.2.0/24",), token="secret") as running:  # noqa: S104, S106
        yield running


def test_the_probes_answer(server, public_server):
    for running in (server, public_server):
        assert running.get("/healthz") == (200, "ok\n")
        assert running.get("/readyz") == (200, "ready\n")


def test_the_metrics_tell_latencies_frames_states_and_chains(server):
    dropped = server.metric("liquid_drive_dropped_frames_total")
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(20)
        assert eventually(lambda: server.metric("liquid_drive_chains") == 1)
        assert eventually(lambda: 'liquid_drive_vehicles{state="driving"} 1.0' in server.get("/metrics")[1])
        # Before it leaves, maybe with a frame under way, which would be dropped as well.
        assert server.metric("liquid_drive_dropped_frames_total") == dropped + 1
    page = server.get("/metrics")[1]
    for stage in ("decode", "policy", "total"):
        assert f'liquid_drive_latency_seconds_bucket{{le="0.01",stage="{stage}"}}' in page
    assert server.metric("liquid_drive_frames_total") >= 19
    assert eventually(lambda: server.metric("liquid_drive_vehicles") == 0)


def test_the_status_tells_about_each_vehicle(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(5)
        (vehicle,) = server.vehicles()
    assert vehicle["address"] == "127.0.0.1"
    assert vehicle["state"] == "driving"
    assert vehicle["frame_age_s"] < 30


def test_the_operator_stops_and_resumes(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(5)
        assert server.request("POST", "/stop")[0] == 204
        assert eventually(lambda: server.vehicles()[0]["state"] == "stopping")
        assert client.wait_for(lambda c: c.tally.steers[-1][1] <= 0)
        with SimulatorClient(server.port, frame_s=0.01) as late:
            assert late.wait_for_replies(5)
            assert all(throttle <= 0 for _, throttle in late.tally.steers)
        assert server.request("POST", "/resume")[0] == 204
        assert eventually(lambda: server.vehicles()[0]["state"] == "driving")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/metrics"), ("GET", "/status"), ("POST", "/stop"), ("POST", "/resume")]
)
def test_a_public_service_wants_its_token(public_server, method, path):
    assert public_server.request(method, path)[0] == 401
    assert public_server.request(method, path, {"Authorization": "Bearer wrong"})[0] == 401
    assert public_server.request(method, path, {"Authorization": "Bearer secret"})[0] in (200, 204)


def test_a_public_service_still_drives_simulators_of_its_own_machine(public_server):
    with SimulatorClient(public_server.port) as client:
        assert client.wait_for_replies(3)


def test_a_web_page_that_points_its_name_here_gets_nothing(server):
    headers = {"Host": "evil.example"}
    assert server.request("POST", "/stop", headers)[0] == 403
    assert server.request("GET", "/healthz", headers)[0] == 403
    assert server.request("GET", "/socket.io/?EIO=4&transport=polling", headers)[0] == 403


def test_another_sites_page_can_neither_stop_nor_connect(server):
    headers = {"Origin": "http://evil.example"}
    assert server.request("POST", "/stop", headers)[0] == 403
    assert server.request("GET", "/socket.io/?EIO=4&transport=polling", headers)[0] == 400


def test_another_sites_page_takes_no_place_of_a_simulator(server):
    """A picture's address needs no permission to be asked for, and no Origin goes with it."""
    path = "/socket.io/?EIO=4&transport=polling"
    before = server.metric("liquid_drive_refused_total")
    assert server.request("GET", path, {"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert server.request("GET", path, {"Sec-Fetch-Site": "same-origin"})[0] == 200
    assert server.metric("liquid_drive_refused_total") == before + 1


def test_a_simulator_of_another_network_is_refused(caplog):
    with serving(host="0.0.0.0", allow=("10.1.2.0/24",), token="secret") as running:  # noqa: S104, S106
        address = another_address()
        if address is None:
            pytest.skip("this machine has the loopback address only")
        for _ in range(2):
            with pytest.raises(ConnectionError, match="403"):
                SimulatorClient(running.port, host=address)
        (logged,) = [record for record in caplog.records if record.message == "client refused"]
        assert logged.fields["address"] == address
        assert "--allow" in logged.fields["reason"]
        with pytest.raises(socketio.exceptions.ConnectionError):
            ModernClient().connect(f"http://{address}:{running.port}")


def another_address() -> str | None:
    """An address of this machine that is not loopback; no packet is sent to find it."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def test_connections_that_ask_for_nothing_keep_the_operator_from_nothing(server):
    """Eventlet serves 128 at once, and a request that never ends would hold its place for good."""
    address = ("127.0.0.1", server.port)
    with contextlib.ExitStack() as stack:
        for number in range(2 * CONNECTIONS_MAX):
            idle = stack.enter_context(socket.create_connection(address))
            idle.sendall((b"", b"G", b"POST /stop HTTP/1.1\r\nHost: ")[number % 3])
        asked_s = time.monotonic()
        assert server.request("POST", "/stop")[0] == 204
        assert server.request("POST", "/resume")[0] == 204
        assert time.monotonic() - asked_s < HEADER_TIMEOUT_S


@pytest.mark.parametrize(("method", "rest"), [("POST", "Content-Length: 90000\r\n\r\n4"), ("GET", "\r\n")])
def test_requests_that_never_end_keep_the_operator_from_nothing(server, method, rest):
    """Their bodies do not end, or they wait for messages."""
    with contextlib.ExitStack() as stack:
        modern = stack.enter_context(ModernClient())
        modern.connect(f"http://127.0.0.1:{server.port}", transports=["polling"])
        path = f"/socket.io/?EIO=4&transport=polling&sid={modern.client.eio.sid}"
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{rest}"
        for _ in range(2 * CONNECTIONS_MAX):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            slow.sendall(head.encode())
        asked_s = time.monotonic()
        assert server.request("POST", "/stop")[0] == 204
        assert server.request("POST", "/resume")[0] == 204
        assert time.monotonic() - asked_s < HEADER_TIMEOUT_S / 2


def test_connections_that_ask_for_nothing_end_no_drive(server):
    with SimulatorClient(server.port) as client, contextlib.ExitStack() as stack:
        assert client.wait_for_replies(3)
        for _ in range(CONNECTIONS_MAX):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        assert client.wait_for_replies(client.tally.replies + 20)
        assert not client.tally.closed


@pytest.mark.parametrize("request_text", ["G\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", POLL_WITHOUT_SESSION])
def test_what_is_no_request_is_refused_without_lines_of_another_form(server, capfd, caplog, request_text):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(request_text.encode())
        assert client.makefile("rb").read()
    assert capfd.readouterr().err == ""
    assert all(record.name.startswith("liquid_drive") for record in caplog.records)


def test_unknown_pages_are_not_found(server):
    assert server.get("/nothing")[0] == 404
    assert server.get("/stop")[0] == 405
