"""The server back end: eventlet's web server with sockets tuned for small latency.

Nothing else here imports eventlet, so that another back end can take its place: it needs what
`EventletBackend` offers, and the sockets' options.
"""

import contextlib
import logging
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import eventlet.wsgi
from eventlet.event import Event
from eventlet.greenio import GreenSocket, shutdown_safe
from eventlet.greenpool import GreenPool
from eventlet.greenthread import GreenThread
from eventlet.websocket import FailedConnectionError, RFC6455WebSocket

from controller.logs import log
from models.errors import UserError
from sim_bridges.udacity.address import resolved

MESSAGE_MAX_BYTES = 1_000_000
CONNECTIONS_MAX = 128
ASKING_MAX = 64
HEADER_TIMEOUT_S = 5.0

_READ_AHEAD_BYTES = 65_536
_BYTES_PER_S_MAX = 8_000_000
_TURN_S = 0.005
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Any]


class LowLatencySocket(GreenSocket):
    """A socket that sends at once, acknowledges at once, and reads ahead.

    The simulator sends a telemetry as some 17 websocket fragments without TCP_NODELAY: each waits for the
    acknowledgement of the one before, which Linux delays by 40 ms unless told otherwise after each receive.
    Reading ahead saves most system calls of a websocket that asks for 2, 2, 4 and 1016 bytes in turn.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close = self._close_both_ways
        self._ahead = b""
        self._position = 0
        self._allowance_bytes = float(_BYTES_PER_S_MAX)
        self._allowance_s = time.monotonic()
        self._running_since_s = time.monotonic()

    def accept(self) -> tuple["LowLatencySocket", Any]:
        """Accepts a connection, whose packets are sent at once."""
        client, address = super().accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client, address

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Returns up to `bufsize` bytes, of those read ahead if there are any."""
        if time.monotonic() - self._running_since_s > _TURN_S:
            self._let_others_run()
        start = self._position
        if start == len(self._ahead):
            self._ahead = super().recv(_READ_AHEAD_BYTES, flags)
            self._acknowledge()
            self._slow_down(len(self._ahead))
            start = 0
        chunk = self._ahead[start : start + bufsize]
        self._position = start + len(chunk)
        return chunk

    def _read_trampoline(self) -> None:
        super()._read_trampoline()
        self._running_since_s = time.monotonic()

    def _let_others_run(self) -> None:
        """Gives the others their turns, also while there is always something left to read."""
        eventlet.sleep(_TURN_S)
        self._running_since_s = time.monotonic()

    def _close_both_ways(self) -> None:
        """Closes the connection for good; the files of the web server keep its descriptor for a while."""
        with contextlib.suppress(OSError):
            self.fd.shutdown(socket.SHUT_RDWR)
        self.fd.close()
        # A websocket of eventlet's shuts it down once more, and would write that this failed.
        self.shutdown = lambda _how: None

    def _acknowledge(self) -> None:
        """Arms TCP_QUICKACK again: the kernel disarms it by itself."""
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):
                self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _slow_down(self, size: int) -> None:
        """Makes a client that floods wait, so that it cannot keep the others from being served."""
        now_s = time.monotonic()
        earned = (now_s - self._allowance_s) * _BYTES_PER_S_MAX
        self._allowance_bytes = min(self._allowance_bytes + earned, float(_BYTES_PER_S_MAX)) - size
        self._allowance_s = now_s
        if self._allowance_bytes < 0.0:
            eventlet.sleep(-self._allowance_bytes / _BYTES_PER_S_MAX)


def unmask(data: bytes, mask: tuple[int, ...], length: int | None = None, offset: int = 0) -> bytes:
    """Returns a websocket payload without its mask, by one XOR of two long integers.

    It takes the arguments of the slow function in eventlet whose place it takes.
    """
    size = len(data) if length is None else length
    key = bytes(mask[offset % 4 :] + mask[: offset % 4])
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data[:size], "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


class BoundedMessage(RFC6455WebSocket.Message):
    """A websocket message whose fragments are bounded together; eventlet bounds each of them only."""

    def push(self, data: bytes, final: bool = False) -> None:
        """Adds a part of a fragment."""
        self._size = getattr(self, "_size", 0) + len(data)
        if self._size > self.max_frame_length:
            raise FailedConnectionError(1009, f"A message may have {self.max_frame_length} bytes at most.")
        super().push(data, final)


class QuietProtocol(eventlet.wsgi.HttpProtocol):
    """Answers requests; those that are no HTTP leave no lines of another form among the service's events."""

    def log_message(self, *_: Any) -> None:
        """Writes nothing."""


