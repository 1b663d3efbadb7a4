"""What the service counts and times, for Prometheus."""

from itertools import permutations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from controller.safety import State

_LATENCY_BUCKETS_S = (
    0.0005,
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.02,
    0.03,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
)

DROPPED = ("replaced", "folded", "late")
FAILURES = ("broken", "policy", "deadline")
REFUSED = ("address", "name", "page", "full", "too many messages")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The service's metrics, in a registry of their own.

    Attributes:
        latency: Seconds by stage: `decode`, `policy`, and `total` from the arrival of a frame to its command.
        frames: Frames that got a command, by the state in which it was given.
        dropped: Frames that led to no command, by reason: `replaced` by a newer one, `folded` with a surplus
            chain, `late`: what the policy proposed came after the deadline had been answered.
        failures: Frames that got a command without a proposal, by kind: `broken`, `policy` or `deadline`.
        transitions: Changes of state.
        restarts: Restarts of a stalled telemetry chain.
        refused: Connections and messages that were refused, by reason.
        vehicles: Connected vehicles by state.
        chains: Telemetry chains that are alive.
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.latency = Histogram(
            "liquid_drive_latency_seconds",
            "Time by stage of a frame's way",
            ["stage"],
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.frames = Counter(
            "liquid_drive_frames", "Frames that got a command", ["state"], registry=registry
        )
        self.dropped = Counter(
            "liquid_drive_dropped_frames", "Frames that led to no command", ["reason"], registry=registry
        )
        self.failures = Counter(
            "liquid_drive_failures", "Frames without a proposal", ["kind"], registry=registry
        )
        self.transitions = Counter(
            "liquid_drive_transitions", "Changes of state", ["before", "after"], registry=registry
        )
        self.restarts = Counter(
            "liquid_drive_chain_restarts", "Restarts of a stalled chain", registry=registry
        )
        self.refused = Counter(
            "liquid_drive_refused", "Refused connections and messages", ["reason"], registry=registry
        )
        self.vehicles = Gauge("liquid_drive_vehicles", "Connected vehicles", ["state"], registry=registry)
        self.chains = Gauge("liquid_drive_chains", "Telemetry chains that are alive", registry=registry)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Makes the series of all known labels: Prometheus sees no rise where a series begins with 1."""
        for state in State:
            self.frames.labels(state.value)
        for before, after in permutations(State, 2):
            self.transitions.labels(before.value, after.value)
        for counter, labels in ((self.dropped, DROPPED), (self.failures, FAILURES), (self.refused, REFUSED)):
            for label in labels:
                counter.labels(label)

    def page(self) -> bytes:
        """Returns all metrics in the text form that Prometheus reads."""
        return generate_latest(self._registry)
