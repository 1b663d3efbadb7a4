"""When the simulated camera takes its frames, and when commands come."""

from dataclasses import dataclass

from sim_bridges.frame_loss import FrameLoss


@dataclass(frozen=True, slots=True)
class Pacing:
    """The rhythm of a drive.

    Attributes:
        frame_s: Least time between two frames; the simulator waits for the reply besides.
        drop_frames: Share of the frames, 0 to less than 1, that the simulator leaves out.
        latency_s: What each command comes late, besides the time that it takes anyway.
        seed: Seed of which frames are left out.
    """

    frame_s: float = 0.05
    drop_frames: float = 0.0
    latency_s: float = 0.0
    seed: int = 0


class Shutter:
    """Decides which frames are left out; the first one never is.

    Args:
        pacing: The rhythm.
    """

    def __init__(self, pacing: Pacing) -> None:
        self._loss = FrameLoss(pacing.drop_frames, pacing.seed)
        self._taken = False

    def takes(self) -> bool:
        """Says whether the next frame is taken."""
        dropped = self._taken and self._loss.next()
        self._taken = True
        return not dropped
