"""The server for simulators: Socket.IO and the web routes on one port, and its way up and down."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import socketio

from controller.access import Access
from controller.interface import Policy
from controller.logs import errors_of, log
from controller.service import ControllerService
from controller.session import SessionSettings
from controller.web import web_app
from sim_bridges.udacity.bridge import (
    MODERN_CLIENT_STARTS,
    SHIPPED_SIMULATOR_STARTS,
    UdacityBridge,
    Unreadable,
)
from sim_bridges.udacity.dialect import TELEMETRY
from sim_bridges.udacity.engine import MESSAGES_PER_S_MAX, EngineRules
from sim_bridges.udacity.eventlet_backend import MESSAGE_MAX_BYTES, EventletBackend, WsgiApp
from sim_bridges.udacity.warm_up import warm_up

# A client that vanishes without a word is forgotten after the sum of both; one that is only slow has most
# of it for its answer to a ping.
PING_INTERVAL_S = 1.0
PING_TIMEOUT_S = 3.8

TICK_S = 0.02
LAST_REPLY_S = 0.1
REDIAL_WAIT_S = 2.0
"""How long the way down waits for a vehicle to dial again that left while it moved."""

REFUSALS_LOGGED_EVERY_S = 60.0
REFUSALS_MAX = 1000
_REFUSALS = {
    "address": "--allow does not name its address",
    "name": "it asks for a name that is not this machine's",
    "page": "a page of another site asks",
    "full": "there are as many clients as may be, or as the system has threads for",
    "too many messages": f"it sends more than {MESSAGES_PER_S_MAX:g} messages a second",
}

_SOCKET_IO_PATH = "/socket.io/"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server is run.

    Attributes:
        host: Address or name to listen on.
        port: Port to listen on; the shipped simulator only ever calls 4567.
        access: Who may talk to it.
        session: How every vehicle is driven.
        record_to: Folder for recordings, if any.
        clients_max: Bound on the connected clients.
        stop_wait_s: How long the vehicles are waited for when the server goes down.
    """

    host: str
    port: int
    access: Access
    session: SessionSettings
    record_to: Path | None = None
    clients_max: int = 32
    stop_wait_s: float = 10.0


