"""Vehicles that dial again when their links break: that one failed, or moved, goes with it to its next link.

No link says whose it is. A vehicle is taken to have dialled again where a link from its address was opened
since it was last heard, or not long before: an old link may end without a word, and a new one overtake its
last.
"""

import time
from dataclasses import dataclass

from controller.session import VehicleSession

REDIAL_S = 10.0
"""Simulators dial again by themselves, within milliseconds; who starts one anew takes longer."""


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

    def may_be(self, caller: _Caller) -> bool:
        """Says whether this vehicle may be who dialled."""
        return caller.address == self.address and caller.opened_s > self.since_s


class Redials:
    """Watches the links of all vehicles.

    Args:
        silence_s: Time without a frame after which a vehicle counts as silent.
    """

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._callers: dict[VehicleSession, _Caller] = {}
        self._failed: list[_Gone] = []
        self._moving: list[_Gone] = []

    def opened(self, session: VehicleSession, address: str) -> None:
        """Takes note of a new link, and stops it if it is that of a vehicle that failed."""
        now_s = time.monotonic()
        self._callers[session] = _Caller(address, now_s)
        self.tick(now_s)

    def closed(self, session: VehicleSession) -> None:
        """Takes note of the end of a link, whose vehicle may have dialled again before."""
        now_s = time.monotonic()
        self.tick(now_s)
        caller = self._callers.pop(session)
        gone = _Gone(caller.address, self._redialled_s(session, caller), now_s)
        if self._may_move(session, caller, now_s):
            self._moving = [*self._lost(now_s, REDIAL_S), gone]
        if session.failed and not caller.succeeded:
            self._failed.append(gone)
            self.tick(now_s)

    def tick(self, now_s: float) -> None:
        """Stops vehicles that failed and have dialled again, once the end of their old links is known."""
        for session, caller in self._callers.items():
            if now_s - _heard_s(session, caller) < self._silence_s:
                caller.succeeded = False
            elif session.failed and not caller.succeeded:
                gone = _Gone(caller.address, self._redialled_s(session, caller), now_s)
                caller.succeeded = self._stop_successor(gone)
        self._failed = [
            gone for gone in self._failed if now_s - gone.left_s < REDIAL_S and not self._stop_successor(gone)
        ]

    def forgive(self) -> None:
        """Forgets all failures, when the operator resumes."""
        self._failed.clear()
        for caller in self._callers.values():
            caller.succeeds = caller.succeeded = False

    def all_stand(self, redial_s: float) -> bool:
        """Says whether every vehicle has come to a standstill, as far as was heard of it.

        A vehicle that left while it moved drives on by its last command; it counts until it has dialled again
        and told that it stands.

        Args:
            redial_s: For how long it counts if it does not dial again.
        """
        now_s = time.monotonic()
        if any(self._may_move(session, caller, now_s) for session, caller in self._callers.items()):
            return False
        callers = self._callers.values()
        return all(any(map(gone.may_be, callers)) for gone in self._lost(now_s, redial_s))

    def _stop_successor(self, gone: _Gone) -> bool:
        """Stops the first link that may be of a vehicle that failed; each failure counts once."""
        for session, caller in self._callers.items():
            if gone.may_be(caller) and not caller.succeeds:
                caller.succeeds = True
                session.stop("it failed before it dialled again", failed=True)
                return True
        return False

    def _redialled_s(self, session: VehicleSession, caller: _Caller) -> float:
        """Returns from when on a vehicle may have dialled again; its old link's last frames may come late."""
        return max(caller.opened_s, _heard_s(session, caller) - self._silence_s)

    def _may_move(self, session: VehicleSession, caller: _Caller, now_s: float) -> bool:
        """Says whether a vehicle does not stand, as far as was heard of it by this link or an earlier one."""
        if session.last_frame_s is not None:
            return not session.stands
        return any(gone.may_be(caller) for gone in self._lost(now_s, REDIAL_S))

    def _lost(self, now_s: float, redial_s: float) -> list[_Gone]:
        """Returns the vehicles that left while they moved, and may still dial again."""
        return [gone for gone in self._moving if now_s - gone.left_s < redial_s]


def _heard_s(session: VehicleSession, caller: _Caller) -> float:
    """Returns when a vehicle was last heard; its first word is that it dials."""
    return caller.opened_s if session.last_frame_s is None else session.last_frame_s
