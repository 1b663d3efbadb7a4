"""The running service and the simulator's dialect, over real sockets."""

import base64
import contextlib
import gc
import itertools
import json
import math
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import socketio
from engineio.socket import Socket as EngineSocket
from eventlet.greenthread import GreenThread

from controller.interface import Command
from controller.session import VehicleSession
from models.errors import UserError
from sim_bridges.udacity.numbers import read_number
from sim_bridges.udacity.server import PING_TIMEOUT_S
from sim_bridges.udacity.settings import LIMITS, session_settings
from tests.sim_bridges.udacity.modern_client import ModernClient
from tests.sim_bridges.udacity.running_server import (
    BrightnessPolicy,
    RunningServer,
    eventually,
    recorded_images,
    serving,
    transcript,
)
from tests.sim_bridges.udacity.simulator_client import (
    CULTURES,
    DE_DE,
    EN_US,
    Culture,
    SimulatorClient,
    jpeg_of,
    noisy_road,
)

RESTARTS = "liquid_drive_chain_restarts_total"


def telemetries_of(name: str) -> list[object]:
    """The payloads of a transcript's telemetries, in order."""
    texts = [str(entry["text"]) for entry in transcript(name) if entry["dir"] == "client->server"]
    return [json.loads(text[2:])[1] for text in texts if text.startswith('42["telemetry"')]


class Replay:
    """Sends a transcript's payloads, one for each reply as the simulator did."""

    def __init__(self, payloads: list[object]) -> None:
        self.left = list(payloads)

    def __call__(self, _payload: object) -> object:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("name", "culture"), [("en-US", EN_US), ("de-DE", DE_DE), ("manual", EN_US), ("reconnect", EN_US)]
)
def test_a_transcript_is_one_chain_with_one_reply_a_telemetry(server, name, culture: Culture):
    payloads = telemetries_of(name)
    client = SimulatorClient(server.port, culture, frame_s=0.002, payload=Replay(payloads))
    with client:
        assert client.wait_for_replies(len(payloads))
        assert server.wait_for_vehicles(1)
    tally = client.tally
    assert tally.telemetries - tally.replies in (1, 2)
    assert tally.ended_chains == 0
    assert not tally.closed
    nulls = sum(payload is None for payload in payloads)
    assert (tally.manuals > 0) == (nulls > 0)
    assert abs(tally.manuals - nulls) <= 1
    assert all(abs(steering) <= 1 and abs(throttle) <= 1 for steering, throttle in tally.steers)
    assert max(throttle for _, throttle in tally.steers) > 0.1
    assert server.wait_for_vehicles(0)


def test_the_reconnect_of_a_transcript_begins_a_new_chain(server):
    half = len(telemetries_of("reconnect")) // 2
    payloads = telemetries_of("reconnect")
    first = SimulatorClient(server.port, frame_s=0.002, payload=Replay(payloads[:half])).start()
    assert first.wait_for_replies(20)
    first.vanish()
    with SimulatorClient(server.port, frame_s=0.002, payload=Replay(payloads[half:])) as second:
        assert second.wait_for_replies(20)
        assert server.wait_for_vehicles(1)
    assert second.tally.telemetries - second.tally.replies in (1, 2)


@pytest.mark.parametrize("culture", CULTURES, ids=lambda culture: culture.name)
def test_a_simulator_of_any_culture_is_driven(server, culture: Culture):
    bright_right = np.zeros((160, 320, 3), np.uint8)
    bright_right[:, 160:] = 60

    image = base64.b64encode(jpeg_of(bright_right)).decode()
    with SimulatorClient(server.port, culture, [image], frame_s=0.005) as client:
        assert client.wait_for_replies(40)
    assert client.tally.ended_chains == 0
    assert client.car.steering == pytest.approx(60 / 255, abs=0.02)
    assert client.car.throttle > 0


def test_connect_commands_nothing(server):
    client = SimulatorClient(server.port)
    client.send_text('42["nothing",{}]')
    time.sleep(0.5)
    assert b"steer" not in client.socket.recv(65536)
    client.stop()


