"""One CarRacing car: commands go in, observations with time stamps in simulator seconds come out."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.interface import Command, Observation
from models.errors import UserError
from sim_bridges.frame_loss import FrameLoss

FRAMES_PER_SECOND = 50
STEP_LIMIT = 1000

WINDOWLESS = ("dummy", "offscreen")
"""The drivers of SDL that draw where nobody sees it."""

DISCRETE_COMMANDS = (
    Command(0.0, 0.0, 0.0),
    Command(0.6, 0.0, 0.0),
    Command(-0.6, 0.0, 0.0),
    Command(0.0, 0.2, 0.0),
    Command(0.0, 0.0, 0.8),
)
"""What each action of the discrete environment does, in the order of its action numbers."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one command led to.

    Attributes:
        observation: The next frame, or None where it was dropped.
        reward: The environment's reward for this step.
        finished: Whether the episode is over.
    """

    observation: Observation | None
    reward: float
    finished: bool


def make_environment(*, discrete: bool = False, render_mode: str | None = None) -> Any:
    """Returns the stock `CarRacing-v3`, with its time limit of 1000 steps.

    Raises:
        UserError: Box2D or pygame is not installed.
    """
    import gymnasium
    from gymnasium.error import DependencyNotInstalled

    try:
        return gymnasium.make("CarRacing-v3", continuous=not discrete, render_mode=render_mode)
    except DependencyNotInstalled as missing:
        raise UserError(
            'CarRacing needs Box2D and pygame; one of them is missing: run `pip install "gymnasium[box2d]"`.'
        ) from missing


def check_window() -> None:
    """Makes sure that a window can be shown, where nobody asked for a driver that shows none.

    Raises:
        UserError: It cannot.
    """
    import pygame

    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
        reason = f"only the driver {driver} is there" if driver in WINDOWLESS else ""
    except pygame.error as error:
        reason = str(error)
    if reason and os.environ.get("SDL_VIDEODRIVER") not in WINDOWLESS:
        raise UserError(f"No window can be opened ({reason}): go where there is a display, or use --video.")


def nearest_discrete_action(command: Command) -> int:
    """Returns the number of the discrete action that is nearest to a command."""
    wanted = np.array([command.steering, command.gas, command.brake])
    offered = np.array([[c.steering, c.gas, c.brake] for c in DISCRETE_COMMANDS])
    return int(np.square(offered - wanted).sum(axis=1).argmin())


def as_action(command: Command) -> NDArray[np.float32]:
    """Returns a command as steering, gas and brake, shape `(3,)`.

    Raises:
        UserError: It is not finite.
    """
    action = np.array([command.steering, command.gas, command.brake], np.float32)
    if not np.isfinite(action).all():
        raise UserError(f"The policy proposed {command}: its training diverged, so drive by other weights.")
    return action


class CarRacing:
    """A CarRacing environment behind the terms of the controller.

    Args:
        environment: What `make_environment` returns.
        drop_frames: Share of the frames, 0 to less than 1, that never reaches the policy. Which ones is
            decided by the episode's seed. The first frame of an episode is always shown.
    """

    def __init__(self, environment: Any, drop_frames: float = 0.0) -> None:
        if not 0 <= drop_frames < 1:
            raise UserError(f"The share of dropped frames is at least 0 and less than 1, not {drop_frames}.")
        self.environment = environment
        self._discrete = not environment.unwrapped.continuous
        self._drop_frames = drop_frames
        self._loss = FrameLoss(drop_frames, seed=0)

    def reset(self, seed: int) -> Observation:
        """Builds the track of a seed and returns the first frame."""
        self._loss = FrameLoss(self._drop_frames, seed)
        image, _ = self.environment.reset(seed=seed)
        return self._observe(image)

    def step(self, command: Command) -> Step:
        """Drives for one frame, 0.02 s.

        Raises:
            UserError: The command is not finite.
            ValueError: It is out of bounds.
        """
        image, reward, terminated, truncated, _ = self.environment.step(self._action(command))
        observation = None if self._loss.next() else self._observe(image)
        return Step(observation, float(reward), terminated or truncated)

    @property
    def tiles_visited_share(self) -> float:
        """Share of the track's tiles that a wheel has touched, 0 to 1; 1 is a complete lap."""
        car_racing = self.environment.unwrapped
        return car_racing.tile_visited_count / len(car_racing.track)

    def _observe(self, image: NDArray[np.uint8]) -> Observation:
        return Observation(image=image, time_s=self.environment.unwrapped.t)

    def _action(self, command: Command) -> Any:
        action = as_action(command)
        if not (np.all(np.abs(action) <= 1) and np.all(action[1:] >= 0)):
            raise ValueError(f"CarRacing takes steering in -1..1, gas and brake in 0..1, not {command}.")
        return nearest_discrete_action(command) if self._discrete else action
