"""One vehicle's session: from a frame to a command, within a deadline, whatever happens.

The session's methods run on the service's thread. Decoding and the policy run on the vehicle's own thread,
which a newer frame may find busy: a frame that waits gives way to it. Each submitted frame is answered
exactly once: with the policy's proposal, or without one when decoding or the policy fail or take too long.
The safety envelope has the last word on both.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from controller.interface import Command, Observation, Policy
from controller.logs import log
from controller.longitudinal import CruiseMemory, CruiseSettings, cruise
from controller.metrics import Metrics
from controller.recorder import RecordedFrame, Recorder
from controller.safety import (
    Event,
    Frame,
    HumanDrives,
    Memory,
    ResumeOrder,
    SafetyLimits,
    Silence,
    State,
    StopOrder,
    Unheard,
    advance,
)
from controller.worker import NewestItemWorker

RECORDER_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How every vehicle is driven.

    Attributes:
        limits: The safety envelope's limits.
        cruise: The speed to keep.
        deadline_s: Time after which a submitted frame is answered without the policy.
        silence_s: Time without a frame after which the vehicle counts as DEGRADED.
    """

    limits: SafetyLimits
    cruise: CruiseSettings
    deadline_s: float = 0.25
    silence_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Picture:
    """A camera frame.

    Attributes:
        image: RGB, uint8, shape `(height, width, 3)`.
        jpeg: The same as it came, for recordings.
    """

    image: NDArray[np.uint8]
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class VehicleFrame:
    """What a vehicle told at one moment.

    Attributes:
        received_s: When it came, on the monotonic clock.
        look: Returns the camera frame; runs on the vehicle's thread, and raises ValueError for a broken one.
        speed_mps: Measured speed; None where it could not be read.
        steering: Measured steering, -1 to 1; None where it could not be read.
    """

    received_s: float
    look: Callable[[], Picture]
    speed_mps: float | None = None
    steering: float | None = None


Answer = Callable[[Command], None]


@dataclass(frozen=True, slots=True)
class _Task:
    """A frame on its way through the vehicle's thread.

    Attributes:
        ticket: Which submitted frame's answer it leads to.
        frame: The frame.
        drive: Number of the drive that it belongs to; between two the policy forgets.
    """

    ticket: int
    frame: VehicleFrame
    drive: int


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the vehicle's thread made of a frame."""

    proposal: Command | None
    failure: str | None = None
    kind: str | None = None
    picture: Picture | None = None
    decode_s: float | None = None
    policy_s: float | None = None


@dataclass(slots=True)
class _Pending:
    """The frame that waits for its answer.

    Attributes:
        ticket: Its number.
        frame: The frame, or a newer one in its place.
        answer: Takes the command.
        deadline_s: When it is answered without the policy, also if a newer frame took its place.
    """

    ticket: int
    frame: VehicleFrame
    answer: Answer
    deadline_s: float


