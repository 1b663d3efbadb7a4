"""The real service in a process of its own, on a free port."""

import contextlib
import threading
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from controller.runtime import RuntimeChoice
from controller.session import SessionSettings
from models.errors import UserError
from sim_bridges.udacity.address import simulator_url

START_MAX_S = 120.0
END_MAX_S = 20.0


@contextlib.contextmanager
def running_service(weights: Path, runtime: RuntimeChoice, session: SessionSettings) -> Iterator[str]:
    """Starts the service and yields the address that simulators dial; stops it at the end.

    It runs in a process of its own, so that the simulation does not slow it down.

    Args:
        weights: The policy's weights.
        runtime: What runs the network.
        session: How the service drives.

    Raises:
        UserError: The weights cannot be used, or the service does not start.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, weights, runtime, session), daemon=True)
    process.start()
    theirs.close()
    try:
        started = ours.recv() if ours.poll(START_MAX_S) else None
    except EOFError:
        started = None
    try:
        if isinstance(started, UserError):
            raise started
        if started is None:
            raise UserError("The service did not start: try liquid-drive serve to see why.")
        yield simulator_url(started)
    finally:
        ours.close()
        process.join(END_MAX_S)
        if process.is_alive():
            process.kill()


def _serve(channel: Connection, weights: Path, runtime: RuntimeChoice, session: SessionSettings) -> None:
    """Serves until the other end of the channel is closed."""
    from controller.access import access_rules
    from sim_bridges.udacity.policies import load_policies
    from sim_bridges.udacity.server import ServerSettings, UdacityServer

    host = "127.0.0.1"
    settings = ServerSettings(host, 0, access_rules(host, [], None), session)
    try:
        server = UdacityServer(lambda: load_policies(weights, runtime), settings)

        def stop_at_the_end() -> None:
            with contextlib.suppress(EOFError, OSError):
                channel.recv()
            server.request_stop()

        threading.Thread(target=stop_at_the_end, daemon=True).start()
        server.run(started=lambda: channel.send(server.port))
    except UserError as error:
        channel.send(error)
