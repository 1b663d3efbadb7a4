"""Drives through the replayed world by a server's commands, as the shipped simulator would.

The simulator sends a telemetry when the socket opens and another when the server greets, and one more for
each `steer` and `manual`; no reply, no telemetry, and the car keeps its last command.
"""

import json
import time
from collections import deque

from models.errors import UserError
from sim_bridges.udacity.dialect import MANUAL, STEER, TELEMETRY
from sim_bridges.udacity.replay.connection import Message, SimulatorConnection
from sim_bridges.udacity.replay.dialect import UnreadableCommandError, read_command
from sim_bridges.udacity.replay.direct import OnFrame
from sim_bridges.udacity.replay.pacing import Pacing, Shutter
from sim_bridges.udacity.replay.trip import DriveRecord, Trip
from sim_bridges.udacity.replay.world import World

SILENCE_MAX_S = 10.0
GREETING_S = 0.3

_EVENT = "42"
_GREETING = "0"
_ENGINE_PING = "2"


class SimulatorClient:
    """One simulator at a server.

    Args:
        world: The world, with its car at the start.
        connection: The open connection to the server.
        pacing: When frames are taken and commands come.
        on_frame: Called with each frame before it is sent.
    """

    def __init__(
        self,
        world: World,
        connection: SimulatorConnection,
        pacing: Pacing | None = None,
        on_frame: OnFrame | None = None,
    ) -> None:
        self._connection = connection
        self._pacing = pacing or Pacing()
        self._shutter = Shutter(self._pacing)
        self._on_frame = on_frame
        self._trip = Trip(world)
        self._owed = 1
        self._asked_s: float | None = None
        """When the first telemetry after the last command went out; None where none has."""
        self._answered = False

    def drive(self) -> DriveRecord:
        """Drives to the end in real time: the car moves on while the server thinks.

        It is held until the first command comes.

        Raises:
            UserError: The server hangs up, or gives no command for ten seconds.
        """
        trip, pacing = self._trip, self._pacing
        begin_s = self._wait_for_command()
        under_way: deque[Message] = deque()
        frame_due_s = pacing.frame_s
        while not trip.over:
            now_s = time.monotonic() - begin_s
            while under_way and under_way[0].arrived_s - begin_s + pacing.latency_s <= now_s:
                message = under_way.popleft()
                trip.advance_to(message.arrived_s - begin_s + pacing.latency_s)
                self._hear(message)
            trip.advance_to(now_s)
            if self._owed and now_s >= frame_due_s:
                frame_due_s = now_s + pacing.frame_s
                if self._shutter.takes():
                    self._send()
            self._receive(under_way, begin_s, frame_due_s)
            self._check_silence()
        return trip.record()

    def drive_in_lockstep(self) -> DriveRecord:
        """Drives to the end as fast as the server answers: time stands still while it thinks.

        Only for servers that take no notice of time. To one that does, such as `liquid-drive serve`, the car
        seems to move in bursts. Each frame goes out once, also where the simulator would owe a second one,
        and what has come before it is no answer to it: servers give a command when the simulator connects.

        Raises:
            UserError: The server hangs up, or gives no command for ten seconds.
        """
        trip, pacing = self._trip, self._pacing
        self._connection.send(_ENGINE_PING)
        self._hear_all(GREETING_S)
        while not trip.over:
            frame_s = trip.time_s
            if self._shutter.takes():
                self._hear_all(0.0)
                self._owed = 1
                self._send()
                while not self._answered:
                    self._hear_next(trip, frame_s)
            trip.advance_to(max(frame_s + pacing.frame_s, trip.time_s))
        return trip.record()

    def _wait_for_command(self) -> float:
        """Sends the first telemetries until a command comes; returns when it came."""
        self._connection.send(_ENGINE_PING)
        while True:
            if self._owed:
                self._send()
            due_s = time.monotonic() + self._pacing.frame_s
            if message := self._connection.receive(1.0):
                self._hear(message)
                if self._trip.commanded:
                    return message.arrived_s
            self._check_silence()
            if self._owed:
                time.sleep(max(due_s - time.monotonic(), 0.0))

    def _receive(self, under_way: deque[Message], begin_s: float, frame_due_s: float) -> None:
        """Waits until there is something to do, and takes all that has come."""
        dues_s = [frame_due_s] if self._owed else []
        if under_way:
            dues_s.append(under_way[0].arrived_s - begin_s + self._pacing.latency_s)
        wait_s = min(dues_s, default=time.monotonic() - begin_s + 1.0) - (time.monotonic() - begin_s)
        message = self._connection.receive(wait_s)
        while message is not None:
            under_way.append(message)
            message = self._connection.receive(0.0)

    def _hear_all(self, quiet_s: float) -> None:
        """Hears what the server says by itself, until it is quiet for so long."""
        while message := self._connection.receive(quiet_s):
            self._hear(message)

    def _hear_next(self, trip: Trip, frame_s: float) -> None:
        """Waits for a message in lockstep; it comes after the latency."""
        self._check_silence()
        message = self._connection.receive(1.0)
        if message is None:
            return
        trip.advance_to(max(frame_s + self._pacing.latency_s, trip.time_s))
        self._hear(message)

    def _send(self) -> None:
        """Sends a telemetry for each one that is owed, all with the same frame, as Unity's update does."""
        image = self._trip.world.camera()
        if self._on_frame:
            self._on_frame(image, self._trip)
        event = json.dumps([TELEMETRY, self._trip.telemetry(image)], separators=(",", ":"))
        copies, self._owed, self._answered = self._owed, 0, False
        if self._asked_s is None:
            self._asked_s = time.monotonic()
        for _ in range(copies):
            self._connection.send(_EVENT + event)

    def _hear(self, message: Message) -> None:
        """Does what a message says; what the simulator does not know, it ignores."""
        if message.text is None:
            raise self._connection.broken()
        if message.text.startswith(_GREETING):
            self._owed += 1
        elif message.text.startswith(_EVENT):
            self._hear_event(message.text.removeprefix(_EVENT), message.arrived_s)

    def _hear_event(self, text: str, arrived_s: float) -> None:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, list) or not event:
            return
        name, *arguments = event
        if name == MANUAL:
            self._answer()
        if name != STEER:
            return
        try:
            steering, throttle = read_command(arguments[0] if arguments else None)
        except UnreadableCommandError:
            # The simulator swallows its exception: this reply starts no telemetry.
            return
        latency_s = None if self._asked_s is None else arrived_s - self._asked_s
        self._trip.command(steering, throttle, latency_s)
        self._asked_s = None
        self._answer()

    def _answer(self) -> None:
        self._owed += 1
        self._answered = True

    def _check_silence(self) -> None:
        if self._asked_s is not None and time.monotonic() - self._asked_s > SILENCE_MAX_S:
            raise UserError(
                f"The server at {self._connection.url} has given no command for {SILENCE_MAX_S:g} s: "
                "check that it drives Udacity's simulator."
            )
