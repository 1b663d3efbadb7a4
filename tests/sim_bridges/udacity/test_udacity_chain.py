"""The chain rule, against a model of the simulator that counts what it sends."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from sim_bridges.udacity.chain import Chain, Verdict


@dataclass
class World:
    """A simulator and a server around a chain, in time steps of 10 ms.

    The simulator answers each event it hears with a telemetry after its own delay, unless it loses it; the
    server replies to the waiting telemetry after its own delay.
    """

    chain: Chain
    delay_s: float
    think_s: float
    now_s: float = 0.0
    to_server: list[float] = field(default_factory=list)
    reply_at_s: float | None = None
    replies: int = 0
    kept: int = 0
    paused: bool = False

    def run(self, duration_s: float, lose: int = 0) -> None:
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            self.now_s = round(self.now_s + 0.01, 6)
            arrived = [] if self.paused else [moment for moment in self.to_server if moment <= self.now_s]
            for moment in arrived:
                self.to_server.remove(moment)
                if lose:
                    lose -= 1
                    continue
                if self.chain.telemetry(self.now_s) is Verdict.ANSWER:
                    self.kept += 1
                    self.reply_at_s = self.now_s + self.think_s
            if (
                self.reply_at_s is not None
                and self.now_s >= self.reply_at_s
                and self.chain.may_reply(self.now_s)
            ):
                self.reply_at_s = None
                self.replies += 1
                self.chain.replied(self.now_s)
                self.to_server.append(self.now_s + self.delay_s)
            if self.chain.stalled(self.now_s):
                self.chain.restarted(self.now_s)
                self.to_server.append(self.now_s + self.delay_s)

    @property
    def chains(self) -> int:
        """Chains that are alive: telemetries under way, and the one that waits for its reply."""
        return len(self.to_server) + (self.reply_at_s is not None)


def world(starts: list[float], delay_s: float = 0.02, think_s: float = 0.0) -> World:
    return World(Chain(2), delay_s, think_s, to_server=list(starts))


delays = st.floats(0.01, 0.3)


@given(st.floats(0.0, 0.3), delays, st.floats(0.0, 0.2))
def test_two_start_telemetries_become_one_chain(apart_s, delay_s, think_s):
    simulator = world([0.01, 0.01 + apart_s], delay_s, think_s)
    simulator.run(8.0)
    assert simulator.chains == 1
    assert simulator.kept - simulator.replies in (0, 1)
    assert simulator.replies > 5


def test_the_second_start_telemetry_gets_no_reply():
    chain = Chain(2)
    assert chain.telemetry(0.0) is Verdict.ANSWER
    chain.replied(0.001)
    assert chain.telemetry(0.002) is Verdict.FOLD
    assert chain.telemetry(0.02) is Verdict.ANSWER


def test_the_second_start_telemetry_replaces_the_first_while_that_waits():
    chain = Chain(2)
    assert chain.telemetry(0.0) is Verdict.ANSWER
    assert chain.telemetry(0.001) is Verdict.REPLACE
    chain.replied(0.002)
    assert chain.telemetry(0.02) is Verdict.ANSWER


def test_a_telemetry_that_waits_for_its_reply_is_no_stall():
    chain = Chain(1)
    chain.telemetry(0.0)
    assert not chain.stalled(5.0)
    assert chain.alive(5.0)
    chain.replied(5.0)
    assert not chain.stalled(5.9)
    assert chain.stalled(6.0)


def test_a_modern_client_starts_with_one_telemetry():
    chain = Chain(1)
    assert chain.telemetry(0.0) is Verdict.ANSWER
    chain.replied(0.001)
    assert chain.telemetry(0.002) is Verdict.ANSWER


def test_a_lost_telemetry_stalls_the_chain_which_is_restarted_after_a_second():
    simulator = world([0.01, 0.02])
    simulator.run(1.0)
    before = simulator.replies
    simulator.run(0.1, lose=1)
    assert simulator.chains == 0
    simulator.run(0.8)
    assert simulator.chains == 0
    simulator.run(1.0)
    assert simulator.chains == 1
    assert simulator.replies > before + 5


def test_a_paused_simulator_has_one_chain_when_it_goes_on():
    """Restarts pile up during the pause and come back together; all but one have to be folded."""
    simulator = world([0.01, 0.02])
    simulator.run(1.0)
    simulator.paused = True
    simulator.run(20.0)
    assert simulator.chains > 2
    simulator.paused = False
    simulator.run(2.0)
    assert simulator.chains == 1
    before = simulator.replies
    simulator.run(1.0)
    assert simulator.replies > before + 20


def test_what_answers_the_restarts_is_joined_although_it_comes_piece_by_piece():
    chain = Chain(1)
    chain.telemetry(0.0)
    chain.replied(0.0)
    chain.restarted(1.0)
    chain.restarted(3.0)
    chain.telemetry(4.0)
    assert not chain.may_reply(4.05)
    chain.telemetry(4.08)
    assert not chain.may_reply(4.12)
    chain.telemetry(4.15)
    assert chain.may_reply(4.15)


def test_after_a_restart_the_reply_waits_a_little_longer_than_a_round_trip():
    chain = Chain(1)
    chain.telemetry(0.0)
    chain.replied(0.0)
    chain.telemetry(0.2)
    chain.replied(0.2)
    chain.restarted(1.2)
    chain.telemetry(1.3)
    assert not chain.may_reply(1.53)
    assert chain.may_reply(1.55)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["run", "pause", "lose"]), st.floats(0.1, 4.0)), max_size=8), delays
)
def test_whatever_happens_one_chain_is_left(happenings, delay_s):
    simulator = world([0.01, 0.02], delay_s)
    simulator.run(1.0)
    for kind, duration_s in happenings:
        simulator.paused = kind == "pause"
        simulator.run(duration_s, lose=1 if kind == "lose" else 0)
        simulator.paused = False
        simulator.run(9.0 if kind == "lose" else 2.0)
        assert simulator.chains == 1
        assert simulator.chain.alive(simulator.now_s)


def test_restarts_grow_rarer_while_nothing_answers():
    chain = Chain(2)
    chain.telemetry(0.0)
    chain.replied(0.0)
    restarts = []
    for step in range(3000):
        now_s = step / 100
        if chain.stalled(now_s):
            chain.restarted(now_s)
            restarts.append(now_s)
    assert restarts == [1.0, 3.0, 7.0, 15.0, 23.0]
    assert not chain.alive(30.0)


def test_nothing_is_restarted_before_the_first_telemetry():
    assert not Chain(2).stalled(100.0)
    assert not Chain(2).alive(100.0)
