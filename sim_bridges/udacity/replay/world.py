"""The replayed world: a car that answers to commands, near a recorded drive."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.recording import Recording
from sim_bridges.udacity.replay.light import Lamp, Light
from sim_bridges.udacity.replay.scene import Scene
from sim_bridges.udacity.vehicle import Vehicle

INTERVENTION_M = 3.0
INTERVENTION_RAD = float(np.radians(45))
PHYSICS_STEP_S = 0.01


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """How a drive begins and what disturbs it.

    Attributes:
        start_offset_m: Metres to the right of the recorded line at the start.
        start_heading_rad: Turned to the right of it by this angle at the start.
        start_speed_mps: Speed at the start.
        light: Brightness, noise and shadows.
        seed: Seed of everything random.
    """

    start_offset_m: float = 0.0
    start_heading_rad: float = 0.0
    start_speed_mps: float = 0.0
    light: Light = field(default_factory=Light)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the car is along the recorded line.

    Attributes:
        index: The nearest frame of the recording.
        distance_m: Metres along the line.
        offset_m: Metres to the right of the line.
        turn_rad: Turned to the right of the line.
    """

    index: int
    distance_m: float
    offset_m: float
    turn_rad: float

    @property
    def is_astray(self) -> bool:
        """Whether a car here is so far from the line that somebody intervenes."""
        beside_m = max(abs(self.offset_m), -self.distance_m)
        return beside_m > INTERVENTION_M or abs(self.turn_rad) > INTERVENTION_RAD


class World:
    """A car near one continuous stretch of a recording.

    More than 3 m beside the line, 45 degrees off it or 3 m behind its beginning, somebody intervenes: the car
    is put back on the line, at its speed.

    Args:
        recording: The stretch, at least two frames.
        options: How the drive begins and what disturbs it.

    Attributes:
        scene: The recorded line and the views from near it.
        vehicle: The car.
        place: Where it is along the line.
        time_s: Seconds since the start.
        interventions: Places at which somebody intervened.
    """

    def __init__(self, recording: Recording, options: WorldOptions | None = None) -> None:
        options = options or WorldOptions()
        self.scene = Scene(recording)
        self._lamp = Lamp(options.light, options.seed)
        start = self.scene.path.pose(0).moved(options.start_offset_m, 0.0, options.start_heading_rad)
        self.vehicle = Vehicle(start, options.start_speed_mps)
        self.place = self._locate(0)
        self.time_s = 0.0
        self.interventions: list[Place] = []

    @property
    def done(self) -> bool:
        """Whether the car has come to the end of the recording."""
        return self.place.index >= len(self.scene.path) - 1

    def camera(self) -> NDArray[np.uint8]:
        """Returns what the camera sees, RGB, uint8, shape `(160, 320, 3)`."""
        frame = self.scene.frame(self.vehicle.pose, self.place.index)
        return self._lamp.shine(frame, self.vehicle.pose)

    def step(self, steering: float, throttle: float, duration_s: float) -> None:
        """Drives on under one command.

        Args:
            steering: -1 (full left) to 1 (full right).
            throttle: -1 to 1 as the simulator takes it.
            duration_s: How long until the next command.
        """
        steering = float(np.clip(steering, -1, 1))
        count = max(round(duration_s / PHYSICS_STEP_S), 1)
        for _ in range(count):
            self.vehicle = self.vehicle.driven(steering, throttle, duration_s / count)
            self.place = self._locate(self.place.index)
            if self.place.is_astray:
                self._intervene()
        self.time_s += duration_s

    def _locate(self, around: int) -> Place:
        path = self.scene.path
        index = path.nearest(self.vehicle.pose, around)
        offset_m, ahead_m, turn_rad = self.vehicle.pose.seen_from(path.pose(index))
        return Place(index, float(path.distance_m[index]) + ahead_m, offset_m, turn_rad)

    def _intervene(self) -> None:
        self.interventions.append(self.place)
        pose = self.scene.path.pose(self.place.index)
        self.vehicle = Vehicle(pose, max(self.vehicle.speed_mps, 0.0))
        self.place = self._locate(self.place.index)
