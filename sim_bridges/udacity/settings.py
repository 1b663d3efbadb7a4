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
    return SessionSettings(LIMITS, CruiseSettings(speed_mps, BICYCLE))
