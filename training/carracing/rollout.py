"""Drives CarRacing for data: expert and network share the wheel, the expert advises at every frame."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.interface import Observation, Policy
from models.preprocessing import Preprocessing
from sim_bridges.carracing.environment import STEP_LIMIT, as_action
from training.carracing.demonstration import Demonstration, Drive
from training.carracing.expert import DrivingStyle, Expert
from training.carracing.simulator import OnDemandCarRacing
from training.carracing.styles import STYLES, blend
from training.drops import draw_drop_share, kept_frames

LARGEST_DROP_SHARE = 0.85
SHARE_OF_DRIVES_WITHOUT_DROPS = 0.5
TURN_STEPS = 25
LOST_M = 25.0


@dataclass(frozen=True, slots=True)
class Noise:
    """Disturbances of the expert's commands, so that the data shows how to recover.

    Attributes:
        chance: Probability per step that a disturbance begins.
        longest_steps: Its longest duration.
        steering: Its largest steering offset.
        pedals: Its largest gas or brake.
    """

    chance: float = 0.02
    longest_steps: int = 12
    steering: float = 0.35
    pedals: float = 0.8


class NoisyExpert:
    """Disturbs the expert's commands now and then.

    Args:
        noise: How much.
        random: Source of randomness.
    """

    def __init__(self, noise: Noise, random: np.random.Generator) -> None:
        self._noise = noise
        self._random = random
        self._left = 0
        self._offset = (0.0, 0.0, 0.0)

    def disturb(self, command: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the command that is really given."""
        if self._left == 0 and self._random.random() < self._noise.chance:
            self._left = int(self._random.integers(3, self._noise.longest_steps + 1))
            steering = self._random.uniform(-self._noise.steering, self._noise.steering)
            gas, brake = self._random.choice([(1, 0), (0, 0), (0, 0), (0, 1)]) * self._noise.pedals
            self._offset = (steering, gas, brake)
        if self._left == 0:
            return command
        self._left -= 1
        disturbed = command + np.array(self._offset, np.float32)
        return np.clip(disturbed, (-1, 0, 0), (1, 1, 0.8)).astype(np.float32)


def roll_out(
    seed: int, expert_share: float, preprocessing: Preprocessing, policy: Policy | None = None
) -> Demonstration:
    """Drives one episode and records what arrived.

    Args:
        seed: The track, and all randomness of the drive.
        expert_share: Share of the half-second turns in which the expert is at the wheel, 0 to 1.
        preprocessing: From a camera frame to the network's input.
        policy: Who drives in the other turns; may be left out where `expert_share` is 1.
    """
    random = np.random.default_rng([seed, 0xCA2])
    drop_share = draw_drop_share(random, LARGEST_DROP_SHARE, SHARE_OF_DRIVES_WITHOUT_DROPS)
    arrives = kept_frames(STEP_LIMIT + 1, drop_share, float(random.uniform(1, 2)), random)
    expert_turns = random.random(STEP_LIMIT // TURN_STEPS + 1) < expert_share
    noisy = NoisyExpert(Noise(), random)
    environment = OnDemandCarRacing()
    environment.drawing = True
    image, _ = environment.reset(seed=seed)
    experts = [Expert(environment.track, style) for style in STYLES.values()]
    if policy is not None:
        policy.reset()

    images, times_s, advice = [], [], []
    score, step, finished = 0.0, 0, False
    action = np.zeros(3, np.float32)
    while not finished and step < STEP_LIMIT:
        commands = [as_action(expert.act(environment.car)) for expert in experts]
        if arrives[step]:
            images.append(preprocessing(image))
            times_s.append(environment.t)
            advice.append(commands)
            chosen = None if policy is None else policy.act(Observation(image, environment.t))
            if chosen is None or expert_turns[step // TURN_STEPS]:
                action = noisy.disturb(blend(np.array(advice[-1], np.float32), drop_share))
            else:
                action = as_action(chosen)
        environment.drawing = bool(arrives[step + 1])
        image, reward, finished, _, _ = environment.step(action)
        score, step = score + reward, step + 1
        finished = finished or experts[0].distance_m(environment.car) > LOST_M
    environment.close()
    return Demonstration(
        np.array(images),
        np.array(times_s),
        np.array(advice, np.float32),
        Drive(seed, expert_share, drop_share, score, step),
    )


def expert_score(seed: int, drop_share: float, style: DrivingStyle) -> float:
    """Returns the expert's own score on a track, with commands that hold while frames are dropped.

    Args:
        seed: The track and the drops.
        drop_share: Share of the steps at which the expert does not act.
        style: How it drives.
    """

    def take_seat(track: Any) -> Callable[[Any], NDArray[np.float32]]:
        expert = Expert(track, style)
        return lambda car: as_action(expert.act(car))

    return score_of(take_seat, seed, drop_share)


def score_of(
    take_seat: Callable[[Any], Callable[[Any], NDArray[np.float32]]], seed: int, drop_share: float = 0.0
) -> float:
    """Returns a scripted driver's score on a track, with commands that hold while frames are dropped.

    Args:
        take_seat: From the environment's own `track` to a driver: from its own `car` to steering, gas, brake.
        seed: The track and the drops.
        drop_share: Share of the steps at which the driver does not act.
    """
    random = np.random.default_rng([seed, 0xE5])
    environment = OnDemandCarRacing()
    environment.reset(seed=seed)
    act = take_seat(environment.track)
    score, action = 0.0, np.zeros(3, np.float32)
    for step in range(STEP_LIMIT):
        wanted = act(environment.car)
        if step == 0 or random.random() >= drop_share:
            action = wanted
        _, reward, finished, _, _ = environment.step(action)
        score += reward
        if finished:
            break
    environment.close()
    return score
