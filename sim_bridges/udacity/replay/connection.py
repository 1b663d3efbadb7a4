"""The simulator's websocket: what it sends, and how, as the shipped simulator does it."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import websocket

from models.errors import UserError

FRAGMENT_BYTES = 1016
CONNECT_TIMEOUT_S = 10.0

_PING = "2"
_PONG = "3"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the server.

    Attributes:
        arrived_s: When it came, on the monotonic clock.
        text: What it says; None when the connection is closed.
    """

    arrived_s: float
    text: str | None


class SimulatorConnection:
    """A websocket without Origin, whose messages go out in fragments of 1016 bytes without TCP_NODELAY.

    A thread of its own reads, so that messages get the time of their arrival, and answers the server's pings.

    Args:
        url: Address of the server, with the query that makes it a websocket of Engine.IO.

    Raises:
        UserError: Nobody answers there, or not as a server for simulators.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._sending = threading.Lock()
        try:
            self._socket = websocket.create_connection(
                url,
                timeout=CONNECT_TIMEOUT_S,
                suppress_origin=True,
                sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 0),),
                # Like the simulator past any proxy; exceptions count only beside a proxy that is given.
                http_proxy_host="none",
                http_proxy_port=1,
                http_no_proxy=["*"],
            )
        except (OSError, ValueError, websocket.WebSocketException) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"No server for simulators answers at {url} ({reason}): start it, or give its --url."
            ) from None
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._read, name="simulator-connection", daemon=True)
        self._thread.start()

    def __enter__(self) -> "SimulatorConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, text: str) -> None:
        """Sends a message.

        Raises:
            UserError: The connection is broken.
        """
        payload = text.encode()
        starts = range(0, max(len(payload), 1), FRAGMENT_BYTES)
        try:
            with self._sending:
                for start in starts:
                    self._socket.send_frame(
                        websocket.ABNF(
                            fin=int(start == starts[-1]),
                            opcode=websocket.ABNF.OPCODE_TEXT if start == 0 else websocket.ABNF.OPCODE_CONT,
                            data=payload[start : start + FRAGMENT_BYTES],
                        )
                    )
        except (OSError, websocket.WebSocketException):
            raise self.broken() from None

    def receive(self, wait_s: float) -> Message | None:
        """Returns the next message; None where none comes in time."""
        try:
            return self._inbox.get(timeout=wait_s) if wait_s > 0 else self._inbox.get_nowait()
        except Empty:
            return None

    def broken(self) -> UserError:
        """Returns the error that says that the server hung up."""
        return UserError(
            f"The server at {self.url} closed the connection, or sent something that is no text: see what it "
            "says about it."
        )

    def close(self) -> None:
        """Says goodbye as the simulator does when it quits."""
        with contextlib.suppress(OSError, UserError, websocket.WebSocketException):
            self.send("41")
            self.send("1")
            self._socket.send_close()
        # Closing as such waits for the server, which may be dead.
        self._socket.abort()
        self._thread.join(CONNECT_TIMEOUT_S)
        self._socket.shutdown()

    def _read(self) -> None:
        text: str | None = ""
        while text is not None:
            try:
                kind, content = self._socket.recv_data()
            except (OSError, websocket.WebSocketException):
                kind, content = websocket.ABNF.OPCODE_CLOSE, b""
            # A binary message ends the connection, as in the simulator.
            text = content.decode() if kind == websocket.ABNF.OPCODE_TEXT else None
            if text == _PING:
                with contextlib.suppress(UserError):
                    self.send(_PONG)
            else:
                self._inbox.put(Message(time.monotonic(), text))
