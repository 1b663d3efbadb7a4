"""Recordings of a drawn world: a road of known course, seen by the simulator's cameras."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim_bridges.udacity.path import DrivenPath
from sim_bridges.udacity.recording import CAMERAS
from sim_bridges.udacity.replay.camera import FRONT
from sim_bridges.udacity.replay.view import BONNET_ROW, SIDES_M
from sim_bridges.udacity.vehicle import Pose

ROOT = Path(__file__).resolve().parents[3]
BEGIN = datetime(2020, 5, 4, 23, 59, 58)
MPH_PER_MPS = 1 / 0.44704
PIXEL_M = 0.2
MARGIN_M = 70.0
ROAD_M = 10.0

Format = Callable[[float], str]


def real_recording() -> Path:
    """The folder of the real recording; skips where it is not there."""
    data = Path(os.environ.get("LIQUID_DRIVE_DATA", ROOT.parent / "shared" / "data"))
    folder = data / "udacity_track1"
    if not (folder / "driving_log.csv").is_file():
        pytest.skip(f"{folder} is not there")
    return folder


@dataclass(frozen=True)
class DrawnDrive:
    """A drive along the middle of a drawn road."""

    time_s: np.ndarray
    steering: np.ndarray
    speed_mps: np.ndarray

    @property
    def path(self) -> DrivenPath:
        return DrivenPath.integrate(self.time_s, self.steering, self.speed_mps)


def winding_drive(frames: int = 120, interval_s: float = 0.07, speed_mps: float = 10.0) -> DrawnDrive:
    """Straight on, then right, then left."""
    time_s = np.arange(frames) * interval_s
    share = time_s / time_s[-1]
    steering = np.select([share < 0.25, share < 0.6, share < 0.9], [0.0, 0.2, -0.2], 0.0)
    return DrawnDrive(time_s, steering, np.full(frames, speed_mps))


class DrawnWorld:
    """Grass, and on it a grey road with white edges."""

    def __init__(self, path: DrivenPath) -> None:
        beyond = path.pose(len(path) - 1).moved(ahead_m=MARGIN_M)
        points = np.stack([np.append(path.x_m, beyond.x_m), np.append(path.y_m, beyond.y_m)], -1)
        self._corner = points.min(0) - MARGIN_M
        width, height = np.ceil((points.max(0) + MARGIN_M - self._corner) / PIXEL_M).astype(int)
        grass = np.random.default_rng(1).integers(0, 60, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
        self._map = cv2.resize(grass, (width, height), interpolation=cv2.INTER_LINEAR)
        self._map += np.array([40, 110, 40], np.uint8)
        line = np.round((points - self._corner) / PIXEL_M).astype(np.int32)
        for metres, color in ((ROAD_M, (230, 230, 230)), (ROAD_M - 1.0, (105, 105, 110))):
            cv2.polylines(self._map, [line], False, color, round(metres / PIXEL_M))
        columns, rows = np.meshgrid(np.arange(FRONT.width), np.arange(BONNET_ROW))
        self._horizon = int(np.ceil(FRONT.horizon_row))
        road = slice(self._horizon, None)
        self._right_m, self._ahead_m = FRONT.ground(columns[road].astype(float), rows[road].astype(float))

    def frame(self, pose: Pose, side_m: float = 0.0) -> np.ndarray:
        """What a camera sees that stands beside the center one."""
        camera = pose.moved(side_m, FRONT.forward_m)
        sin, cos = np.sin(pose.heading_rad), np.cos(pose.heading_rad)
        east = camera.x_m + self._right_m * cos + self._ahead_m * sin
        north = camera.y_m - self._right_m * sin + self._ahead_m * cos
        column = np.round((east - self._corner[0]) / PIXEL_M).astype(np.float32)
        row = np.round((north - self._corner[1]) / PIXEL_M).astype(np.float32)
        image = np.full((FRONT.height, FRONT.width, 3), (120, 170, 230), np.uint8)
        image[self._horizon : BONNET_ROW] = cv2.remap(
            self._map, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        image[BONNET_ROW:] = (60, 20, 20)
        return image


def jpeg_of(image: np.ndarray) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def image_name(camera: str, time_s: float) -> str:
    moment = BEGIN + timedelta(seconds=time_s)
    return f"{camera}_{moment:%Y_%m_%d_%H_%M_%S}_{moment.microsecond // 1000:03d}.jpg"


def dotted(value: float) -> str:
    """A number as a machine with decimal points writes it: seven digits, no trailing zeros."""
    return f"{value:.7g}"


def write_log(
    folder: Path, drive: DrawnDrive, number: Format = dotted, prefix: str = "IMG/", header: bool = False
) -> None:
    lines = ["center,left,right,steering,throttle,brake,speed"] if header else []
    for time_s, steering, speed_mps in zip(drive.time_s, drive.steering, drive.speed_mps, strict=True):
        images = [prefix + image_name(camera, time_s) for camera in CAMERAS]
        values = (steering, 0.5, 0.0, speed_mps * MPH_PER_MPS)
        lines.append(",".join([*images, *map(number, values)]))
    (folder / "driving_log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_recording(folder: Path, drive: DrawnDrive | None = None) -> Path:
    """Records a drive in a drawn world."""
    drive = drive or winding_drive()
    path = drive.path
    world = DrawnWorld(path)
    (folder / "IMG").mkdir(parents=True)
    for index, time_s in enumerate(drive.time_s):
        for camera, side_m in SIDES_M.items():
            image = world.frame(path.pose(index), side_m)
            (folder / "IMG" / image_name(camera, time_s)).write_bytes(jpeg_of(image))
    write_log(folder, drive)
    return folder


def grey_recording(folder: Path, drive: DrawnDrive, **log: object) -> Path:
    """Records a drive on which there is nothing to see, each frame a little different."""
    (folder / "IMG").mkdir(parents=True)
    for index, time_s in enumerate(drive.time_s):
        image = np.full((160, 320, 3), 100, np.uint8)
        cv2.putText(image, str(index), (20, 80), cv2.FONT_HERSHEY_PLAIN, 2, (200, 200, 200))
        for camera in CAMERAS:
            (folder / "IMG" / image_name(camera, time_s)).write_bytes(jpeg_of(image))
    write_log(folder, drive, **log)
    return folder
