"""Drives along all stretches of a recording, one after the other, each in a new session."""

from collections.abc import Callable, Sequence

from controller.interface import Policy
from controller.session import SessionSettings
from sim_bridges.udacity.recording import Recording
from sim_bridges.udacity.replay.client import SimulatorClient
from sim_bridges.udacity.replay.connection import SimulatorConnection
from sim_bridges.udacity.replay.direct import OnFrame, drive_directly
from sim_bridges.udacity.replay.options import DriveOptions
from sim_bridges.udacity.replay.trip import DriveRecord
from sim_bridges.udacity.replay.world import World

DriveOne = Callable[[World], DriveRecord]


def drive_all(
    stretches: Sequence[Recording], options: DriveOptions, drive_one: DriveOne
) -> list[DriveRecord]:
    """Returns the records of a drive along each stretch."""
    return [drive_one(World(stretch, options.world)) for stretch in stretches]


def by_server(url: str, options: DriveOptions, on_frame: OnFrame, lockstep: bool = False) -> DriveOne:
    """Returns how to drive by a server's commands.

    Args:
        url: Address of the server.
        options: How to drive.
        on_frame: Called with each frame.
        lockstep: Whether time stands still while the server thinks.
    """

    def drive(world: World) -> DriveRecord:
        with SimulatorConnection(url) as connection:
            client = SimulatorClient(world, connection, options.pacing, on_frame)
            return client.drive_in_lockstep() if lockstep else client.drive()

    return drive


def by_policy(
    policy: Policy, settings: SessionSettings, options: DriveOptions, on_frame: OnFrame
) -> DriveOne:
    """Returns how to drive by a policy in the service's session, on simulated time."""
    return lambda world: drive_directly(world, policy, settings, options.pacing, on_frame)