def test_the_second_start_telemetry_is_folded_also_when_it_comes_late(server):
    with SimulatorClient(server.port, frame_s=0.3) as client:
        assert client.wait_for_replies(4)
        assert client.tally.telemetries - client.tally.replies in (1, 2)


def test_a_reply_goes_to_its_own_simulator_only(server):
    with (
        SimulatorClient(server.port, frame_s=0.01) as one,
        SimulatorClient(server.port, frame_s=0.01) as other,
    ):
        assert one.wait_for_replies(30)
        assert other.wait_for_replies(30)
        one.stuck = other.stuck = True
        time.sleep(0.3)
        for client in (one, other):
            assert client.tally.telemetries - client.tally.replies in (0, 1)


def test_a_simulator_and_a_modern_client_are_served_side_by_side(server):
    restarts = server.metric(RESTARTS)
    with SimulatorClient(server.port) as simulator:
        telemetry = {"steering_angle": 0.0, "throttle": 0.0, "speed": 1.5, "image": recorded_or_noisy()}
        with ModernClient() as modern:
            modern.connect(f"http://127.0.0.1:{server.port}")
            for _ in range(5):
                modern.emit("telemetry", telemetry)
                assert modern.receive(timeout=5)[0] == "steer"
            assert server.metric(RESTARTS) == restarts
            assert server.wait_for_vehicles(2)
            with pytest.raises(socketio.exceptions.TimeoutError):
                modern.receive(timeout=0.1)
        assert simulator.wait_for_replies(20)
    assert server.wait_for_vehicles(0)


def recorded_or_noisy() -> str:

    return base64.b64encode(noisy_road(3)).decode()


