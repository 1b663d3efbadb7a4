"""The stand-in for the simulator against real servers, good ones and bad ones."""

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest

from models.errors import UserError
from sim_bridges.udacity.replay import client as client_module
from sim_bridges.udacity.replay.client import SimulatorClient
from sim_bridges.udacity.replay.connection import SimulatorConnection
from sim_bridges.udacity.replay.direct import drive_directly
from sim_bridges.udacity.replay.metrics import score
from sim_bridges.udacity.replay.options import DriveOptions
from sim_bridges.udacity.replay.pacing import Pacing
from sim_bridges.udacity.replay.world import World
from tests.sim_bridges.udacity.replay.lane_policy import LanePolicy
from tests.sim_bridges.udacity.running_server import serving

SPEED_MPS = 9.0
BUSY_S = 0.15
OPTIONS = DriveOptions(start_speed_mph=SPEED_MPS / 0.44704, start_offset_m=0.8)


def address(port: int) -> str:
    return f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"


def test_the_real_service_drives_as_on_simulated_time(drawn):
    with serving(LanePolicy, speed_mps=SPEED_MPS) as running:
        with SimulatorConnection(address(running.port)) as connection:
            real = SimulatorClient(World(drawn, OPTIONS.world), connection).drive()
        folded = running.metric("liquid_drive_dropped_frames_total")
        settings = running.server.service.settings
    direct = drive_directly(World(drawn, OPTIONS.world), LanePolicy(), settings)
    assert real.finished
    if np.diff(real.command_s).max() > BUSY_S:
        pytest.skip("the machine was too busy to drive in real time")
    assert real.interventions == direct.interventions == []
    assert folded <= 2
    assert real.elapsed_s == pytest.approx(direct.elapsed_s, rel=0.05)
    along_m = np.linspace(2, direct.distance_m[-1] - 2, 50)
    offsets = [np.interp(along_m, record.distance_m, record.offset_m) for record in (real, direct)]
    assert np.abs(offsets[0] - offsets[1]).max() < 0.4
    assert score([real]).latency_p50_ms > 0


def test_the_car_is_held_until_the_first_command(drawn):
    waits_s = iter([0.4])

    def answer(_):
        time.sleep(next(waits_s, 0.0))
        return [steer()]

    with (
        foreign(answer) as server,
        simulator(server, World(drawn.take(slice(0, 20)), OPTIONS.world)) as client,
    ):
        record = client.drive()
    assert record.command_s[1] == 0.0
    assert record.latency_s[0] > 0.35
    assert record.finished


def test_left_out_frames_and_delays_reach_the_real_service(drawn):
    with serving(LanePolicy, speed_mps=SPEED_MPS) as running:
        with SimulatorConnection(address(running.port)) as connection:
            pacing = Pacing(drop_frames=0.5, latency_s=0.03)
            record = SimulatorClient(World(drawn, OPTIONS.world), connection, pacing).drive()
        commands = running.metric("liquid_drive_frames_total")
    assert record.finished
    assert commands / record.elapsed_s < 15
    assert len(record.latency_s) == pytest.approx(commands, abs=3)


class ForeignServer:
    """A server that speaks websocket by hand and answers each telemetry as it is told."""

    def __init__(
        self,
        answer: Callable[[dict[str, str]], list[str]],
        greetings: tuple[str, ...] = ('0{"sid":"x"}', "2"),
    ) -> None:
        self._answer, self._greetings = answer, greetings
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.fragments: list[int] = []
        self.texts: list[str] = []
        self.head = ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            peer, _ = self._listener.accept()
            with peer, peer.makefile("rb") as stream:
                self._shake_hands(peer, stream)
                for greeting in self._greetings:
                    self._send(peer, greeting)
                while True:
                    text = self._message(stream)
                    self.texts.append(text)
                    if text.startswith('42["telemetry",{'):
                        for reply in self._answer(json.loads(text[2:])[1]):
                            self._send(peer, reply)

    def _shake_hands(self, peer: socket.socket, stream) -> None:
        import hashlib

        while (line := stream.readline()) not in (b"\r\n", b""):
            self.head += line.decode()
        key = self.head.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324
        peer.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )

    def _message(self, stream) -> str:
        text = b""
        while True:
            first, second = stream.read(2) or (8, 0)
            if first & 15 == 8:
                raise EOFError
            size = second & 127
            size = int.from_bytes(stream.read(2), "big") if size == 126 else size
            mask = stream.read(4)
            body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(stream.read(size)))
            self.fragments.append(size)
            text += body
            if first & 128:
                return text.decode()

    def _send(self, peer: socket.socket, message: str | bytes) -> None:
        payload = message.encode() if isinstance(message, str) else message
        kind = bytes([0x81 if isinstance(message, str) else 0x82])
        size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2)
        peer.sendall(kind + size + payload)

    def close(self) -> None:
        self._listener.close()


