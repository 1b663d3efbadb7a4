import cv2
import numpy as np
import pytest

from models.errors import UserError
from models.preprocessing import Preprocessing


def test_crops_then_resizes():
    image = np.zeros((160, 320, 3), np.uint8)
    image[60:135] = (10, 200, 30)
    preprocessing = Preprocessing(160, 320, height=66, width=200, crop_top=60, crop_bottom=25)
    result = preprocessing(image)
    assert result.shape == (66, 200, 3)
    assert (result == (10, 200, 30)).all()


def test_yuv_is_opencvs():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    result = Preprocessing(8, 8, height=8, width=8, color="yuv")(image)
    np.testing.assert_array_equal(result, cv2.cvtColor(image, cv2.COLOR_RGB2YUV))


@pytest.mark.parametrize(("interpolation", "value"), [("area", 63.75), ("linear", 0.0)])
def test_area_averages_what_linear_skips(interpolation, value):
    image = np.zeros((16, 16, 3), np.uint8)
    image[::4] = 255
    result = Preprocessing(16, 16, height=4, width=4, interpolation=interpolation)(image)
    assert abs(float(result.mean()) - value) < 1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((96, 96), np.uint8),
        np.zeros((96, 96, 4), np.uint8),
        np.zeros((95, 96, 3), np.uint8),
        np.zeros((96, 96, 3), np.float32),
        [[0]],
        None,
    ],
)
def test_other_images_are_refused_with_what_was_expected(image):
    with pytest.raises(UserError, match=r"shape \(96, 96, 3\) and type uint8, but got"):
        Preprocessing(96, 96, height=64, width=64)(image)


def test_unknown_colour_space_and_interpolation():
    with pytest.raises(UserError, match="'hsv'"):
        Preprocessing(96, 96, height=64, width=64, color="hsv")
    with pytest.raises(UserError, match="'cubic'"):
        Preprocessing(96, 96, height=64, width=64, interpolation="cubic")


@pytest.mark.parametrize(
    "changes", [{"crop_top": 50, "crop_bottom": 46}, {"crop_top": -1}, {"height": 0}, {"width": 1.5}]
)
def test_sizes_that_leave_no_image(changes):
    with pytest.raises(UserError, match=r"Sizes|Crops"):
        Preprocessing(**{"camera_height": 96, "camera_width": 96, "height": 64, "width": 64, **changes})
