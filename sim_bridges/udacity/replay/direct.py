"""Drives without sockets and without waiting: the service's own session, on simulated time.

All that stands between a frame and its command when the service drives is here too, but for the network: the
simulator's numbers and JPEGs, the session with its speed control and its safety envelope. Their clock is the
world's, so that the network sees the intervals and the envelope keeps the rates of the simulated drive.
"""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from controller.interface import Command, Policy
from controller.metrics import Metrics
from controller.session import SessionSettings, VehicleSession
from models.errors import UserError
from sim_bridges.udacity.bridge import vehicle_frame
from sim_bridges.udacity.chain import Chain
from sim_bridges.udacity.dialect import write_command
from sim_bridges.udacity.replay.dialect import read_command
from sim_bridges.udacity.replay.pacing import Pacing, Shutter
from sim_bridges.udacity.replay.trip import DriveRecord, Image, Trip
from sim_bridges.udacity.replay.world import World

POLICY_MAX_S = 60.0

OnFrame = Callable[[Image, Trip], None]


def drive_directly(
    world: World,
    policy: Policy,
    settings: SessionSettings,
    pacing: Pacing | None = None,
    on_frame: OnFrame | None = None,
) -> DriveRecord:
    """Drives to the end of a stretch, as fast as the machine can.

    Args:
        world: The world, with its car at the start.
        policy: Who drives; its history is forgotten first.
        settings: How the service drives.
        pacing: When frames are taken and commands come.
        on_frame: Called with each frame before it is answered.
    """
    pacing = pacing or Pacing()
    shutter = Shutter(pacing)
    trip = Trip(world)
    session = _SimulatedSession(policy, settings)
    try:
        while not trip.over:
            frame_s = trip.time_s
            if shutter.takes():
                image = world.camera()
                if on_frame:
                    on_frame(image, trip)
                sent_s = time.perf_counter()
                command = session.answer(trip.telemetry(image), frame_s, pacing.latency_s)
                latency_s = time.perf_counter() - sent_s
                trip.advance_to(frame_s + pacing.latency_s)
                trip.command(*read_command(write_command(command)), latency_s)
            elif (rolling := session.wait(frame_s)) is not None:
                trip.advance_to(frame_s + pacing.latency_s)
                trip.command(*read_command(write_command(rolling)), None)
            trip.advance_to(max(frame_s + pacing.frame_s, trip.time_s))
    finally:
        session.close()
    return trip.record()


class _SimulatedSession:
    """A vehicle's session whose clock is the simulation's.

    Args:
        policy: Who drives.
        settings: How the service drives.
    """

    def __init__(self, policy: Policy, settings: SessionSettings) -> None:
        self._now_s = 0.0
        self._chain = Chain(starts=1)
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._session = VehicleSession(
            "simulated", policy, settings, Metrics(), self._inbox.put, clock=lambda: self._now_s
        )

    def answer(self, telemetry: dict[str, str], time_s: float, latency_s: float) -> Command:
        """Returns the command for a telemetry that comes at a moment and is answered after the latency.

        Raises:
            UserError: The policy has no answer within a minute.
        """
        self._session.tick(time_s)
        self._chain.telemetry(time_s)
        self._now_s = time_s
        answers: list[Command] = []
        self._session.submit(vehicle_frame(telemetry, time_s), answers.append)
        self._now_s = time_s + latency_s
        try:
            self._inbox.get(timeout=POLICY_MAX_S)()
        except Empty:
            raise UserError(
                f"The policy gave no answer within {POLICY_MAX_S:g} s: try another one."
            ) from None
        self._chain.replied(time_s)
        return answers[0]

    def wait(self, time_s: float) -> Command | None:
        """Lets time pass without a frame; returns the command to roll where the silence lasts too long."""
        self._session.tick(time_s)
        if not self._chain.stalled(time_s):
            return None
        self._chain.restarted(time_s)
        self._now_s = time_s
        return self._session.coast()

    def close(self) -> None:
        self._session.close()