def steer(steering: str = "0", throttle: str = "1e-1") -> str:
    return "42" + json.dumps(["steer", {"steering_angle": steering, "throttle": throttle}])


@contextlib.contextmanager
def foreign(
    answer: Callable[[dict[str, str]], list[str]], **options: tuple[str, ...]
) -> Iterator[ForeignServer]:
    server = ForeignServer(answer, **options)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def simulator(server: ForeignServer, world: World, **pacing: float) -> Iterator[SimulatorClient]:
    with SimulatorConnection(address(server.port)) as connection:
        yield SimulatorClient(world, connection, Pacing(**pacing))


def test_in_lockstep_a_drive_takes_as_long_as_the_server_and_no_longer(drawn):
    with foreign(lambda _: [steer()]) as server:
        world = World(drawn.take(slice(0, 40)), OPTIONS.world)
        with simulator(server, world, frame_s=0.1) as client:
            record = client.drive_in_lockstep()
    assert record.finished
    assert np.diff(record.command_s)[3:] == pytest.approx(0.1)
    assert len(record.latency_s) == pytest.approx(record.elapsed_s / 0.1, abs=3)


def test_in_lockstep_each_command_answers_the_newest_frame(drawn):
    numbers = count(1)
    with foreign(lambda _: [steer(f"{next(numbers) / 1000}")]) as server:
        world = World(drawn.take(slice(0, 30)), OPTIONS.world)
        with simulator(server, world) as client:
            record = client.drive_in_lockstep()
    telemetries = sum(text.startswith("42") for text in server.texts)
    assert record.steering[1:] == pytest.approx([number / 1000 for number in range(1, telemetries + 1)])
    assert record.command_s[1:] == pytest.approx(0.05 * np.arange(telemetries))


def test_in_lockstep_the_command_of_a_connect_handler_answers_no_frame(drawn):
    """The usual `drive.py` sends one when the simulator connects."""
    numbers = count(1)
    greetings = ('0{"sid":"x"}', "2", steer("0.5"))
    with foreign(lambda _: [steer(f"{next(numbers) / 1000}")], greetings=greetings) as server:
        world = World(drawn.take(slice(0, 30)), OPTIONS.world)
        with simulator(server, world) as client:
            record = client.drive_in_lockstep()
    telemetries = sum(text.startswith("42") for text in server.texts)
    assert record.steering[1:] == pytest.approx(
        [0.5, *(number / 1000 for number in range(1, telemetries + 1))]
    )
    assert record.command_s[2:] == pytest.approx(0.05 * np.arange(telemetries))


def test_it_speaks_as_the_shipped_simulator(drawn):
    with (
        foreign(lambda _: [steer()]) as server,
        simulator(server, World(drawn.take(slice(0, 20)), OPTIONS.world)) as client,
    ):
        client.drive_in_lockstep()
    assert "Origin" not in server.head
    assert max(server.fragments) == 1016
    assert "2" in server.texts[:2]
    assert "3" in server.texts
    assert not any(text.startswith("40") for text in server.texts)
    assert server.texts[-2:] == ["41", "1"]


def test_each_reply_starts_one_telemetry_so_that_double_replies_double_them(drawn):
    with (
        foreign(lambda _: [steer(), steer()] if len(server.texts) < 5 else [steer()]) as server,
        simulator(server, World(drawn.take(slice(0, 30)), OPTIONS.world)) as client,
    ):
        client.drive()
    telemetries = [text for text in server.texts if text.startswith("42")]
    frames = len(set(telemetries))
    assert len(telemetries) > 1.8 * frames


