"""One episode: a policy drives a CarRacing track from its first frame to its last."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from controller.interface import Command, Observation, Policy
from sim_bridges.carracing.environment import FRAMES_PER_SECOND, CarRacing


@dataclass(frozen=True, slots=True)
class Episode:
    """How an episode went.

    Attributes:
        seed: The track.
        score: Sum of the rewards.
        frames: Steps driven, at 50 a second.
        tiles_visited_share: Share of the track's tiles that were visited, 0 to 1.
        lap_s: Simulator seconds for the complete lap, None where the lap was not completed.
        latencies_s: For each frame shown to the policy, wall-clock seconds until its command.
    """

    seed: int
    score: float
    frames: int
    tiles_visited_share: float
    lap_s: float | None
    latencies_s: list[float]


def drive(
    car: CarRacing, policy: Policy, seed: int, on_frame: Callable[[float], None] | None = None
) -> Episode:
    """Drives one episode; while frames are dropped, the last command holds.

    Args:
        car: The car.
        policy: Who drives; its history is forgotten first.
        seed: The track.
        on_frame: Called after each frame with the score so far.
    """
    policy.reset()
    latencies_s: list[float] = []

    def decide(observation: Observation) -> Command:
        began = time.perf_counter()
        command = policy.act(observation)
        latencies_s.append(time.perf_counter() - began)
        return command

    command = decide(car.reset(seed))
    score, frames, finished = 0.0, 0, False
    while not finished:
        step = car.step(command)
        score, frames, finished = score + step.reward, frames + 1, step.finished
        if on_frame:
            on_frame(score)
        if step.observation is not None and not finished:
            command = decide(step.observation)
    share = car.tiles_visited_share
    lap_s = frames / FRAMES_PER_SECOND if share == 1 else None
    return Episode(seed, score, frames, share, lap_s, latencies_s)
