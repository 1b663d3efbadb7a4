"""How long a policy takes to answer a frame on this machine."""

import base64
import statistics
import time

import cv2
import numpy as np

from controller.interface import Observation, Policy
from sim_bridges.udacity.bridge import vehicle_frame
from sim_bridges.udacity.camera import FRAME_SHAPE
from sim_bridges.udacity.warm_up import warm_up

FRAMES = 20


def median_s(policy: Policy) -> float:
    """Returns the median time of a frame from its telemetry to the policy's command, in seconds."""
    warm_up(policy)
    return statistics.median(_time_a_frame(policy) for _ in range(FRAMES))


def _time_a_frame(policy: Policy) -> float:
    jpeg = cv2.imencode(".jpg", np.full(FRAME_SHAPE, 96, np.uint8))[1].tobytes()
    payload = {"steering_angle": "0,0000", "speed": "10,0000", "image": base64.b64encode(jpeg).decode()}
    begin_s = time.monotonic()
    frame = vehicle_frame(payload, begin_s)
    policy.act(Observation(frame.look().image, begin_s, frame.speed_mps))
    return time.monotonic() - begin_s