BROKEN = {
    "null image": lambda body: body | {"image": None},
    "no image": lambda body: {key: value for key, value in body.items() if key != "image"},
    "truncated base64": lambda body: body | {"image": body["image"][:1001]},
    "truncated jpeg": lambda body: body | {"image": body["image"][:2000]},
    "not a jpeg": lambda body: body | {"image": "AAAA"},
    "NaN speed": lambda body: body | {"speed": "NaN"},
    "huge speed": lambda body: body | {"speed": "1e300"},
    "empty steering": lambda body: body | {"steering_angle": ""},
    "a list": lambda _body: [1, 2, 3],
    "a text": lambda _body: "hello",
    "a number": lambda _body: 7,
    "empty": lambda _body: {},
    "a speed table": lambda body: body | {"speed": {"mph": 3}},
    "what takes long to parse": lambda body: body | {"more": [0] * 300},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_whatever_is_broken_gets_exactly_one_safe_reply(server, kind):
    with SimulatorClient(server.port, payload=BROKEN[kind], frame_s=0.005) as client:
        assert client.wait_for_replies(30)
        assert all(throttle <= 0 for _, throttle in client.tally.steers)
        assert client.tally.telemetries - client.tally.replies in (1, 2)
        assert client.tally.ended_chains == 0


def has_one_chain(client: SimulatorClient) -> bool:
    """Has a client send no more, and says whether it comes to owe exactly one telemetry."""
    client.stuck = True
    time.sleep(0.2)
    return client.wait_for(lambda c: len(c._due) == 1)


@pytest.mark.parametrize("text", ['42["telemetry",{"steering_angle":"0.0', '42["telemetry"]'])
def test_telemetry_that_is_no_json_or_says_nothing_gets_a_reply(server, text):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(5)
        restarts = server.metric(RESTARTS)
        assert has_one_chain(client)
        client._due.clear()
        replies = client.tally.replies
        client.send_text(text)
        assert client.wait_for_replies(replies + 1)
        assert server.metric(RESTARTS) == restarts
        assert client.tally.manuals == 0


MEANINGLESS = [
    "4",
    "42",
    "42[",
    "42[]",
    '42["unknown"]',
    "4nonsense",
    "43[1]",
    "45-[",
    '451-["telemetry",{"_placeholder":true,"num":0}]',
    '42/other,["telemetry",{}]',
]


def test_messages_that_mean_nothing_are_survived(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(3)
        for text in MEANINGLESS:
            client.send_text(text)
        replies = client.tally.replies
        assert client.wait_for_replies(replies + 20)
        restarts = server.metric(RESTARTS)
        assert has_one_chain(client)
        client._due.clear()
        replies = client.tally.replies
        for text in MEANINGLESS:
            client.send_text(text)
        replied = client.wait_for_replies(replies + 1, timeout_s=0.4)
        assert not replied or server.metric(RESTARTS) > restarts  # Unless a busy machine took a second.


def test_a_stalled_chain_is_restarted_without_gas_after_a_second(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for(lambda c: c.car.throttle > 0.1)
        client.swallow_next = 1
        stalled_s = time.monotonic()
        assert client.wait_for(lambda c: c.car.throttle == 0.0)
        assert time.monotonic() - stalled_s > 0.9
        restarts = server.metric(RESTARTS)
        replies = client.tally.replies
        assert client.wait_for_replies(replies + 20)
        assert client.tally.steers[replies][1] < 0.1
        assert server.metric(RESTARTS) == restarts
        assert client.tally.manuals == 0


def test_a_stalled_chain_of_a_human_driver_is_restarted_with_manual(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        client.human = True
        assert client.wait_for(lambda c: c.tally.manuals >= 5)
        restarts, steers = server.metric(RESTARTS), len(client.tally.steers)
        client.swallow_next = 1
        assert eventually(lambda: server.metric(RESTARTS) == restarts + 1)
        assert client.wait_for_replies(client.tally.replies + 5)
        assert len(client.tally.steers) == steers


def test_a_simulator_that_was_paused_has_one_chain_afterwards(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(10)
        restarts = server.metric(RESTARTS)
        client.stuck = True
        assert eventually(lambda: server.metric(RESTARTS) == restarts + 2)
        client.stuck = False
        replies = client.tally.replies
        assert client.wait_for_replies(replies + 50)
        assert has_one_chain(client)


def test_the_human_takes_over_and_hands_back_without_a_jump(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(20)
        client.human = True
        assert client.wait_for(lambda c: c.tally.manuals >= 5)
        assert [vehicle["state"] for vehicle in server.vehicles()] == ["manual"]
        client.car.steering = -0.8
        steers = len(client.tally.steers)
        client.human = False
        assert client.wait_for(lambda c: len(c.tally.steers) >= steers + 30)
    path = [steering for steering, _ in client.tally.steers[steers:]]
    assert path[0] == pytest.approx(-0.8, abs=1e-3)
    assert all(abs(b - a) <= 4.0 * LIMITS.step_max_s + 1e-6 for a, b in itertools.pairwise(path))
    assert path[-1] > -0.1


class FailingPolicy(BrightnessPolicy):
    """Raises for a dark image."""

    def act(self, observation):
        if observation.image.max() < 10 and observation.speed_mps != 0.0:
            raise RuntimeError("too dark")
        return super().act(observation)


class SleepyPolicy(BrightnessPolicy):
    """Sleeps for two seconds once it has driven for a while."""

    def __init__(self) -> None:
        self.acts = 0

    def act(self, observation):
        self.acts += 1
        if self.acts == 20:
            time.sleep(2.0)
        return super().act(observation)


class NanPolicy(BrightnessPolicy):
    def act(self, _observation):
        return Command(math.nan, math.nan, math.nan)


def test_a_policy_that_raises_ends_in_a_standstill_and_a_latched_fault():

    dark = base64.b64encode(jpeg_of(np.zeros((160, 320, 3), np.uint8))).decode()
    limits = replace(LIMITS, degraded_max_s=0.3)
    with (
        serving(FailingPolicy, limits=limits) as server,
        SimulatorClient(server.port, frame_s=0.01) as client,
    ):
        client.car.speed_mph = 12.0
        assert client.wait_for_replies(20)
        client._images = [dark]
        assert eventually(lambda: server.vehicles()[0]["state"] == "stopping")
        assert client.wait_for(lambda c: c.car.speed_mph < 5.5)
        client.car.speed_mph = 0.0
        assert eventually(lambda: server.vehicles()[0]["state"] == "fault")
        assert "stopped after a failure: the policy raised" in server.vehicles()[0]["reason"]
        client._images = [recorded_or_noisy()]
        time.sleep(0.2)
        assert server.vehicles()[0]["state"] == "fault"
        assert client.car.throttle == 0.0
        assert client.car.speed_mph >= 0.0
        assert server.request("POST", "/resume")[0] == 204
        assert eventually(lambda: server.vehicles()[0]["state"] == "driving")


def test_a_policy_that_sleeps_hurts_no_other_vehicle_and_ends_no_chain():
    sleepers = iter([BrightnessPolicy(), SleepyPolicy(), BrightnessPolicy()])
    with serving(lambda: next(sleepers), deadline_s=0.25) as server:
        with SimulatorClient(server.port, frame_s=0.02) as sleepy:
            assert sleepy.wait_for_replies(1)
            with SimulatorClient(server.port, frame_s=0.02) as other:
                assert sleepy.wait_for(lambda c: max(c.tally.round_trips_s, default=0) > 0.2)
                before = other.tally.replies
                assert other.wait_for_replies(before + 20)
                before = sleepy.tally.replies
                assert sleepy.wait_for_replies(before + 50)
            assert max(sleepy.tally.round_trips_s) < 1.9
            assert sleepy.tally.manuals == 0
        assert server.metric("liquid_drive_failures_total") >= 1


def test_a_policy_without_finite_numbers_never_reaches_the_wire():
    with serving(NanPolicy) as server, SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(30)
        assert client.tally.ended_chains == 0
        assert all(throttle <= 0 for _, throttle in client.tally.steers)
        assert server.metric("liquid_drive_failures_total") >= 30


def fast_car_while_it_goes_down(server: RunningServer) -> tuple[SimulatorClient, threading.Thread]:
    """A car that drives, and the thread that ends the server meanwhile."""
    client = SimulatorClient(server.port, frame_s=0.01).start()
    client.car.speed_mph = 20.0
    assert client.wait_for_replies(30)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    return client, stopper


def test_going_down_stops_the_car_first():
    with serving(stop_wait_s=30.0) as server:
        client, stopper = fast_car_while_it_goes_down(server)
        assert client.wait_for(lambda c: c.car.speed_mph <= 5.7)
        assert client.tally.steers[-1][1] <= 0.0
        assert server.get("/readyz")[0] == 503
        assert server.request("POST", "/resume")[0] == 409
        assert server.vehicles()[0]["state"] == "stopping"
        client.car.speed_mph = 0.0
        stopper.join(60)
        assert not stopper.is_alive()
        assert client.wait_for(lambda c: c.tally.closed)
        assert client.tally.steers[-1][1] == 0.0
        server.stop = lambda: None


def test_going_down_waits_only_so_long_for_a_car_that_does_not_stop():
    with serving(stop_wait_s=0.5) as server:
        with SimulatorClient(server.port, payload=lambda body: body | {"speed": "20.0000"}) as client:
            assert client.wait_for_replies(5)
            server.stop(timeout_s=30)
            server.stop = lambda: None
        assert client.tally.steers[-1][1] < 0.0


def test_a_client_that_resets_the_connection_is_forgotten_at_once(server):
    with SimulatorClient(server.port) as client:
        assert client.wait_for_replies(3)
        assert server.wait_for_vehicles(1)
        client.vanish()
    assert server.wait_for_vehicles(0, timeout_s=5)


@pytest.mark.parametrize("packet", ["x", "", "bA"])
def test_a_client_whose_packet_is_none_is_forgotten_at_once(packet):
    with serving() as server, SimulatorClient(server.port) as client:
        assert client.wait_for_replies(3)
        client._stopping.set()  # Nothing of it comes afterwards.
        client.send_text(packet)
        assert server.wait_for_vehicles(0, timeout_s=PING_TIMEOUT_S / 2)


def test_a_client_that_began_by_polling_is_forgotten_at_once_as_well():
    with serving() as server, ModernClient() as modern:
        modern.connect(f"http://127.0.0.1:{server.port}")
        assert server.wait_for_vehicles(1)
        assert eventually(lambda: modern.transport == "websocket")
        modern.client.eio.ws.send("x")
        assert server.wait_for_vehicles(0, timeout_s=PING_TIMEOUT_S / 2)


def test_a_client_that_says_goodbye_is_hung_up_on(server):
    with SimulatorClient(server.port, frame_s=0.01) as client:
        assert client.wait_for_replies(3)
        client.send_text("41")
        assert client.wait_for(lambda c: c.tally.closed)


@pytest.mark.slow
def test_a_client_that_vanishes_without_a_word_is_forgotten(server):
    """It neither answers pings nor closes, as after a pulled cable."""
    client = SimulatorClient(server.port).start()
    assert client.wait_for_replies(3)
    client._stopping.set()
    client._thread.join()
    silent_s = time.monotonic()
    assert server.wait_for_vehicles(0, timeout_s=20)
    assert time.monotonic() - silent_s < 10
    client.socket.close()


def send_until_refused(client: SimulatorClient, text: str) -> None:
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        client.send_text(text)


def test_nothing_is_left_of_clients_that_are_gone():
    kinds = (GreenThread, EngineSocket, VehicleSession)

    def left() -> int:
        gc.collect()
        return sum(isinstance(one, kinds) for one in gc.get_objects())

    def come_and_go(count: int) -> None:
        for number in range(count):
            client = SimulatorClient(running.port, frame_s=0.01).start()
            assert client.wait_for_replies(2)
            client.stop() if number % 2 else client.vanish()
        assert running.wait_for_vehicles(0)

    with serving() as running:
        come_and_go(2)
        time.sleep(1.5)
        before = left()
        come_and_go(20)

        def settled() -> bool:
            # Who left is looked after until somebody else comes, and longer while its thread still ends.
            come_and_go(1)
            return eventually(lambda: left() <= before, timeout_s=8.0)

        assert eventually(settled)


def test_a_message_that_is_too_large_closes_the_connection_only(server):
    with SimulatorClient(server.port) as healthy:
        with SimulatorClient(server.port) as large:
            assert large.wait_for_replies(2)
            with pytest.raises(ConnectionError):
                send_until_refused(large, '42["telemetry",{"image":"' + "A" * 10_000_000)
        before = healthy.tally.replies
        assert healthy.wait_for_replies(before + 10)
    assert server.wait_for_vehicles(0)


def test_a_client_that_floods_is_hung_up_on(server):
    client = SimulatorClient(server.port)
    with pytest.raises(ConnectionError):
        send_until_refused(client, '42["x"]')
    client.socket.close()
    assert server.metric("liquid_drive_refused_total") >= 1


def test_messages_are_not_compressed(server):
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))) as client:
        client.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
        )
        answer = client.recv(4096).split(b"\r\n\r\n")[0].lower()
    assert b" 101 " in answer
    assert b"permessage-deflate" not in answer


def test_a_vehicle_that_failed_stands_also_after_it_dialled_again():
    with serving(NanPolicy, limits=replace(LIMITS, degraded_max_s=0.1)) as server:
        with SimulatorClient(server.port, frame_s=0.01) as client:
            assert client.wait_for_replies(5)
            assert eventually(lambda: server.vehicles()[0]["state"] == "fault")
        assert server.wait_for_vehicles(0)
        with SimulatorClient(server.port, frame_s=0.01) as client:
            assert client.wait_for_replies(5)
            (vehicle,) = server.vehicles()
            assert vehicle["state"] in ("stopping", "fault")


def test_a_vehicle_that_failed_stands_also_if_it_dials_again_before_its_old_link_ends():
    policies = [NanPolicy]
    with (
        serving(lambda: policies[-1](), limits=replace(LIMITS, degraded_max_s=0.1)) as server,
        SimulatorClient(server.port, frame_s=0.01) as old,
    ):
        assert old.wait_for_replies(5)
        assert eventually(lambda: server.vehicles()[0]["state"] == "fault")
        old._stopping.set()
        old._thread.join()
        policies.append(BrightnessPolicy)
        with SimulatorClient(server.port, frame_s=0.01) as client:
            assert client.wait_for_replies(5)
            old.vanish()
            assert server.wait_for_vehicles(1)
            assert eventually(lambda: server.vehicles()[0]["state"] in ("stopping", "fault"))


def test_going_down_waits_for_a_car_whose_link_breaks_meanwhile():
    with serving(stop_wait_s=30.0) as server:
        client, stopper = fast_car_while_it_goes_down(server)
        assert client.wait_for(lambda c: c.tally.steers[-1][1] < 0.0)
        client.vanish()
        again = SimulatorClient(server.port, frame_s=0.01)
        again.car = client.car
        again.start()
        assert again.wait_for(lambda c: c.car.speed_mph <= 5.7)
        assert stopper.is_alive()
        again.car.speed_mph = 0.0
        stopper.join(60)
        assert not stopper.is_alive()
        server.stop = lambda: None


def test_only_so_many_clients_are_admitted():
    with serving(clients_max=2) as server:
        with SimulatorClient(server.port) as one, SimulatorClient(server.port) as two:
            assert one.wait_for_replies(1)
            assert two.wait_for_replies(1)
            with pytest.raises(ConnectionError, match="503"):
                SimulatorClient(server.port)
        assert server.wait_for_vehicles(0)
        with SimulatorClient(server.port) as next_one:
            assert next_one.wait_for_replies(1)


@pytest.mark.parametrize("name", ["connect", "disconnect", "telemetry"])
def test_no_event_of_a_client_opens_another_session(name):
    with serving() as server, SimulatorClient(server.port, frame_s=0.01) as healthy:
        assert healthy.wait_for_replies(5)
        with SimulatorClient(server.port) as client, contextlib.suppress(OSError):
            assert client.wait_for_replies(1)
            for number in range(5):
                client.send_text(f'42["{name}",{{"REMOTE_ADDR":"6.6.6.{number}"}}]')
            before = healthy.tally.replies
            assert healthy.wait_for_replies(before + 10)
            assert len(server.vehicles()) <= 2
            assert {vehicle["address"] for vehicle in server.vehicles()} == {"127.0.0.1"}
        assert server.wait_for_vehicles(1)


def test_a_name_that_only_ends_in_sid_is_no_session():
    with serving(clients_max=1) as server, SimulatorClient(server.port) as one:
        assert one.wait_for_replies(1)
        with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))) as other:
            path = "/socket.io/?EIO=4&transport=polling&xsid=1"
            other.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            assert b"503" in other.recv(100)


