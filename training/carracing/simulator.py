"""CarRacing for collecting data: it draws only the frames that somebody looks at, and those faster."""

from typing import Any

import numpy as np
from gymnasium.envs.box2d import car_racing
from gymnasium.envs.box2d.car_racing import CarRacing
from numpy.typing import NDArray
from pygame import gfxdraw

_GRASS_CELLS = range(-20, 20, 2)


def _grass_patches() -> NDArray[np.float64]:
    """Returns the corners of the stock environment's grass patches, shape `(400, 4, 2)`, in metres."""
    corners = np.array([(1, 0), (0, 0), (0, 1), (1, 1)], float)
    cells = np.array([(x, y) for x in _GRASS_CELLS for y in _GRASS_CELLS], float)
    return car_racing.GRASS_DIM * (cells[:, None] + corners)


class OnDemandCarRacing(CarRacing):
    """The stock physics, with pictures only when `drawing` is set, each equal to the stock picture.

    The stock environment transforms about 700 polygons a frame one by one and draws many that lie outside
    of the picture. Here they are transformed together, and those outside are skipped. Without drawing, `step`
    and `reset` return None in place of the picture.

    Attributes:
        drawing: Whether the next `step` or `reset` draws. May change from step to step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.drawing = False
        self._field = car_racing.PLAYFIELD * np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)], float)
        self._grass = _grass_patches()
        self._road_corners: NDArray[np.float64] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Starts an episode as the stock environment does."""
        self._road_corners = None
        return super().reset(seed=seed, options=options)

    def _render(self, mode: str) -> Any:
        return super()._render(mode) if self.drawing else None

    def _render_road(self, zoom: float, translation: tuple[float, float], angle: float) -> None:
        if self._road_corners is None:
            self._road_corners = np.array([corners for corners, _ in self.road_poly])
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = zoom * np.array([[cos, sin], [-sin, cos]])
        self._fill((self._field @ rotation + translation).tolist(), self.bg_color)
        for _, polygon in self._visible(self._grass @ rotation + translation):
            self._fill(polygon, self.grass_color)
        for index, polygon in self._visible(self._road_corners @ rotation + translation):
            self._fill(polygon, [int(c) for c in self.road_poly[index][1]])

    @staticmethod
    def _visible(polygons: NDArray[np.float64]) -> list[tuple[int, Any]]:
        low, high = polygons.min(axis=1), polygons.max(axis=1)
        size = (car_racing.WINDOW_W + 1, car_racing.WINDOW_H + 1)
        inside = np.flatnonzero(np.all((high >= -1) & (low <= size), axis=1))
        return list(zip(inside.tolist(), polygons[inside].tolist(), strict=True))

    def _fill(self, polygon: Any, color: Any) -> None:
        gfxdraw.aapolygon(self.surf, polygon, color)
        gfxdraw.filled_polygon(self.surf, polygon, color)
