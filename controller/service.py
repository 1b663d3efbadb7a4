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
from controller.redials import REDIAL_S, Redials
from controller.safety import State
from controller.session import SessionSettings, VehicleSession

RECORDING_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class VehicleStatus:
    """What an operator wants to know about a vehicle."""

    vehicle: str
    address: str
    state: str
    reason: str
    frame_age_s: float | None
    speed_mps: float | None


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
        self._sessions: dict[VehicleSession, str] = {}
        self._leaving: list[VehicleSession] = []
        self._opened = 0
        self._redials = Redials(settings.silence_s)
        self._stop_reason: str | None = None

    def open(self, address: str) -> VehicleSession:
        """Begins the session of a vehicle.

        Raises:
            ServiceFullError: There are too many already.
        """
        self._leaving = [session for session in self._leaving if session.busy or session.recording]
        hanging = sum(session.busy for session in self._leaving)
        if len(self._sessions) + hanging >= self._vehicles_max:
            raise ServiceFullError(f"{self._vehicles_max} vehicles are connected already")
        policy = self._policies()
        self._opened += 1
        name = str(self._opened)
        recorder = None if self._record_to is None else Recorder(self._record_to, name)
        try:
            session = VehicleSession(name, policy, self.settings, self.metrics, self._post, recorder)
        except RuntimeError as error:
            raise ServiceFullError(f"the system has no thread left for it ({error})") from None
        self._sessions[session] = address
        log(logging.INFO, "vehicle connected", vehicle=name, address=address, policy=policy.name)
        if self._stop_reason is not None:
            session.stop(self._stop_reason)
        self._redials.opened(session, address)
        return session

    def close(self, session: VehicleSession, reason: str) -> None:
        """Ends the session of a vehicle that is gone."""
        if self._sessions.pop(session, None) is None:
            return
        self._redials.closed(session)
        session.close()
        self._leaving.append(session)
        log(logging.INFO, "vehicle gone", vehicle=session.vehicle, reason=reason)

    def tick(self, now_s: float) -> None:
        """Keeps the deadlines; to be called some fifty times a second."""
        for session in list(self._sessions):
            session.tick(now_s)
        self._redials.tick(now_s)

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
        self._redials.forgive()
        for session in self._sessions:
            session.resume(reason)
        return True

    def all_stand(self, redial_s: float = REDIAL_S) -> bool:
        """Says whether every vehicle has come to a standstill, also those that left while they moved.

        Args:
            redial_s: For how long those count if they do not dial again.
        """
        return self._redials.all_stand(redial_s)

    def status(self) -> list[VehicleStatus]:
        """Returns what an operator wants to know about each vehicle."""
        now_s = time.monotonic()
        return [
            VehicleStatus(
                vehicle=session.vehicle,
                address=address,
                state=session.state.value,
                reason=session.reason,
                frame_age_s=None if session.last_frame_s is None else now_s - session.last_frame_s,
                speed_mps=session.speed_mps,
            )
            for session, address in self._sessions.items()
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
