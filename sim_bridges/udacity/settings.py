"""How the service drives the simulator's car."""

from controller.longitudinal import CruiseSettings
from controller.safety import SafetyLimits
from controller.session import SessionSettings
from sim_bridges.udacity.vehicle import BICYCLE, TOP_SPEED_MPS

# The car reverses instead of braking below 5 mph, 2.24 m/s, so the brake is left a little above that.
LIMITS = SafetyLimits(BICYCLE, speed_max_mps=TOP_SPEED_MPS, brake_speed_min_mps=2.5)


def session_settings(speed_mps: float) -> SessionSettings:
    """Returns the settings of every vehicle's session.

    Args:
        speed_mps: Speed to keep on a straight road.
    """
    # The wire transcripts show 1.9 m/s^2 at full gas, and a drag that takes 0.023 of full gas per m/s.
    cruise = CruiseSettings(
        speed_mps,
        BICYCLE,
        feed_forward_per_mps=0.023,
        feed_forward_per_mps2=0.5,
        proportional_per_mps=0.3,
        integral_per_m=0.1,
    )
    return SessionSettings(LIMITS, cruise)
