"""A drive through the replayed world, and the record of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.path import DrivenPath
from sim_bridges.udacity.recording import Recording
from sim_bridges.udacity.replay.dialect import write_telemetry
from sim_bridges.udacity.replay.world import Place, World

SAMPLE_S = 0.05
HEADWAY_M = 3.0
NO_HEADWAY_MAX_S = 10.0
"""Who takes longer than this for that far ends the drive: a car that rolls out gets ever a little further."""

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DriveRecord:
    """How one drive along one stretch of a recording went.

    Attributes:
        recording: The stretch.
        path: The line that was recorded on it.
        finished: Whether the car reached the end; otherwise it made no headway for too long.
        elapsed_s: Duration of the drive.
        step_s: How long each sample stands for, shape `(N,)`.
        x_m: Metres to the east at the samples' ends, shape `(N,)`.
        y_m: Metres to the north.
        distance_m: Metres along the recorded line.
        offset_m: Metres to the right of it.
        speed_mps: Speed.
        command_s: Moments at which the car received a command, shape `(M,)`.
        steering: The steering that it received, -1..1, shape `(M,)`.
        interventions: Where somebody intervened.
        latency_s: Seconds by the wall clock from a frame to the command that follows it, of several frames
            without one the first, shape `(K,)`.
    """

    recording: Recording
    path: DrivenPath
    finished: bool
    elapsed_s: float
    step_s: Floats
    x_m: Floats
    y_m: Floats
    distance_m: Floats
    offset_m: Floats
    speed_mps: Floats
    command_s: Floats
    steering: Floats
    interventions: list[Place]
    latency_s: Floats


class Trip:
    """Moves a car through the world under the newest command and keeps the record.

    Args:
        world: The world, with its car at the start.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.steering = 0.0
        self.throttle = 0.0
        self._samples: list[tuple[float, ...]] = []
        self._commands: list[tuple[float, float]] = [(0.0, 0.0)]
        self._latencies_s: list[float] = []
        self._furthest_m = world.place.distance_m
        self._furthest_s = 0.0

    @property
    def time_s(self) -> float:
        """Seconds since the start."""
        return self.world.time_s

    @property
    def commanded(self) -> bool:
        """Whether any command has come yet."""
        return len(self._commands) > 1

    @property
    def over(self) -> bool:
        """Whether the end is reached, or the car has got less than 3 m further in ten seconds."""
        return self.world.done or self.time_s - self._furthest_s > NO_HEADWAY_MAX_S

    def advance_to(self, time_s: float) -> None:
        """Drives on under the newest command until a moment, or the end."""
        while not self.over and (left_s := time_s - self.time_s) > 1e-9:
            step_s = min(left_s, SAMPLE_S)
            self.world.step(self.steering, self.throttle, step_s)
            self._sample(step_s)

    def command(self, steering: float, throttle: float, latency_s: float | None) -> None:
        """Takes a command that comes at this moment.

        Args:
            steering: -1 to 1.
            throttle: -1 to 1, negative to brake.
            latency_s: Seconds by the wall clock since its frame was sent; None where it answers none.
        """
        self.steering, self.throttle = steering, throttle
        self._commands.append((self.time_s, steering))
        if latency_s is not None:
            self._latencies_s.append(latency_s)

    def telemetry(self, image: Image) -> dict[str, str]:
        """Returns what the simulator tells with a camera frame."""
        return write_telemetry(self.steering, self.throttle, self.world.vehicle.speed_mps, image)

    def record(self) -> DriveRecord:
        """Returns the record of the drive so far."""
        step_s, x_m, y_m, distance_m, offset_m, speed_mps = np.array(self._samples, float).reshape(-1, 6).T
        command_s, steering = np.array(self._commands).T
        return DriveRecord(
            recording=self.world.scene.recording,
            path=self.world.scene.path,
            finished=self.world.done,
            elapsed_s=self.time_s,
            step_s=step_s,
            x_m=x_m,
            y_m=y_m,
            distance_m=distance_m,
            offset_m=offset_m,
            speed_mps=speed_mps,
            command_s=command_s,
            steering=steering,
            interventions=list(self.world.interventions),
            latency_s=np.array(self._latencies_s),
        )

    def _sample(self, step_s: float) -> None:
        vehicle, place = self.world.vehicle, self.world.place
        if place.distance_m > self._furthest_m + HEADWAY_M:
            self._furthest_m, self._furthest_s = place.distance_m, self.time_s
        self._samples.append(
            (step_s, vehicle.pose.x_m, vehicle.pose.y_m, place.distance_m, place.offset_m, vehicle.speed_mps)
        )