def test_a_polling_client_keeps_its_session_where_there_is_room_for_no_other():
    with serving(clients_max=1) as server, ModernClient() as modern:
        modern.connect(f"http://127.0.0.1:{server.port}", transports=["polling"])
        assert server.wait_for_vehicles(1)


def test_a_port_that_is_taken_is_the_users_to_mend(server):
    from controller.access import access_rules
    from sim_bridges.udacity.server import ServerSettings, UdacityServer

    settings = ServerSettings(
        "127.0.0.1",
        server.port,
        access_rules("127.0.0.1", [], None),
        session_settings(5.0),
    )
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) == 0
    with pytest.raises(UserError, match=f"port {server.port}"):
        UdacityServer(lambda: BrightnessPolicy, settings).run()


def test_every_reply_is_readable_in_every_culture(server):
    with SimulatorClient(server.port, images=recorded_images("en-US")[:40], frame_s=0.005) as client:
        assert client.wait_for_replies(60)
    texts = [json.loads(text[2:])[1] for text in client.tally.texts if text.startswith('42["steer"')]
    for payload in texts:
        assert set(payload) == {"steering_angle", "throttle"}
        for text in payload.values():
            assert isinstance(text, str)
            assert all(culture.read(text) == pytest.approx(read_number(text)) for culture in CULTURES)
