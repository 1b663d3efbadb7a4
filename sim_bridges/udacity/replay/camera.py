"""The simulator's front camera: how it sees a flat road, and how the same scene looks from beside it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera over a flat road.

    Height, pitch and the side cameras' distance were estimated from a recording: warping the center frame
    into the side frames gives `side_m / height_m` = 0.65 and the pitch; warping frames of straight stretches
    into the next ones gives the height, as the way between them is known.

    Attributes:
        width: Columns of a frame.
        height: Rows of a frame.
        focal_px: Focal length in pixels: 60 degrees between the top and the bottom of a frame.
        pitch_rad: How far the camera looks down.
        height_m: Height above the road.
        forward_m: Distance from the rear axle to the camera, along the car.
        side_m: Distance from the center camera to the left and to the right one.
    """

    width: int = 320
    height: int = 160
    focal_px: float = 80 / np.tan(np.radians(30))
    pitch_rad: float = float(np.radians(7.4))
    height_m: float = 1.22
    forward_m: float = 2.8
    side_m: float = 0.79

    @property
    def horizon_row(self) -> float:
        """Row of the horizon."""
        return float((self.height - 1) / 2 - self.focal_px * np.tan(self.pitch_rad))

    def project(self, right_m: Matrix, ahead_m: Matrix) -> tuple[Matrix, Matrix]:
        """Returns columns and rows of road points, given to the right and ahead of the camera's foot."""
        points = np.stack([right_m, np.full_like(right_m, self.height_m), ahead_m])
        x, y, z = np.tensordot(self._from_level(), points, axes=1)
        return x / z, y / z

    def ground(self, columns: Matrix, rows: Matrix) -> tuple[Matrix, Matrix]:
        """Returns where pixels below the horizon see the road: metres to the right and ahead."""
        rays = np.tensordot(
            np.linalg.inv(self._from_level()), np.stack([columns, rows, np.ones_like(rows)]), axes=1
        )
        scale = self.height_m / rays[1]
        return rays[0] * scale, rays[2] * scale

    def homographies(self, right_m: float, ahead_m: float, turn_rad: float) -> tuple[Matrix, Matrix]:
        """Returns where to find the pixels of a moved camera's frame in the frame of this one.

        The first matrix holds for points on the road, the second for points that are far away.

        Args:
            right_m: How far the other camera stands to the right of this one.
            ahead_m: How far it stands ahead of this one.
            turn_rad: How far it is turned to the right.
        """
        cos, sin = np.cos(turn_rad), np.sin(turn_rad)
        turn = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        # On the road y = height_m, so that a shift is a linear function of y.
        move = np.outer([right_m, 0.0, ahead_m], [0.0, 1 / self.height_m, 0.0])
        level = self._from_level()
        back = np.linalg.inv(level)
        return level @ (turn + move) @ back, level @ turn @ back

    def _from_level(self) -> Matrix:
        """The matrix from level axes (right, down, ahead) to homogeneous pixels."""
        cos, sin = np.cos(self.pitch_rad), np.sin(self.pitch_rad)
        pitch = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
        f = self.focal_px
        return np.array([[f, 0, (self.width - 1) / 2], [0, f, (self.height - 1) / 2], [0, 0, 1]]) @ pitch


FRONT = Camera()
