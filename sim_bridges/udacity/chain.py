"""The telemetry chain of one simulator, kept to exactly one.

The simulator sends one telemetry for every reply it gets, and two when it connects. A reply too many
therefore adds a chain that doubles the traffic for good, a missing one ends the chain and the car drives on
with its last command. This module only counts; it sends nothing and reads no clock.
"""

import enum

STALL_S = 1.0
"""Silence after which a chain counts as stalled and is restarted."""

RESTART_GAP_MAX_S = 8.0
"""Longest time between two restarts of a chain that stays silent."""

SETTLE_S = 0.1
"""Least quiet time that is awaited after a restart before the reply, because the simulator may have been slow
and not stalled; then its telemetry and the restart's arrive together and have to be joined."""


class Verdict(enum.Enum):
    """What to do with a telemetry that arrived."""

    ANSWER = "answer"
    """Decide on it and send exactly one reply."""

    REPLACE = "replace"
    """Let it take the place of the one that waits for its reply; that one reply answers both."""

    FOLD = "fold"
    """Send no reply: its chain is one too many."""


class Chain:
    """Counts the telemetries and replies of one simulator.

    Args:
        starts: Telemetries that the client sends by itself when it connects: two by the shipped simulator.
    """

    def __init__(self, starts: int) -> None:
        self._starts_left = starts
        self._under_way = starts
        self._started = False
        self._waiting = False
        self._restarts = 0
        self._settled_at_s: float | None = None
        self._restart_at_s = 0.0
        self._replied_s: float | None = None
        self._round_trip_s = 0.0

    def telemetry(self, now_s: float) -> Verdict:
        """Takes note of a telemetry and says what to do with it."""
        surplus_start = self._started and self._starts_left > 0
        self._started = True
        self._starts_left = max(0, self._starts_left - 1)
        self._under_way = max(0, self._under_way - 1)
        self._restart_at_s = now_s + STALL_S
        if self._waiting:
            if self._settled_at_s is not None:
                self._settle(now_s)
            return Verdict.REPLACE
        if surplus_start:
            return Verdict.FOLD
        self._waiting = True
        if self._restarts:
            self._settle(now_s)
        elif self._replied_s is not None:
            self._round_trip_s = now_s - self._replied_s
        return Verdict.ANSWER

    def may_reply(self, now_s: float) -> bool:
        """Says whether the reply to the waiting telemetry may be sent yet."""
        return self._waiting and (self._settled_at_s is None or now_s >= self._settled_at_s)

    def replied(self, now_s: float) -> None:
        """Takes note of the one reply to the waiting telemetry."""
        self._waiting = False
        self._under_way = 1 if self._restarts else self._under_way + 1
        self._restarts = 0
        self._settled_at_s = None
        self._replied_s = now_s
        self._restart_at_s = now_s + STALL_S

    def alive(self, now_s: float) -> bool:
        """Says whether the chain has started and not stalled."""
        return self._started and not self._restarts and (self._waiting or now_s < self._restart_at_s)

    def stalled(self, now_s: float) -> bool:
        """Says whether the chain has been silent for so long that it should be restarted now."""
        return self._started and not self._waiting and now_s >= self._restart_at_s

    def restarted(self, now_s: float) -> None:
        """Takes note of an event that was sent to restart the chain."""
        self._under_way += 1
        self._restarts += 1
        gap_s = STALL_S * 2**self._restarts
        self._restart_at_s = now_s + min(gap_s, RESTART_GAP_MAX_S)

    def _settle(self, now_s: float) -> None:
        """Waits for telemetries that may be under way, or no longer once all of them have arrived.

        One that answers the last restart may be almost a round trip behind.
        """
        quiet_s = max(SETTLE_S, 1.2 * self._round_trip_s)
        self._settled_at_s = now_s + quiet_s if self._under_way else now_s
