"""The commands `serve` and `doctor`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from controller.command_line import RuntimeOption, WeightsOption
from controller.runtime import RuntimeChoice
from sim_bridges.udacity.policies import SHIPPED_WEIGHTS

SIMULATOR_PORT = 4567
TOKEN_VARIABLE = "LIQUID_DRIVE_TOKEN"  # noqa: S105

PortOption = Annotated[int, typer.Option(min=0, max=65535, help="The shipped simulator only calls 4567.")]


def serve(
    weights: WeightsOption = SHIPPED_WEIGHTS,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: PortOption = SIMULATOR_PORT,
    speed: Annotated[float, typer.Option(min=1.0, max=30.0, help="Speed on a straight road, in mph.")] = 15.0,
    record: Annotated[Path | None, typer.Option(help="Folder for recordings of the drives.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Network of simulators, such as 192.168.1.0/24; may be repeated.")
    ] = None,
    runtime: RuntimeOption = RuntimeChoice.AUTO,
) -> None:
    """Drives the Udacity simulator: start this, then the simulator in autonomous mode."""
    # While serving nothing is looked up by name: without its DNS library eventlet loads faster.
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

    from controller.access import access_rules
    from controller.logs import log_to
    from controller.recorder import check_recordable
    from sim_bridges.udacity.dialect import MPS_PER_MPH
    from sim_bridges.udacity.policies import load_policies
    from sim_bridges.udacity.server import ServerSettings, UdacityServer
    from sim_bridges.udacity.settings import session_settings
    from sim_bridges.udacity.signals import stop_on_signals

    access = access_rules(host, allow or [], os.environ.get(TOKEN_VARIABLE))
    if record is not None:
        check_recordable(record)
    log_to()
    server = UdacityServer(
        lambda: load_policies(weights, runtime),
        ServerSettings(
            host=host,
            port=port,
            access=access,
            session=session_settings(speed * MPS_PER_MPH),
            record_to=record,
        ),
    )
    stop_on_signals(server.request_stop)
    server.run()


def doctor(
    weights: WeightsOption = SHIPPED_WEIGHTS,
    host: Annotated[str, typer.Option(help="Address on which `serve` listens or will listen.")] = "127.0.0.1",
    port: PortOption = SIMULATOR_PORT,
    runtime: RuntimeOption = RuntimeChoice.AUTO,
) -> None:
    """Finds out why the car does not move: versions, port, weights, a self-test frame, what is connected."""
    from sim_bridges.udacity.doctor import examine

    healthy = True
    for finding in examine(weights, runtime, host, port, os.environ.get(TOKEN_VARIABLE)):
        typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.text}")
        healthy = healthy and finding.ok
    raise typer.Exit(0 if healthy else 1)
