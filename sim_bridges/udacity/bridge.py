"""The bridge: telemetry becomes frames for the controller, its commands become `steer` replies.

It keeps the simulator's rules and decides nothing. All methods run on the service's thread; how events come
and go is the server's business.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from controller.interface import Command
from controller.logs import log
from controller.safety import State
from controller.service import ControllerService, ServiceFullError
from controller.session import Picture, VehicleFrame, VehicleSession
from sim_bridges.udacity.camera import BrokenFrameError, decode_frame, read_jpeg
from sim_bridges.udacity.chain import Chain, Verdict
from sim_bridges.udacity.dialect import MANUAL, STEER, read_telemetry, write_command

SHIPPED_SIMULATOR_STARTS = 2
MODERN_CLIENT_STARTS = 1
SILENCE_WORTH_A_WARNING_S = 5.0
NO_TELEMETRY = f"no telemetry for {SILENCE_WORTH_A_WARNING_S:g} s: is the simulator in autonomous mode?"

Emit = Callable[[str, str, dict[str, str]], None]


class Unreadable:
    """Stands for a telemetry whose message could not even be parsed."""


@dataclass(frozen=True, slots=True)
class _Message:
    """A telemetry as it came."""

    payload: object
    received_s: float


class _Link:
    """One connected client."""

    def __init__(self, sid: str, session: VehicleSession, chain: Chain, now_s: float) -> None:
        self.sid = sid
        self.session = session
        self.chain = chain
        self.held: _Message | None = None
        self.heard_s = now_s
        self.warned = False


class UdacityBridge:
    """Links the clients of one server to the controller service.

    Args:
        service: The controller service.
        emit: Sends an event with its payload to one client: `emit(sid, event, payload)`.
    """

    def __init__(self, service: ControllerService, emit: Emit) -> None:
        self._service = service
        self._emit = emit
        self._links: dict[str, _Link] = {}

    def connect(self, sid: str, address: str, starts: int) -> bool:
        """Opens the session of a client and says whether it may stay; commands nothing.

        A client can send an event of its own that is named `connect`; it has its session already.

        Args:
            sid: The client's session.
            address: Where it is.
            starts: How many telemetries this kind of client sends by itself.
        """
        if sid in self._links:
            return True
        try:
            session = self._service.open(address)
        except ServiceFullError:
            return False
        self._links[sid] = _Link(sid, session, Chain(starts), time.monotonic())
        return True

    def disconnect(self, sid: str, reason: str) -> None:
        """Forgets a client that is gone."""
        link = self._links.pop(sid, None)
        if link is not None:
            self._service.close(link.session, reason)

    def telemetry(self, sid: str, payload: object) -> None:
        """Takes a telemetry; each that is kept gets exactly one reply."""
        link = self._links.get(sid)
        if link is None:
            return
        message = _Message(payload, time.monotonic())
        link.heard_s = message.received_s
        link.warned = False
        verdict = link.chain.telemetry(message.received_s)
        if verdict is Verdict.FOLD:
            self._service.metrics.dropped.labels("folded").inc()
        elif verdict is Verdict.REPLACE and link.held is None:
            self._renew(link, message)
        else:
            link.held = message
            self._release(link, message.received_s)

    def tick(self, now_s: float) -> None:
        """Releases held telemetries and restarts stalled chains; to be called some fifty times a second."""
        for link in list(self._links.values()):
            self._release(link, now_s)
            if link.chain.stalled(now_s):
                self._restart(link, now_s)
            if now_s - link.heard_s >= SILENCE_WORTH_A_WARNING_S and not link.warned:
                link.warned = True
                log(
                    logging.WARNING,
                    NO_TELEMETRY,
                    vehicle=link.session.vehicle,
                )
        alive = sum(link.chain.alive(now_s) for link in self._links.values())
        self._service.metrics.chains.set(alive)

    def _release(self, link: _Link, now_s: float) -> None:
        """Answers the telemetry that is held, once the chain has settled."""
        if link.held is not None and link.chain.may_reply(now_s):
            message, link.held = link.held, None
            self._answer(link, message)

    def _answer(self, link: _Link, message: _Message) -> None:
        if message.payload is None:
            self._hand_over(link, message)
            return
        try:
            frame = vehicle_frame(message.payload, message.received_s)
        except BrokenFrameError as error:
            self._steer(link, link.session.answer_broken(message.received_s, f"broken telemetry: {error}"))
            return
        link.session.submit(frame, lambda command: self._steer(link, command))

    def _renew(self, link: _Link, message: _Message) -> None:
        """Lets a newer telemetry take the place of the one in the session, unless it is broken."""
        if message.payload is None:
            self._hand_over(link, message)
            return
        try:
            link.session.renew(vehicle_frame(message.payload, message.received_s))
        except BrokenFrameError:
            self._service.metrics.dropped.labels("replaced").inc()

    def _hand_over(self, link: _Link, message: _Message) -> None:
        """Leaves the controls to the human who holds W or S."""
        link.session.human_drives()
        self._emit(link.sid, MANUAL, {})
        link.chain.replied(time.monotonic())

    def _steer(self, link: _Link, command: Command) -> None:
        self._emit(link.sid, STEER, write_command(command))
        link.chain.replied(time.monotonic())

    def _restart(self, link: _Link, now_s: float) -> None:
        """Restarts a stalled chain: with a command without gas, or with `manual` where a human drives."""
        if link.session.state is State.MANUAL:
            self._emit(link.sid, MANUAL, {})
        else:
            self._emit(link.sid, STEER, write_command(link.session.coast()))
        link.chain.restarted(now_s)
        self._service.metrics.restarts.inc()
        log(logging.WARNING, "telemetry stalled, chain restarted", vehicle=link.session.vehicle)


def vehicle_frame(payload: object, received_s: float) -> VehicleFrame:
    """Returns a telemetry as a frame, whose image is decoded only when it is looked at.

    Raises:
        BrokenFrameError: The telemetry cannot be read.
    """
    if isinstance(payload, Unreadable):
        raise BrokenFrameError("the message is no JSON")
    telemetry = read_telemetry(payload)

    def look() -> Picture:
        jpeg = read_jpeg(telemetry.image)
        return Picture(decode_frame(jpeg), jpeg)

    return VehicleFrame(received_s, look, telemetry.speed_mps, telemetry.steering)
