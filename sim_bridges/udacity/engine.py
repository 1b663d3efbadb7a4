"""What the shipped simulator needs from Socket.IO, by wrapping the engine's two handlers.

The simulator never sends the Socket.IO CONNECT packet; today's python-socketio drops the events of such a
client silently. So a first message that is an event on the root namespace counts as a CONNECT as well.
"""

import time
from collections.abc import Callable

import socketio

CONNECT = "0"
MESSAGES_PER_S_MAX = 250.0

STRUCTURE_MAX = 256
"""Brackets, braces and commas of a message. A telemetry has some ten, and base64 none; to parse a megabyte of
them would keep everybody waiting."""

_TELEMETRY_EVENT = '2["telemetry"'


class MessageRate:
    """Counts a client's messages against a rate; a second's worth may come at once.

    Args:
        per_s_max: The rate.
        now_s: Present time on the monotonic clock.
    """

    def __init__(self, per_s_max: float, now_s: float) -> None:
        self._per_s_max = per_s_max
        self._left = per_s_max
        self._counted_s = now_s

    def admits(self, now_s: float) -> bool:
        """Counts a message and says whether it is within the rate."""
        earned = (now_s - self._counted_s) * self._per_s_max
        self._left = min(self._left + earned, self._per_s_max) - 1.0
        self._counted_s = now_s
        if self._left < 0.0:
            self._left = 0.0
            return False
        return True


class EngineRules:
    """Admits clients that send no CONNECT, survives messages that cannot be parsed, and bounds their rate.

    Args:
        sio: The Socket.IO server, whose engine handlers are wrapped.
        unreadable_telemetry: Called with the Socket.IO session of a client whose telemetry could not be
            parsed.
        refuse: Called with the engine session and a reason when a client is to be hung up on.
    """

    def __init__(
        self,
        sio: socketio.Server,
        unreadable_telemetry: Callable[[str], None],
        refuse: Callable[[str, str], None],
    ) -> None:
        self._sio = sio
        self._unreadable_telemetry = unreadable_telemetry
        self._refuse = refuse
        self._message = sio.eio.handlers["message"]
        self._disconnect = sio.eio.handlers["disconnect"]
        self._rates: dict[str, MessageRate] = {}
        self._implicit: set[str] = set()
        sio.eio.on("message", self._on_message)
        sio.eio.on("disconnect", self._on_disconnect)

    def connected_implicitly(self, eio_sid: str | None) -> bool:
        """Says whether a client connected without a CONNECT packet, as the shipped simulator does."""
        return eio_sid in self._implicit

    def _on_message(self, eio_sid: str, data: object) -> None:
        if not self._is_open(eio_sid):
            return
        self._count_as_alive(eio_sid)
        now_s = time.monotonic()
        rate = self._rates.get(eio_sid)
        if rate is None:
            rate = self._rates[eio_sid] = MessageRate(MESSAGES_PER_S_MAX, now_s)
            if is_root_event(data):
                self._implicit.add(eio_sid)
                self._message(eio_sid, CONNECT)
        if not rate.admits(now_s):
            self._refuse(eio_sid, "too many messages")
            return
        if not is_plain(data):
            self._on_unreadable(eio_sid, data)
            return
        try:
            self._message(eio_sid, data)
        except Exception:
            self._on_unreadable(eio_sid, data)

    def _is_open(self, eio_sid: str) -> bool:
        """Says whether a session is open; a client that was hung up on may have messages under way."""
        engine_socket = self._sio.eio.sockets.get(eio_sid)
        return engine_socket is not None and not engine_socket.closed

    def _count_as_alive(self, eio_sid: str) -> None:
        """Gives a client that talks more time for its pong, which a busy machine may send late."""
        engine_socket = self._sio.eio.sockets[eio_sid]
        if engine_socket.last_ping is not None:
            engine_socket.last_ping = time.time()

    def _on_unreadable(self, eio_sid: str, data: object) -> None:
        """A message that the parser refuses; if it meant to be telemetry, its chain still needs a reply."""
        sid = self._sio.manager.sid_from_eio_sid(eio_sid, "/")
        if sid is not None and isinstance(data, str) and data.startswith(_TELEMETRY_EVENT):
            self._unreadable_telemetry(sid)

    def _on_disconnect(self, eio_sid: str, reason: str) -> None:
        self._rates.pop(eio_sid, None)
        try:
            self._disconnect(eio_sid, reason)
        finally:
            self._implicit.discard(eio_sid)


def is_plain(data: object) -> bool:
    """Says whether a message is text of little structure, and begins no binary event, whose parts pile up."""
    if not isinstance(data, str) or data.startswith(("5", "6")):
        return False
    return sum(map(data.count, "[{,")) <= STRUCTURE_MAX


def is_root_event(data: object) -> bool:
    """Says whether an engine message is an event on the root namespace: `2[...]`, maybe with an id."""
    if not isinstance(data, str) or not data.startswith("2"):
        return False
    return data[1:].lstrip("0123456789").startswith("[")
