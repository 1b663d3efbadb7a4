"""A service whose policy fails in every way: `python -m tests.sim_bridges.udacity.faulty_server`."""

import itertools
import math
import random
import time
from dataclasses import replace

from controller.access import access_rules
from controller.interface import Command, Observation
from controller.logs import log_to
from sim_bridges.udacity.server import ServerSettings, UdacityServer
from sim_bridges.udacity.settings import LIMITS, session_settings
from sim_bridges.udacity.signals import stop_on_signals

_SEEDS = itertools.count()


class FaultyPolicy:
    """Drives, and now and then raises, sleeps for 2 s, or proposes what is not finite or out of bounds."""

    name = "faulty"

    def __init__(self) -> None:
        self._random = random.Random(next(_SEEDS))  # noqa: S311

    def reset(self) -> None:
        pass

    def act(self, observation: Observation) -> Command:
        dice = self._random.random()
        if dice < 0.02:
            raise RuntimeError("the network is not in the mood")
        if dice < 0.022:
            time.sleep(2.0)
        if dice < 0.04:
            return Command(math.nan, math.inf, -math.inf)
        if dice < 0.1:
            return Command(self._random.uniform(-1e6, 1e6), 1e6, -1e6)
        return Command(math.sin(observation.time_s), 0.0, 0.0)


def main() -> None:
    log_to()
    # A long patience with failures, so that the vehicles go on driving between them.
    session = replace(session_settings(6.7), limits=replace(LIMITS, degraded_max_s=10.0))
    settings = ServerSettings("127.0.0.1", 0, access_rules("127.0.0.1", [], None), session, stop_wait_s=1.0)
    server = UdacityServer(lambda: FaultyPolicy, settings)
    stop_on_signals(server.request_stop)
    server.run()


if __name__ == "__main__":
    main()