def test_manual_starts_a_telemetry_and_leaves_the_command(drawn):
    replies = iter([steer("0.1"), '42["manual",{}]'])
    with (
        foreign(lambda _: [next(replies, steer("0.2"))]) as server,
        simulator(server, World(drawn.take(slice(0, 20)), OPTIONS.world)) as client,
    ):
        record = client.drive_in_lockstep()
    assert record.steering[:3] == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.parametrize("reply", [steer("nan"), '42["steer",{"steering_angle":0.1,"throttle":0}]'])
def test_a_reply_that_cannot_be_read_ends_the_chain(drawn, monkeypatch, reply):
    monkeypatch.setattr(client_module, "SILENCE_MAX_S", 0.5)
    with (
        foreign(lambda _: [reply]) as server,
        simulator(server, World(drawn, OPTIONS.world)) as client,
        pytest.raises(UserError, match=r"0\.5 s"),
    ):
        client.drive()
    assert sum(text.startswith("42") for text in server.texts) == 2


@pytest.mark.parametrize(
    "reply",
    [
        *("", "42", "42{", "42 5", "42null", "42[]", '42["other",1]', "6", "44error", '42["steer"]'),
        pytest.param("42" + "[" * 50_000, id="deep"),
    ],
)
def test_what_the_simulator_does_not_know_it_ignores(drawn, monkeypatch, reply):
    monkeypatch.setattr(client_module, "SILENCE_MAX_S", 5.0)
    with (
        foreign(lambda _: [text for text in (reply, steer()) if text]) as server,
        simulator(server, World(drawn.take(slice(0, 12)), OPTIONS.world)) as client,
    ):
        assert client.drive_in_lockstep().finished


@pytest.mark.parametrize("replies", [[], ['42["other",1]'], ['42["manual",{}]']])
@pytest.mark.parametrize("drive", [SimulatorClient.drive, SimulatorClient.drive_in_lockstep])
def test_a_server_that_never_gives_a_command_is_named_and_left(drawn, monkeypatch, replies, drive):
    monkeypatch.setattr(client_module, "SILENCE_MAX_S", 0.5)
    begin_s = time.monotonic()
    with (
        foreign(lambda _: replies) as server,
        simulator(server, World(drawn, OPTIONS.world)) as client,
        pytest.raises(UserError, match=r"has given no command for 0\.5 s"),
    ):
        drive(client)
    assert time.monotonic() - begin_s < 5.0
    assert sum(text.startswith("42") for text in server.texts) < 40


def test_a_server_that_stops_answering_is_left(drawn, monkeypatch):
    monkeypatch.setattr(client_module, "SILENCE_MAX_S", 0.5)
    replies = iter([[steer()]] * 5)
    begin_s = time.monotonic()
    with (
        foreign(lambda _: next(replies, [])) as server,
        simulator(server, World(drawn, OPTIONS.world)) as client,
        pytest.raises(UserError, match=r"has given no command for 0\.5 s"),
    ):
        client.drive()
    assert time.monotonic() - begin_s < 5.0


def test_an_empty_message_is_none_of_the_end(drawn):
    with (
        foreign(lambda _: ["", steer()]) as server,
        simulator(server, World(drawn.take(slice(0, 12)), OPTIONS.world)) as client,
    ):
        assert client.drive_in_lockstep().finished


def test_a_proxy_is_none_of_the_simulators_business(drawn, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with (
        foreign(lambda _: [steer()]) as server,
        simulator(server, World(drawn.take(slice(0, 12)), OPTIONS.world)) as client,
    ):
        assert client.drive_in_lockstep().finished


def test_a_server_that_hangs_up_is_named(drawn):
    def hang_up(_):
        raise OSError

    with (
        foreign(hang_up) as server,
        simulator(server, World(drawn, OPTIONS.world)) as client,
        pytest.raises(UserError, match=f"{server.port}.*closed the connection"),
    ):
        client.drive()


def test_a_binary_message_ends_the_connection_as_in_the_simulator(drawn):
    with (
        foreign(lambda _: [b"\x04steer"]) as server,
        simulator(server, World(drawn, OPTIONS.world)) as client,
        pytest.raises(UserError, match=f"{server.port}.*no text"),
    ):
        client.drive()


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/socket.io/", "http://127.0.0.1:1", "nonsense"])
def test_a_server_that_is_not_there_is_one_sentence(url):
    with pytest.raises(UserError, match="No server for simulators answers at"):
        SimulatorConnection(url)
