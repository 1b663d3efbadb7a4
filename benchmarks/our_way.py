"""The service's way of a frame, from the telemetry's text to the reply's, without sockets and threads."""

from __future__ import annotations

import base64
import json

from controller.interface import Command, Observation, Policy
from controller.longitudinal import CruiseMemory, cruise
from controller.safety import Frame, Memory, advance
from controller.session import VehicleFrame
from sim_bridges.udacity.bridge import vehicle_frame
from sim_bridges.udacity.dialect import STEER, write_command
from sim_bridges.udacity.settings import session_settings
from tests.sim_bridges.udacity.simulator_client import noisy_road

FRAME_S = 0.05
SPEED_MPS = 6.7


class OurWay:
    """One vehicle's way.

    Args:
        policy: The policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._settings = session_settings(SPEED_MPS)
        self._memory = Memory()
        self._cruise: CruiseMemory | None = None
        self._now_s = 0.0

    def __call__(self, text: str) -> str:
        """Return the reply to a telemetry; one frame later than the call before."""
        self._now_s += FRAME_S
        frame = vehicle_frame(json.loads(text[2:])[1], self._now_s)
        observation = Observation(frame.look().image, self._now_s, frame.speed_mps)
        return self.reply(frame, self._policy.act(observation).steering)

    def reply(self, frame: VehicleFrame, steering: float) -> str:
        """Return the reply to a frame for which the network proposes a steering."""
        speed_mps = frame.speed_mps or 0.0
        self._cruise, pedals = cruise(self._cruise, self._now_s, speed_mps, steering, self._settings.cruise)
        proposal = Command(steering, pedals.gas, pedals.brake)
        event = Frame(self._now_s, proposal, speed_mps=speed_mps, steering=frame.steering)
        self._memory, _ = advance(self._memory, event, self._settings.limits)
        return "42" + json.dumps([STEER, write_command(self._memory.command)], separators=(",", ":"))

    def steering(self, text: str) -> float:
        """Return what the network proposes for a telemetry."""
        image = vehicle_frame(json.loads(text[2:])[1], 0.0).look().image
        return self._policy.act(Observation(image, 0.0)).steering


def telemetry(seed: int) -> str:
    """Return the text of a telemetry with a drawn road."""
    image = base64.b64encode(noisy_road(seed)).decode()
    body = {"steering_angle": "0.0000", "throttle": "0.2000", "speed": "12.0000", "image": image}
    return "42" + json.dumps(["telemetry", body], separators=(",", ":"))