class VehicleSession:
    """Drives one vehicle.

    Args:
        vehicle: Name of the vehicle.
        policy: Its own policy, which may remember earlier frames.
        settings: How to drive.
        metrics: Where to count.
        post: Runs a function on the service's thread; may be called from any thread.
        recorder: Where to record, if anywhere.
        clock: Tells the time at which a command is given, on the clock of the frames; another one than the
            monotonic clock lets a simulation drive at its own time.
    """

    def __init__(
        self,
        vehicle: str,
        policy: Policy,
        settings: SessionSettings,
        metrics: Metrics,
        post: Callable[[Callable[[], None]], None],
        recorder: Recorder | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.vehicle = vehicle
        self._policy = policy
        self._settings = settings
        self._metrics = metrics
        self._post = post
        self._recorder = recorder
        self._clock = clock
        self._memory = Memory()
        self._cruise: CruiseMemory | None = None
        self._pending: _Pending | None = None
        self._tickets = 0
        self._drive = 1
        self._policys_drive = 0
        self._last_frame_s: float | None = None
        self.reason = "connected"
        self._worker = NewestItemWorker[_Task](self._work, f"vehicle-{vehicle}")

    @property
    def state(self) -> State:
        """State of the safety envelope."""
        return self._memory.state

    @property
    def command(self) -> Command:
        """The last command."""
        return self._memory.command

    @property
    def speed_mps(self) -> float | None:
        """The last speed that the vehicle told."""
        return self._memory.speed_mps

    @property
    def last_frame_s(self) -> float | None:
        """When the last frame was taken, on the session's clock."""
        return self._last_frame_s

    def silent(self, now_s: float) -> bool:
        """Says whether no frame has come for too long."""
        return self._last_frame_s is not None and now_s - self._last_frame_s >= self._settings.silence_s

    @property
    def stands(self) -> bool:
        """Whether the vehicle stopped and told so, or never told anything and so was never told to move."""
        if self._last_frame_s is None:
            return True
        stopped = (
            self.state in (State.STOPPING, State.FAULT) and self.command.gas == self.command.brake == 0.0
        )
        speed_mps = self._memory.speed_mps
        return stopped and speed_mps is not None and speed_mps <= self._settings.limits.standstill_mps

    @property
    def failed(self) -> bool:
        """Whether the vehicle stops or stands because of a failure, until the operator resumes."""
        return self._memory.failed

    @property
    def busy(self) -> bool:
        """Whether the vehicle's thread still runs; after `close`, a policy that hangs keeps it."""
        return self._worker.alive

    @property
    def recording(self) -> bool:
        """Whether the recording's files are open; after `close`, a slow disk keeps them so."""
        return self._recorder is not None and self._recorder.alive

    def submit(self, frame: VehicleFrame, answer: Answer) -> None:
        """Takes a frame; `answer` is called exactly once with its command, soon or at the deadline."""
        now_s = self._last_frame_s = self._clock()
        self._tickets += 1
        self._pending = _Pending(self._tickets, frame, answer, now_s + self._settings.deadline_s)
        self._worker.put(_Task(self._tickets, frame, self._drive))

    def renew(self, frame: VehicleFrame) -> None:
        """Puts a newer frame in the place of the submitted one, if that still waits; the answer stays one."""
        self._metrics.dropped.labels("replaced").inc()
        self._last_frame_s = self._clock()
        pending = self._pending
        if pending is not None and self._worker.replace(_Task(pending.ticket, frame, self._drive)):
            pending.frame = frame

    def answer_broken(self, received_s: float, failure: str) -> Command:
        """Returns the command for a frame that could not be read; it answers a submitted frame as well."""
        self._pending = None
        self._last_frame_s = self._clock()
        frame = VehicleFrame(received_s, _nothing_to_see)
        return self._decide(frame, _Outcome(None, failure, "broken"))

    def coast(self) -> Command:
        """Returns the command for a vehicle that is not heard any more: no gas, the wheels as they are."""
        self._cruise = None
        self._advance(Unheard())
        return self.command

    def human_drives(self) -> None:
        """Takes note that a human drives; a submitted frame is not answered any more."""
        self._pending = None
        self._last_frame_s = self._clock()
        self._cruise = None
        self._drive += 1
        self._advance(HumanDrives())

    def stop(self, reason: str, failed: bool = False) -> None:
        """Begins the minimum-risk manoeuvre with the next frame, maybe because the vehicle failed before."""
        self._advance(StopOrder(reason, failed))

    def resume(self, reason: str) -> None:
        """Lets a stopped vehicle drive again."""
        if self.state not in (State.STOPPING, State.FAULT):
            return
        self._drive += 1
        self._advance(ResumeOrder(reason))

    def tick(self, now_s: float) -> None:
        """Answers a frame whose deadline has passed, and notices silence."""
        pending = self._pending
        if pending is not None and now_s >= pending.deadline_s:
            failure = f"no answer from the policy within {self._settings.deadline_s:g} s"
            self._conclude(pending, _Outcome(None, failure, "deadline"))
        elif self.silent(now_s):
            self._advance(Silence("no frame came"))

    def close(self) -> None:
        """Ends the session; a submitted frame stays unanswered, the recording is completed."""
        self._pending = None
        self._worker.close()
        if self._recorder is not None:
            self._recorder.close()

    def wait_recorded(self, timeout_s: float) -> None:
        """Waits, for a bounded time, until the recording of a closed session is complete."""
        if self._recorder is not None:
            self._recorder.wait_closed(timeout_s)

    def _work(self, task: _Task) -> None:
        """Runs on the vehicle's thread."""
        outcome = self._look_and_propose(task)
        if self._recorder is not None:
            self._recorder.wait_written(RECORDER_WAIT_S)
        self._post(lambda: self._finish(task, outcome))

    def _look_and_propose(self, task: _Task) -> _Outcome:
        begin_s = time.monotonic()
        try:
            picture = task.frame.look()
        except Exception as error:
            return _Outcome(None, f"broken frame: {error}", "broken")
        decoded_s = time.monotonic()
        try:
            if task.drive != self._policys_drive:
                self._policy.reset()
                self._policys_drive = task.drive
            proposal = self._policy.act(
                Observation(picture.image, task.frame.received_s, task.frame.speed_mps)
            )
            proposal = Command(float(proposal.steering), float(proposal.gas), float(proposal.brake))
        except Exception as error:
            failure = f"the policy raised {type(error).__name__}: {error}"
            return _Outcome(None, failure, "policy", picture, decoded_s - begin_s)
        sound = all(map(math.isfinite, (proposal.steering, proposal.gas, proposal.brake)))
        return _Outcome(
            proposal,
            kind=None if sound else "policy",
            picture=picture,
            decode_s=decoded_s - begin_s,
            policy_s=time.monotonic() - decoded_s,
        )

    def _finish(self, task: _Task, outcome: _Outcome) -> None:
        if self._pending is None or self._pending.ticket != task.ticket:
            self._metrics.dropped.labels("late").inc()
        else:
            self._conclude(self._pending, outcome)

    def _conclude(self, pending: _Pending, outcome: _Outcome) -> None:
        self._pending = None
        pending.answer(self._decide(pending.frame, outcome))

    def _decide(self, frame: VehicleFrame, outcome: _Outcome) -> Command:
        """Lets the speed control and the safety envelope make a command of an outcome."""
        now_s = self._clock()
        proposal = self._with_pedals(frame, outcome.proposal)
        failure = outcome.failure or "the speed is unknown"
        self._advance(Frame(now_s, proposal, failure, frame.speed_mps, frame.steering))
        if self.state is not State.DRIVING:
            self._cruise = None
        self._count(outcome, now_s - frame.received_s)
        self._record(frame, outcome, now_s)
        return self.command

    def _with_pedals(self, frame: VehicleFrame, proposal: Command | None) -> Command | None:
        """Returns the proposal with the speed control's gas and brake."""
        if proposal is None or frame.speed_mps is None:
            return None
        steering = proposal.steering if np.isfinite(proposal.steering) else 0.0
        self._cruise, pedals = cruise(
            self._cruise, frame.received_s, frame.speed_mps, steering, self._settings.cruise
        )
        return replace(proposal, gas=pedals.gas, brake=pedals.brake)

    def _advance(self, event: Event) -> None:
        self._memory, transition = advance(self._memory, event, self._settings.limits)
        if transition is None:
            return
        cause = f": {self.reason}" if transition.after is State.FAULT else ""
        self.reason = transition.reason + cause
        self._metrics.transitions.labels(transition.before.value, transition.after.value).inc()
        bad = transition.after in (State.DEGRADED, State.STOPPING, State.FAULT)
        log(
            logging.WARNING if bad else logging.INFO,
            "state changed",
            vehicle=self.vehicle,
            before=transition.before.value,
            after=transition.after.value,
            reason=self.reason,
        )

    def _count(self, outcome: _Outcome, total_s: float) -> None:
        self._metrics.frames.labels(self.state.value).inc()
        self._metrics.latency.labels("total").observe(total_s)
        if outcome.decode_s is not None:
            self._metrics.latency.labels("decode").observe(outcome.decode_s)
        if outcome.policy_s is not None:
            self._metrics.latency.labels("policy").observe(outcome.policy_s)
        if outcome.kind is not None:
            self._metrics.failures.labels(outcome.kind).inc()

    def _record(self, frame: VehicleFrame, outcome: _Outcome, now_s: float) -> None:
        if self._recorder is None:
            return
        stages = {"decode": outcome.decode_s, "policy": outcome.policy_s, "total": now_s - frame.received_s}
        self._recorder.record(
            RecordedFrame(
                wall_time=datetime.now() - timedelta(seconds=now_s - frame.received_s),
                time_s=frame.received_s,
                jpeg=outcome.picture.jpeg if outcome.picture is not None else None,
                state=self.state.value,
                failure=outcome.failure,
                speed_mps=frame.speed_mps,
                steering=frame.steering,
                proposal=outcome.proposal,
                command=self.command,
                latency_ms={name: round(1e3 * s, 3) for name, s in stages.items() if s is not None},
            )
        )


def _nothing_to_see() -> Picture:
    raise ValueError("the frame has no image")
