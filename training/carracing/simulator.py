"""CarRacing for collecting data: it draws only the frames that somebody looks at, and those faster."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pygame
from gymnasium.envs.box2d import car_racing
from gymnasium.envs.box2d.car_racing import CarRacing
from numpy.typing import NDArray
from pygame import gfxdraw

_GRASS_CELLS = range(-20, 20, 2)
_DASHBOARD_HEIGHT = car_racing.WINDOW_H // 8
_WINDOW_CORNERS = np.array([(x, y) for x in (0, car_racing.WINDOW_W) for y in (0, car_racing.WINDOW_H)])


def _grass_patches() -> NDArray[np.float64]:
    """Returns the corners of the stock environment's grass patches, shape `(400, 4, 2)`, in metres."""
    corners = np.array([(1, 0), (0, 0), (0, 1), (1, 1)], float)
    cells = np.array([(x, y) for x in _GRASS_CELLS for y in _GRASS_CELLS], float)
    return car_racing.GRASS_DIM * (cells[:, None] + corners)


class _Easel(NamedTuple):
    """What a picture is made with: surfaces for the mirrored track and the picture, the score's font."""

    mirrored: pygame.Surface
    upright: pygame.Surface
    font: pygame.font.Font


class _Scenery(NamedTuple):
    """What lies on the field, in the order of drawing: N patches of grass and tiles of the road.

    Attributes:
        corners: Corners in metres, shape `(N, 4, 2)`.
        centers: Their means, shape `(N, 2)`.
        reach: The furthest corner's distance from the center in metres, shape `(N,)`.
        colors: A colour for each; that of a tile changes when a wheel touches it.
    """

    corners: NDArray[np.float64]
    centers: NDArray[np.float64]
    reach: NDArray[np.float64]
    colors: list[Any]


@cache
def _easel() -> _Easel:
    """Returns the one of this process: many cars may drive side by side, but their pictures come in turns."""
    pygame.font.init()
    size = (car_racing.WINDOW_W, car_racing.WINDOW_H)
    font = pygame.font.Font(pygame.font.get_default_font(), 42)
    return _Easel(pygame.Surface(size), pygame.Surface(size), font)


class OnDemandCarRacing(CarRacing):
    """The stock physics, with pictures only when `drawing` is set, each equal to the stock picture.

    The stock environment transforms about 700 polygons a frame one by one and draws many that lie outside
    of the picture. Here those outside are skipped, and the others transformed together; surfaces and the
    score's font last. Without drawing, `step` and `reset` return None in place of the picture.

    Attributes:
        drawing: Whether the next `step` or `reset` draws. May change from step to step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.drawing = False
        self._field = car_racing.PLAYFIELD * np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)], float)
        self._scenery: _Scenery | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Starts an episode as the stock environment does."""
        self._scenery = None
        return super().reset(seed=seed, options=options)

    def _render(self, mode: str) -> Any:
        if not self.drawing:
            return None
        return self._picture() if mode == "state_pixels" else super()._render(mode)

    def _picture(self) -> NDArray[np.uint8]:
        """Returns what the stock `_render` does for a policy: track, car, then the dashboard upright."""
        position, angle = self.car.hull.position, -self.car.hull.angle
        # In its first second the camera comes nearer.
        nearness = min(self.t, 1.0)
        zoom = car_racing.SCALE * (0.1 * (1 - nearness) + car_racing.ZOOM * nearness)
        scroll = pygame.math.Vector2(-position[0] * zoom, -position[1] * zoom).rotate_rad(angle)
        translation = (car_racing.WINDOW_W / 2 + scroll[0], car_racing.WINDOW_H / 4 + scroll[1])

        easel = _easel()
        self.surf = easel.mirrored
        self._render_road(zoom, translation, angle)
        self.car.draw(self.surf, zoom, translation, angle, False)

        self.surf = easel.upright
        mirrored, upright = map(pygame.surfarray.pixels2d, (easel.mirrored, easel.upright))
        np.copyto(upright[:, :-_DASHBOARD_HEIGHT], mirrored[:, : _DASHBOARD_HEIGHT - 1 : -1])
        # A surface is locked as long as somebody has its pixels.
        del mirrored, upright
        self._render_indicators(car_racing.WINDOW_W, car_racing.WINDOW_H)
        score = easel.font.render(f"{self.reward:04.0f}", True, (255, 255, 255), (0, 0, 0))
        place = score.get_rect(center=(60, car_racing.WINDOW_H * 37.5 / 40))
        self.surf.blit(score, place)
        return self._create_image_array(self.surf, (car_racing.STATE_W, car_racing.STATE_H))

    def _render_road(self, zoom: float, translation: tuple[float, float], angle: float) -> None:
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = zoom * np.array([[cos, sin], [-sin, cos]])
        if self._field_covers(rotation, translation):
            self.surf.fill(self.bg_color)
        else:
            self.surf.fill(0)
            self._fill((self._field @ rotation + translation).tolist(), self.bg_color)
        scenery = self._scenery = self._scenery or self._lay_out()
        near = _in_window(scenery.centers @ rotation + translation, scenery.reach * zoom)
        polygons = scenery.corners[near] @ rotation + translation
        for index, polygon in zip(near.tolist(), polygons.tolist(), strict=True):
            self._fill(polygon, [int(c) for c in scenery.colors[index]])

    def _lay_out(self) -> _Scenery:
        grass = _grass_patches()
        corners = np.concatenate([grass, [corners for corners, _ in self.road_poly]])
        centers = corners.mean(axis=1)
        reach = np.linalg.norm(corners - centers[:, None], axis=2).max(axis=1)
        colors = [self.grass_color] * len(grass) + [color for _, color in self.road_poly]
        return _Scenery(corners, centers, reach, colors)

    @staticmethod
    def _field_covers(rotation: NDArray[np.float64], translation: tuple[float, float]) -> bool:
        """Returns whether the whole picture lies a metre or more within the field."""
        corners_m = (_WINDOW_CORNERS - translation) @ np.linalg.inv(rotation)
        return bool(np.abs(corners_m).max() < car_racing.PLAYFIELD - 1)

    def _fill(self, polygon: Any, color: Any) -> None:
        gfxdraw.aapolygon(self.surf, polygon, color)
        gfxdraw.filled_polygon(self.surf, polygon, color)


def _in_window(centers: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.int_]:
    """Returns the places of what may be seen in the mirrored picture, whose first rows the dashboard hides.

    Args:
        centers: Centers in pixels, shape `(N, 2)`.
        reach: How far each reaches from there at most, in pixels, shape `(N,)`.
    """
    first = (0, _DASHBOARD_HEIGHT)
    last = (car_racing.WINDOW_W, car_racing.WINDOW_H)
    # Corners are rounded to whole pixels.
    around = reach[:, None] + 1
    return np.flatnonzero(np.all((centers + around >= first) & (centers - around <= last), axis=1))
