"""The controller service: the sessions of all connected vehicles."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.interface import Policy
from controller.logs import log
from controller.metrics import Metrics
from controller.recorder import Recorder
from controller.safety import State
from controller.session import SessionSettings, VehicleSession

RECORDING_WAIT_S = 2.0
REDIAL_S = 10.0
"""Simulators dial again by themselves, within milliseconds; who starts one anew takes longer."""
REDIAL_WAIT_S = 2.0
"""How long a service that goes down waits for a vehicle to dial again that left while it moved."""


@dataclass(frozen=True, slots=True)
class VehicleStatus:
    """What an operator wants to know about a vehicle."""

    vehicle: str
    address: str
    state: str
    reason: str
    frame_age_s: float | None
    speed_mps: float | None


@dataclass(slots=True)
class _Caller:
    """Who a session was opened for.

    Attributes:
        address: Where it is.
        opened_s: When the session was opened.
        succeeds: Whether it is a vehicle that failed in an earlier session.
        succeeded: Whether its vehicle, which failed, goes on in a later one.
    """

    address: str
    opened_s: float
    succeeds: bool = False
    succeeded: bool = False


@dataclass(frozen=True, slots=True)
class _Gone:
    """A vehicle whose link is gone.

    Attributes:
        address: Where it was.
        since_s: From when on it may have dialled again.
        left_s: When its link was known to be gone.
    """

    address: str
    since_s: float
    left_s: float


class ServiceFullError(Exception):
    """No further vehicle is admitted."""


class ControllerService:
    """Opens, watches and ends the sessions of vehicles.

    All methods run on one thread, the service's; `post` brings a function there from any other.

    Args:
        policies: Makes the policy of a vehicle; the network inside may be shared.
        settings: How every vehicle is driven.
        post: Runs a function on the service's thread; may be called from any thread.
        record_to: Folder for recordings, if any.
        vehicles_max: Bound on the vehicles, counting those that are gone while their policy still hangs.
    """

    def __init__(
        self,
        policies: Callable[[], Policy],
        settings: SessionSettings,
        post: Callable[[Callable[[], None]], None],
        record_to: Path | None = None,
        vehicles_max: int = 32,
    ) -> None:
        self.metrics = Metrics()
        self.settings = settings
        self.ready = False
        self._policies = policies
        self._post = post
        self._record_to = record_to
        self._vehicles_max = vehicles_max
        self._sessions: dict[VehicleSession, _Caller] = {}
        self._leaving: list[VehicleSession] = []
        self._opened = 0
        self._failed: list[_Gone] = []
        self._moving: list[_Gone] = []
        self._stop_reason: str | None = None

    def open(self, address: str) -> VehicleSession:
        """Begins the session of a vehicle.

        Raises:
            ServiceFullError: There are too many already.
        """
        self._leaving = [session for session in self._leaving if session.busy]
        if len(self._sessions) + len(self._leaving) >= self._vehicles_max:
            raise ServiceFullError(f"{self._vehicles_max} vehicles are connected already")
        policy = self._policies()
        self._opened += 1
        name = str(self._opened)
        recorder = None if self._record_to is None else Recorder(self._record_to, name)
        try:
            session = VehicleSession(name, policy, self.settings, self.metrics, self._post, recorder)
        except RuntimeError as error:
            raise ServiceFullError(f"the system has no thread left for it ({error})") from None
        now_s = time.monotonic()
        self._sessions[session] = _Caller(address, now_s)
        log(logging.INFO, "vehicle connected", vehicle=name, address=address, policy=policy.name)
        if self._stop_reason is not None:
            session.stop(self._stop_reason)
        self._stop_who_failed_before(now_s)
        return session

    def _stop_who_failed_before(self, now_s: float) -> None:
        """Stops vehicles that failed and have dialled again, once the end of their earlier link is known.

        That may be after they dialled: a link may end without a word, and a new one overtakes the old one's
        last.
        """
        for session, caller in self._sessions.items():
            if session.failed and session.silent(now_s) and not caller.succeeded:
                caller.succeeded = self._stop_successor(caller.address, session.last_frame_s or 0.0)
        self._failed = [
            gone
            for gone in self._failed
            if now_s - gone.left_s < REDIAL_S and not self._stop_successor(gone.address, gone.since_s)
        ]

    def _stop_successor(self, address: str, since_s: float) -> bool:
        """Stops the first vehicle that dialled from an address since a moment; each failure counts once."""
        for session, caller in self._sessions.items():
            if caller.address == address and caller.opened_s >= since_s and not caller.succeeds:
                caller.succeeds = True
                session.stop("it failed before it dialled again", failed=True)
                return True
        return False

    def close(self, session: VehicleSession, reason: str) -> None:
        """Ends the session of a vehicle that is gone."""
        caller = self._sessions.pop(session, None)
        if caller is None:
            return
        now_s = time.monotonic()
        heard_s = caller.opened_s if session.last_frame_s is None else session.last_frame_s
        gone = _Gone(caller.address, max(heard_s, now_s - self.settings.silence_s), now_s)
        self._moving = [other for other in self._moving if now_s - other.left_s < REDIAL_S]
        if not session.stands:
            self._moving.append(gone)
        if session.failed and not caller.succeeded:
            self._failed.append(gone)
            self._stop_who_failed_before(now_s)
        session.close()
        self._leaving.append(session)
        log(logging.INFO, "vehicle gone", vehicle=session.vehicle, reason=reason)

    def tick(self, now_s: float) -> None:
        """Keeps the deadlines; to be called some fifty times a second."""
        for session in list(self._sessions):
            session.tick(now_s)
        self._stop_who_failed_before(now_s)

    def stop_all(self, reason: str) -> None:
        """Stops every vehicle, also those that connect from now on."""
        self._stop_reason = reason
        for session in self._sessions:
            session.stop(reason)

    def resume_all(self, reason: str) -> bool:
        """Lets every stopped vehicle drive again, unless the service goes down, and says whether it does."""
        if not self.ready:
            return False
        self._stop_reason = None
        self._failed.clear()
        for session in self._sessions:
            session.resume(reason)
        return True

    def all_stand(self) -> bool:
        """Says whether every vehicle has come to a standstill, as far as it was heard of.

        A vehicle that left while it moved, and has not dialled again, drives on by its last command. So does
        one that has, until its first frame.
        """
        now_s = time.monotonic()
        left = [gone for gone in self._moving if now_s - gone.left_s < REDIAL_WAIT_S]
        unheard = {
            caller.address for session, caller in self._sessions.items() if session.last_frame_s is None
        }
        awaited = left or any(gone.address in unheard for gone in self._moving)
        return not awaited and all(session.stands for session in self._sessions)

    def status(self) -> list[VehicleStatus]:
        """Returns what an operator wants to know about each vehicle."""
        now_s = time.monotonic()
        return [
            VehicleStatus(
                vehicle=session.vehicle,
                address=caller.address,
                state=session.state.value,
                reason=session.reason,
                frame_age_s=None if session.last_frame_s is None else now_s - session.last_frame_s,
                speed_mps=session.speed_mps,
            )
            for session, caller in self._sessions.items()
        ]

    def metrics_page(self) -> bytes:
        """Returns the metrics, with the vehicles of this moment."""
        states = [session.state for session in self._sessions]
        for state in State:
            self.metrics.vehicles.labels(state.value).set(states.count(state))
        return self.metrics.page()

    def shut_down(self) -> None:
        """Ends all sessions and waits, for a bounded time, until their recordings are complete."""
        for session in list(self._sessions):
            self.close(session, "the service goes down")
        deadline_s = time.monotonic() + RECORDING_WAIT_S
        for session in self._leaving:
            session.wait_recorded(max(0.0, deadline_s - time.monotonic()))
