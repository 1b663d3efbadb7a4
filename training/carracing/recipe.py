"""How the shipped CarRacing policy is made: every number that decides what the weights become."""

from dataclasses import dataclass, replace

from models.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(camera_height=96, camera_width=96, height=64, width=64)

FIRST_TRACK = 100_000
"""Seed of the first track. Those under 10,000 tuned the expert; 10,000 to 10,999 are for evaluation."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Behavioural cloning of the expert, then rounds of DAgger, then a long training on all drives.

    Attributes:
        seed: Seed of weights, batches and tracks.
        demonstrations: Drives by the expert alone, with disturbances.
        drives: Drives of each DAgger round.
        expert_shares: For each DAgger round, the share of the time for which the expert drives.
        round_epochs: Epochs after the demonstrations and after each round but the last.
        final_epochs: Epochs after the last round.
        batches: Batches in an epoch.
        batch_size: Chunks in a batch.
        chunk_length: Frames in a chunk.
        learning_rate: Peak of the learning rate.
        validation_share: Share of each round's drives that is never trained on.
    """

    seed: int = 0
    demonstrations: int = 48
    drives: int = 50
    expert_shares: tuple[float, ...] = (0.3, 0.0, 0.0, 0.0, 0.0)
    round_epochs: int = 5
    final_epochs: int = 30
    batches: int = 100
    batch_size: int = 24
    chunk_length: int = 24
    learning_rate: float = 1e-3
    validation_share: float = 0.05

    def scaled(self, factor: float) -> "Recipe":
        """Returns a recipe with so many times the drives and epochs, at least the fewest that make sense."""
        return replace(
            self,
            demonstrations=max(2, round(self.demonstrations * factor)),
            drives=max(2, round(self.drives * factor)),
            round_epochs=max(1, round(self.round_epochs * factor)),
            final_epochs=max(1, round(self.final_epochs * factor)),
        )

    @property
    def rounds(self) -> int:
        """Number of rounds of driving, the demonstrations included."""
        return 1 + len(self.expert_shares)

    def expert_share(self, round_number: int) -> float:
        """Returns the share of the time for which the expert drives in a round; 1 in round 0."""
        return 1.0 if round_number == 0 else self.expert_shares[round_number - 1]

    def tracks(self, round_number: int) -> list[int]:
        """Returns the seeds of a round's tracks."""
        count = self.demonstrations if round_number == 0 else self.drives
        first = FIRST_TRACK * (1 + self.seed) + 1000 * round_number
        return list(range(first, first + count))

    def epochs(self, round_number: int) -> int:
        """Returns the number of epochs trained after a round."""
        return self.final_epochs if round_number == self.rounds - 1 else self.round_epochs