class UdacityServer:
    """Serves simulators until it is told to go down.

    Args:
        load_policies: Loads the weights once and returns a function that makes the policy of a vehicle. It
            is called after the port was taken, since it takes seconds.
        settings: How to serve.

    Raises:
        UserError: The port cannot be had, or the weights cannot be used.
    """

    def __init__(self, load_policies: Callable[[], Callable[[], Policy]], settings: ServerSettings) -> None:
        self._settings = settings
        self._backend = EventletBackend(settings.host, settings.port)
        self._policies = load_policies()
        self.service = ControllerService(
            self._policies, settings.session, self._backend.post, settings.record_to, settings.clients_max
        )
        self._sio = socketio.Server(
            async_mode=self._backend.ASYNC_MODE,
            async_handlers=False,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            max_http_buffer_size=MESSAGE_MAX_BYTES,
            logger=errors_of("socketio"),
            engineio_logger=errors_of("engineio"),
        )
        self._bridge = UdacityBridge(self.service, self._emit)
        self._rules = EngineRules(
            self._sio,
            unreadable_telemetry=lambda sid: self._bridge.telemetry(sid, Unreadable()),
            refuse=self._hang_up,
        )
        self._refusals_s: dict[tuple[str, str], float] = {}
        self._sio.on("connect", self._on_connect)
        self._sio.on(TELEMETRY, self._on_telemetry)
        self._sio.on("disconnect", self._on_disconnect)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._backend.port

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Warms up, serves until `request_stop`, and then stops the vehicles before it returns.

        Args:
            started: Called once simulators can connect.
        """
        warm_up(self._policies())
        self._backend.start(self._app())
        self._backend.every(TICK_S, self._tick)
        self.service.ready = True
        log(logging.INFO, "waiting for simulators", host=self._settings.host, port=self.port)
        started()
        self._backend.wait_for_end()
        self._go_down()

    def request_stop(self) -> None:
        """Makes `run` stop all vehicles and return; may be called from any thread or signal handler."""
        self._backend.post(self._backend.end)

    def _go_down(self) -> None:
        self.service.ready = False
        self.service.stop_all("the service goes down")
        deadline_s = time.monotonic() + self._settings.stop_wait_s
        while not self.service.all_stand(REDIAL_WAIT_S) and time.monotonic() < deadline_s:
            self._backend.sleep(TICK_S)
        stood = self.service.all_stand()
        self._backend.sleep(LAST_REPLY_S)
        self.service.shut_down()
        self._backend.close()
        log(logging.INFO if stood else logging.WARNING, "gone down", vehicles_stood=stood)

    def _app(self) -> WsgiApp:
        return _Doorkeeper(
            socketio.WSGIApp(self._sio, web_app(self.service, self._settings.access)),
            self._settings.access,
            is_full=lambda: len(self._sio.eio.sockets) >= self._settings.clients_max,
            refused=self._refused,
            broken=self._forget,
        )

    def _refused(self, reason: str, address: str) -> None:
        """Counts a client that was turned away, and logs it, but not each time that it dials again."""
        self.service.metrics.refused.labels(reason).inc()
        now_s = time.monotonic()
        if now_s - self._refusals_s.get((reason, address), -math.inf) >= REFUSALS_LOGGED_EVERY_S:
            if len(self._refusals_s) >= REFUSALS_MAX:
                self._refusals_s.clear()
            self._refusals_s[reason, address] = now_s
            log(logging.WARNING, "client refused", address=address, reason=_REFUSALS[reason])

    def _forget(self, environ: dict[str, Any]) -> None:
        """Closes the session of a websocket that ended in an error, of which the engine takes no notice."""
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            for eio_sid, first in list(self._sio.environ.items()):
                if first is environ or eio_sid in parse_qs(environ["QUERY_STRING"]).get("sid", []):
                    self._close_engine(eio_sid)

    def _tick(self) -> None:
        now_s = time.monotonic()
        self.service.tick(now_s)
        self._bridge.tick(now_s)

    def _on_connect(self, sid: str, environ: dict[str, Any]) -> bool:
        """Opens a session; no command is sent, since each reply adds a telemetry chain."""
        eio_sid = self._sio.manager.eio_sid_from_sid(sid, "/")
        shipped = self._rules.connected_implicitly(eio_sid)
        starts = SHIPPED_SIMULATOR_STARTS if shipped else MODERN_CLIENT_STARTS
        admitted = self._bridge.connect(sid, environ.get("REMOTE_ADDR", "?"), starts)
        if not admitted and eio_sid is not None:
            self._hang_up(eio_sid, "full")
        return admitted

    def _on_telemetry(self, sid: str, *payload: object) -> None:
        self._bridge.telemetry(sid, payload[0] if payload else Unreadable())

    def _on_disconnect(self, sid: str, reason: str) -> None:
        """Forgets a client and closes its engine connection, or the shipped simulator becomes a zombie."""
        eio_sid = self._sio.manager.eio_sid_from_sid(sid, "/")
        self._bridge.disconnect(sid, reason)
        if eio_sid is not None:
            self._close_engine(eio_sid)

    def _hang_up(self, eio_sid: str, reason: str) -> None:
        self._refused(reason, self._sio.environ.get(eio_sid, {}).get("REMOTE_ADDR", "?"))
        self._close_engine(eio_sid)

    def _close_engine(self, eio_sid: str) -> None:
        """Closes a client's connection once its last packets are sent, and waits for neither.

        Whoever waits for a client that is gone already, as `eio.disconnect` does, waits for ever.
        """
        engine_socket = self._sio.eio.sockets.get(eio_sid)
        if engine_socket is not None:
            reason = self._sio.eio.reason.SERVER_DISCONNECT
            self._backend.spawn(lambda: engine_socket.close(wait=False, reason=reason))

    def _emit(self, sid: str, event: str, payload: dict[str, str]) -> None:
        self._sio.emit(event, payload, to=sid)


class _Doorkeeper:
    """Turns away clients that may not connect, before anything is read from them."""

    def __init__(
        self,
        app: WsgiApp,
        access: Access,
        is_full: Callable[[], bool],
        refused: Callable[[str, str], None],
        broken: Callable[[dict[str, Any]], None],
    ) -> None:
        self._app = app
        self._access = access
        self._is_full = is_full
        self._refused = refused
        self._broken = broken

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        # Compressed, a kilobyte of a client's makes a megabyte of work.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        reason = self._refusal(environ)
        if reason is None:
            try:
                return self._app(environ, start_response)
            except Exception:
                self._broken(environ)
                raise
        self._refused(reason, environ.get("REMOTE_ADDR", "?"))
        status = "503 Service Unavailable" if reason == "full" else "403 Forbidden"
        start_response(status, [("Content-Type", "text/plain"), ("Connection", "close")])
        return [f"{reason}\n".encode()]

    def _refusal(self, environ: dict[str, Any]) -> str | None:
        if not environ.get("PATH_INFO", "").startswith(_SOCKET_IO_PATH):
            return None
        if not self._access.admits_simulator(environ.get("REMOTE_ADDR", "")):
            return "address"
        if not self._access.admits_name(environ.get("HTTP_HOST", "")):
            return "name"
        if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin"):
            return "page"
        if "sid" not in parse_qs(environ.get("QUERY_STRING", "")) and self._is_full():
            return "full"
        return None
