"""A client that speaks the shipped Udacity simulator's dialect, over a raw socket.

It opens a websocket without Origin, never sends the Socket.IO CONNECT, sends one telemetry when the socket
opens and one when the engine greets, one more after every `steer` and `manual`, all in websocket fragments
of 1016 bytes without TCP_NODELAY, in the number format of its culture. It drives a simple car with the
commands it gets, and counts what the tests want to know.
"""

import base64
import json
import math
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

FRAGMENT_BYTES = 1016
STEERING_ANGLE_MAX_DEG = 25.0


@dataclass(frozen=True)
class Culture:
    """How numbers are written and read, as far as .NET's N4 format and `float.Parse` go."""

    name: str
    decimal: str = "."
    group: str = ","
    trailing_minus: bool = False

    def write(self, value: float) -> str:
        digits = f"{abs(value):,.4f}".replace(",", "\0").replace(".", self.decimal).replace("\0", self.group)
        if value >= 0 or float(f"{value:.4f}") == 0:
            return digits
        return f"{digits}-" if self.trailing_minus else f"-{digits}"

    def read(self, text: str) -> float:
        """Reads as `float.Parse` does: group separators are skipped wherever they are."""
        return float(text.replace(self.group, "").replace(self.decimal, "."))


CULTURES = [
    Culture("en-US"),
    Culture("de-DE", ",", "."),
    Culture("fr-FR", ",", "\u00a0"),
    Culture("fr-FR (ICU)", ",", "\u202f"),
    Culture("de-CH", ".", "\u2019"),
    Culture("it-CH", ".", "'"),
    Culture("ar-SA", ".", ",", trailing_minus=True),
    Culture("fa-IR", "/", ","),
    Culture("pt-BR", ",", "."),
    Culture("ru-RU", ",", "\u00a0"),
    Culture("sv-SE", ",", "\u00a0"),
    Culture("hi-IN"),
    Culture("ja-JP"),
    Culture("pl-PL", ",", " "),
]
EN_US, DE_DE = CULTURES[0], CULTURES[1]


def jpeg_of(image: np.ndarray) -> bytes:
    """Encodes an RGB image as the simulator does."""
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 75])[
        1
    ].tobytes()


def noisy_road(seed: int = 0) -> bytes:
    """A camera frame of the simulator's size and file size, with more to encode than a plain drawing."""
    noise = np.random.default_rng(seed).integers(0, 40, (160, 320, 3), dtype=np.uint8)
    noise[60:] += 90
    noise[:60] += 150
    return jpeg_of(noise)


@dataclass
class Car:
    """A car that accelerates and coasts about as in the transcripts; it reverses below 5 mph."""

    speed_mph: float = 0.0
    steering: float = 0.0
    throttle: float = 0.0

    def move(self, step_s: float) -> None:
        force = self.throttle
        if force < 0 and self.speed_mph > 5:
            force *= 4
        self.speed_mph += (4.3 * force - 0.045 * self.speed_mph) * step_s


@dataclass
class Tally:
    """What the client has sent and received."""

    telemetries: int = 0
    steers: list[tuple[float, float]] = field(default_factory=list)
    steer_times_s: list[float] = field(default_factory=list)
    manuals: int = 0
    round_trips_s: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    ended_chains: int = 0
    closed: bool = False

    @property
    def replies(self) -> int:
        return len(self.steers) + self.manuals


class SimulatorClient:
    """One simulator.

    Args:
        port: Port of the server.
        culture: Culture of its machine.
        images: Base64 texts of the camera frames, shown in turn.
        frame_s: Least time between two of its camera frames; a reply that comes earlier waits, as for
            Unity's update.
        payload: Replaces the telemetry's payload, for clients that are not what they should be.
        host: Address of the server.
        starts: Telemetries that it sends by itself; two by the shipped simulator.
    """

    def __init__(
        self,
        port: int,
        culture: Culture = EN_US,
        images: Sequence[str] | None = None,
        frame_s: float = 0.02,
        payload: Callable[[dict[str, str]], object] | None = None,
        host: str = "127.0.0.1",
        starts: int = 2,
    ) -> None:
        self.culture = culture
        self.car = Car()
        self.tally = Tally()
        self.human = False
        self.stuck = False
        self.swallow_next = 0
        self._images = list(images) if images else [base64.b64encode(noisy_road()).decode()]
        self._frame_s = frame_s
        self._payload = payload
        self._starts = starts
        self._address = (host, port)
        self._due: list[float] = []
        self._sent_s: list[float] = []
        self._last_frame_s = time.monotonic()
        self._buffer = b""
        self._sending = threading.Lock()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.socket = self._dial()

    def start(self) -> "SimulatorClient":
        self._thread.start()
        return self

    def __enter__(self) -> "SimulatorClient":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Says goodbye as the simulator does when it quits."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        try:
            self.send_text("41")
            self.send_text("1")
            self.socket.close()
        except OSError:
            pass

    def vanish(self) -> None:
        """Closes the connection abruptly: with a reset and no word."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait_for(self, reached: Callable[["SimulatorClient"], bool], timeout_s: float = 30.0) -> bool:
        """Waits until something is true of the client; says whether it came true."""
        with self._changed:
            return self._changed.wait_for(lambda: reached(self), timeout_s)

    def wait_for_replies(self, count: int, timeout_s: float = 30.0) -> bool:
        return self.wait_for(lambda client: client.tally.replies >= count, timeout_s)

    def send_text(self, text: str) -> None:
        """Sends one websocket message in masked fragments, each by a call of its own."""
        with self._sending:
            for fragment in fragments(text.encode()):
                self.socket.sendall(fragment)

    def emit_telemetry(self) -> None:
        """Sends what the simulator sends for each reply."""
        now_s = time.monotonic()
        self.car.move(min(now_s - self._last_frame_s, 0.2))
        self._last_frame_s = now_s
        if self.human:
            body: object = None
        else:
            body = {
                "steering_angle": self.culture.write(self.car.steering * STEERING_ANGLE_MAX_DEG),
                "throttle": self.culture.write(max(self.car.throttle, 0.0)),
                "speed": self.culture.write(abs(self.car.speed_mph)),
                "image": self._images[self.tally.telemetries % len(self._images)],
            }
            if self._payload is not None:
                body = self._payload(body)
        self.tally.telemetries += 1
        self._sent_s.append(time.monotonic())
        self.send_text("42" + json.dumps(["telemetry", body], separators=(",", ":")))

    def _dial(self) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            (
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                f"Host: {self._address[0]}:{self._address[1]}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            received = connection.recv(65536)
            if not received:
                raise ConnectionError("the server closed during the handshake")
            self._buffer += received
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            connection.close()
            raise ConnectionError(head.split(b"\r\n", 1)[0].decode())
        return connection

    def _run(self) -> None:
        try:
            self.send_text("2")
            self.emit_telemetry()
            with selectors.DefaultSelector() as selector:
                selector.register(self.socket, selectors.EVENT_READ)
                while not self._stopping.is_set():
                    self._take(b"")
                    self._emit_due()
                    if selector.select(self._wait_s()):
                        received = self.socket.recv(65536)
                        if not received:
                            break
                        self._take(received)
        except OSError:
            pass
        with self._changed:
            self.tally.closed = not self._stopping.is_set()
            self._changed.notify_all()

    def _wait_s(self) -> float:
        if not self._due or self.stuck:
            return 0.02
        return min(max(min(self._due) - time.monotonic(), 0.0), 0.02)

    def _emit_due(self) -> None:
        if self.stuck:
            return
        now_s = time.monotonic()
        ready = [due_s for due_s in self._due if due_s <= now_s]
        self._due = [due_s for due_s in self._due if due_s > now_s]
        for _ in ready:
            self.emit_telemetry()

    def _take(self, received: bytes) -> None:
        self._buffer += received
        while (message := self._next_message()) is not None:
            self._hear(message)

    def _next_message(self) -> str | None:
        """Takes one unmasked, unfragmented text frame off the buffer, as the server sends them."""
        if len(self._buffer) < 2:
            return None
        size, start = self._buffer[1] & 127, 2
        if size == 126:
            if len(self._buffer) < 4:
                return None
            size, start = int.from_bytes(self._buffer[2:4], "big"), 4
        if len(self._buffer) < start + size:
            return None
        opcode, body = self._buffer[0] & 15, self._buffer[start : start + size]
        self._buffer = self._buffer[start + size :]
        if opcode == 8:
            raise ConnectionResetError("the server closed the websocket")
        return body.decode()

    def _hear(self, message: str) -> None:
        now_s = time.monotonic()
        with self._changed:
            self.tally.texts.append(message)
            if message == "2":
                self.send_text("3")
            elif message.startswith("0") and self._starts > 1:
                self.emit_telemetry()
            elif message.startswith('42["steer"'):
                self._steer(json.loads(message[2:])[1], now_s)
            elif message.startswith('42["manual"'):
                self.tally.manuals += 1
                self._reply_heard(now_s)
            self._changed.notify_all()

    def _steer(self, payload: dict[str, str], now_s: float) -> None:
        """Applies a command; one that it cannot read ends the chain."""
        try:
            steering, throttle = (self.culture.read(payload[key]) for key in ("steering_angle", "throttle"))
        except (KeyError, ValueError, AttributeError):
            self.tally.ended_chains += 1
            return
        if math.isnan(steering) or math.isnan(throttle):
            self.tally.ended_chains += 1
            return
        self.car.steering, self.car.throttle = steering, throttle
        self.tally.steers.append((steering, throttle))
        self.tally.steer_times_s.append(now_s)
        self._reply_heard(now_s)

    def _reply_heard(self, now_s: float) -> None:
        if self._sent_s:
            self.tally.round_trips_s.append(now_s - self._sent_s[-1])
        if self.swallow_next:
            self.swallow_next -= 1
            return
        self._due.append(max(now_s, self._last_frame_s + self._frame_s))


def fragments(payload: bytes) -> list[bytes]:
    """Returns a text message as masked websocket frames of at most 1016 bytes."""
    frames = []
    for start in range(0, max(len(payload), 1), FRAGMENT_BYTES):
        part = payload[start : start + FRAGMENT_BYTES]
        opcode = (1 if start == 0 else 0) | (128 if start + FRAGMENT_BYTES >= len(payload) else 0)
        head = (
            struct.pack("!BB", opcode, 128 | len(part))
            if len(part) < 126
            else struct.pack("!BBH", opcode, 254, len(part))
        )
        mask = os.urandom(4)
        stream = (mask * (len(part) // 4 + 1))[: len(part)]
        masked = (int.from_bytes(part, "little") ^ int.from_bytes(stream, "little")).to_bytes(
            len(part), "little"
        )
        frames.append(head + mask + masked)
    return frames
