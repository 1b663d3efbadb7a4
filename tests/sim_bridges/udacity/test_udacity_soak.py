"""A short soak; the long one is `python -m tests.sim_bridges.udacity.soak`."""

import sys

import pytest

from tests.sim_bridges.udacity.soak import SURVIVORS, soak


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_faults_neither_end_the_process_nor_a_chain_nor_leave_the_envelope():
    outcome = soak(duration_s=10.0, reconnects=20)
    assert outcome.alive
    assert outcome.exit_code == 0
    assert outcome.chains_alive == SURVIVORS
    assert outcome.out_of_envelope == 0
    assert outcome.commands > 100
    assert outcome.memory_end_mib < outcome.memory_warm_mib + 40
