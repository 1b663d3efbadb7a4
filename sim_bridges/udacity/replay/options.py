"""What can be asked of a drive on the command line."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from sim_bridges.udacity.dialect import MPS_PER_MPH
from sim_bridges.udacity.replay.light import Light
from sim_bridges.udacity.replay.pacing import Pacing
from sim_bridges.udacity.replay.world import WorldOptions


@dataclass(frozen=True, slots=True)
class DriveOptions:
    """How a drive begins and what disturbs it.

    Attributes:
        start_speed_mph: Speed at the start of each stretch.
        start_offset_m: Metres to the right of the recorded line at the start.
        start_heading_deg: Turned to the right of it at the start, in degrees.
        drop_frames: Share of the frames, 0 to less than 1, that is left out.
        noise: Standard deviation of the camera's noise, of 255.
        brightness: Factor on the camera's values.
        shadow: How much darker shadows on the ground are, 0 to 1.
        latency_ms: What each command comes late, besides the time that it takes anyway.
        seed: Seed of everything random.
    """

    start_speed_mph: float = 0.0
    start_offset_m: float = 0.0
    start_heading_deg: float = 0.0
    drop_frames: float = 0.0
    noise: float = 0.0
    brightness: float = 1.0
    shadow: float = 0.0
    latency_ms: float = 0.0
    seed: int = 0

    @property
    def world(self) -> WorldOptions:
        """The same for the world."""
        return WorldOptions(
            start_offset_m=self.start_offset_m,
            start_heading_rad=math.radians(self.start_heading_deg),
            start_speed_mps=self.start_speed_mph * MPS_PER_MPH,
            light=Light(self.brightness, self.noise, self.shadow),
            seed=self.seed,
        )

    @property
    def pacing(self) -> Pacing:
        """The same for the rhythm of frames and commands."""
        return Pacing(drop_frames=self.drop_frames, latency_s=self.latency_ms / 1e3, seed=self.seed)

    def to_json(self) -> dict[str, Any]:
        """Returns the options in a form that JSON can hold."""
        return asdict(self)