class Connections(GreenPool):
    """The connections of a web server, one request each.

    Those that have not yet said what they want, or wait for an answer, leave room for others: where
    `ASKING_MAX` of them are silent or say it byte by byte, the next one ends the oldest.
    """

    def __init__(self) -> None:
        super().__init__(CONNECTIONS_MAX)
        self._asking: dict[GreenSocket, GreenThread] = {}

    def spawn(self, serve: Callable[[Any], None], connection: list[Any]) -> GreenThread:
        """Serves a connection, as the web server asks for it: `[address, socket, state]`."""
        _, client, _ = connection
        if len(self._asking) >= ASKING_MAX:
            oldest, its_thread = next(iter(self._asking.items()))
            self._asked(oldest)
            shutdown_safe(oldest)
            its_thread.kill()  # One that waits for an answer does not look at its socket.
        thread = self._asking[client] = super().spawn(serve, connection)
        thread.link(lambda _: self._asked(client))
        return thread

    def noting_requests(self, app: WsgiApp) -> WsgiApp:
        """Returns an application that does as this one, and notes who has become a websocket or was answered.

        Until then a request may have a body that never ends, or be one of many that wait for messages.
        """

        def handle(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            client = environ["eventlet.input"].get_socket()
            if _asks_for_websocket(environ):
                self._asked(client)
            try:
                return app(environ, start_response)
            finally:
                self._asked(client)

        return handle

    def _asked(self, client: GreenSocket) -> None:
        self._asking.pop(client, None)


def _asks_for_websocket(environ: dict[str, Any]) -> bool:
    """Says whether a request opens a websocket, as the engine tells it from one that polls."""
    options = [option.strip() for option in environ.get("HTTP_CONNECTION", "").lower().split(",")]
    upgrade = environ.get("HTTP_UPGRADE", "").lower()
    return environ["REQUEST_METHOD"] == "GET" and "upgrade" in options and upgrade == "websocket"


class EventletBackend:
    """A web server on one thread.

    Args:
        host: Address or name to listen on.
        port: Port to listen on; 0 for a free one.

    Raises:
        UserError: It cannot listen there.
    """

    ASYNC_MODE = "eventlet"

    def __init__(self, host: str, port: int) -> None:
        RFC6455WebSocket._apply_mask = staticmethod(unmask)
        RFC6455WebSocket.Message = BoundedMessage
        with _port_errors(host, port):
            self._listener = _bound_socket(host, port)
        self._host = host
        self._calls: deque[Callable[[], None]] = deque()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_sender.setblocking(False)
        self._ended = Event()
        self._threads: set[GreenThread] = set()
        self.spawn(self._run_posted)

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    def post(self, call: Callable[[], None]) -> None:
        """Has a function called on the server's thread; may be called from any thread or signal handler."""
        self._calls.append(call)
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"\0")

    def spawn(self, call: Callable[[], None]) -> None:
        """Has a function, which may wait, run beside the others on the server's thread."""
        thread = eventlet.spawn(call)
        self._threads.add(thread)
        thread.link(self._threads.discard)

    def sleep(self, duration_s: float) -> None:
        """Lets the others run for a while."""
        eventlet.sleep(duration_s)

    def every(self, period_s: float, call: Callable[[], None]) -> None:
        """Calls a function again and again."""

        def repeat() -> None:
            while True:
                eventlet.sleep(period_s)
                _survive(call)

        self.spawn(repeat)

    def start(self, app: WsgiApp) -> None:
        """Begins to listen and to serve an application.

        Raises:
            UserError: Another program, which bound the port at the same time, listens there already.
        """
        with _port_errors(self._host, self.port):
            self._listener.listen(CONNECTIONS_MAX)
        silent = logging.getLogger("liquid_drive.wsgi")
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        connections = Connections()

        def serve() -> None:
            eventlet.wsgi.server(
                self._listener,
                connections.noting_requests(app),
                log=silent,
                log_output=False,
                protocol=QuietProtocol,
                debug=False,
                custom_pool=connections,
                keepalive=False,
                socket_timeout=HEADER_TIMEOUT_S,
                url_length_limit=2048,
            )

        self.spawn(serve)

    def wait_for_end(self) -> None:
        """Serves until `end` is called."""
        self._ended.wait()

    def end(self) -> None:
        """Makes `wait_for_end` return; to be called on the server's thread."""
        if not self._ended.ready():
            self._ended.send()

    def close(self) -> None:
        """Stops listening and all that runs."""
        for thread in list(self._threads):
            thread.kill()
        self._listener.close()
        self._wake_receiver.close()
        self._wake_sender.close()

    def _run_posted(self) -> None:
        receiver = GreenSocket(self._wake_receiver)
        while True:
            receiver.recv(4096)
            while self._calls:
                _survive(self._calls.popleft())


def _survive(call: Callable[[], None]) -> None:
    """Calls a function whose error must not end what all vehicles depend on."""
    try:
        call()
    except Exception:
        log(logging.ERROR, "an error of the service, which goes on", error=traceback.format_exc())


@contextlib.contextmanager
def _port_errors(host: str, port: int) -> Iterator[None]:
    """Makes a sentence for the user of what goes wrong with a port."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"Cannot listen on {host} port {port}: {getattr(error, 'strerror', error)}. "
            "`liquid-drive doctor` says what is there; --host and --port choose another place."
        ) from None


def _bound_socket(host: str, port: int) -> LowLatencySocket:
    """Returns a socket that has the port but does not listen yet."""
    family, address = resolved(host, port)
    listener = LowLatencySocket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener
