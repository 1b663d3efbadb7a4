"""The expert's styles: the more frames get lost, the more carefully it drives."""

import numpy as np
from numpy.typing import NDArray

from training.carracing.expert import DrivingStyle

STYLES: dict[float, DrivingStyle] = {
    0.0: DrivingStyle(
        centring=0.005092,
        half_width_m=5.0,
        look_ahead_m=10.0,
        look_ahead_s=0.1949,
        cut_m=2.2,
        steering_gain=1.263,
        slide_gain=0.55,
        lateral_mps2=296.4,
        pursuit_mps2=243.6,
        braking_mps2=204.9,
        braking_lateral_mps2=333.9,
        top_speed_mps=105.4,
        preview_s=0.1702,
        speed_gain_1ps=8.117,
        traction_mps2=138.1,
        traction_lateral_mps2=207.6,
        slip_mps=10.21,
        slip_range_mps=1.936,
    ),
    0.5: DrivingStyle(
        centring=0.005524,
        half_width_m=5.0,
        look_ahead_m=9.205,
        look_ahead_s=0.1876,
        cut_m=2.2,
        steering_gain=1.343,
        slide_gain=0.4966,
        lateral_mps2=207.0,
        pursuit_mps2=276.1,
        braking_mps2=176.1,
        braking_lateral_mps2=244.4,
        top_speed_mps=101.4,
        preview_s=0.1673,
        speed_gain_1ps=5.323,
        traction_mps2=108.2,
        traction_lateral_mps2=201.1,
        slip_mps=8.591,
        slip_range_mps=3.919,
    ),
    0.8: DrivingStyle(
        centring=0.005188,
        half_width_m=5.0,
        look_ahead_m=8.458,
        look_ahead_s=0.243,
        cut_m=9.0,
        steering_gain=0.9772,
        slide_gain=0.4392,
        lateral_mps2=94.83,
        pursuit_mps2=95.97,
        braking_mps2=145.5,
        braking_lateral_mps2=98.58,
        top_speed_mps=66.1,
        preview_s=0.1783,
        speed_gain_1ps=5.704,
        traction_mps2=152.1,
        traction_lateral_mps2=219.8,
        slip_mps=8.97,
        slip_range_mps=2.685,
    ),
}
"""For each share of lost frames, the style that scored best when commands hold between the others."""

DROP_SHARES = tuple(STYLES)


def blend(advice: NDArray[np.float32], drop_share: float) -> NDArray[np.float32]:
    """Interpolates between the styles' commands.

    Args:
        advice: Commands for each style, shape `(..., styles, 3)`.
        drop_share: Share of the frames that gets lost.

    Returns:
        Commands for this share, shape `(..., 3)`.
    """
    place = np.interp(drop_share, DROP_SHARES, np.arange(len(DROP_SHARES)))
    weights = np.clip(1 - np.abs(place - np.arange(len(DROP_SHARES))), 0, 1).astype(np.float32)
    return np.einsum("...sc,s->...c", advice, weights)
