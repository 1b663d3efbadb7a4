"""How the shipped Udacity policy is made: every number that decides what the weights become."""

from dataclasses import dataclass, replace

from models.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(
    camera_height=160, camera_width=320, crop_top=55, crop_bottom=25, height=40, width=160
)
"""The road from a little above the horizon down to the bonnet, at half the camera's resolution."""

FILTERS = (24, 36, 48, 64)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Drives beside the recorded line, and a training on the way back to it.

    Attributes:
        seed: Seed of weights, drives and batches.
        drives: Short drives that start beside the recorded line.
        drive_frames: Frames of each.
        rounds: Most rounds of training; after each the network drives in closed loop.
        batches: Batches in a round.
        batch_size: Chunks in a batch.
        chunk_length: Frames in a chunk.
        learning_rate: Peak of the learning rate.
        patience: The training ends after so many rounds without a better score.
    """

    seed: int = 0
    drives: int = 1800
    drive_frames: int = 40
    rounds: int = 8
    batches: int = 250
    batch_size: int = 24
    chunk_length: int = 16
    learning_rate: float = 1e-3
    patience: int = 5

    def scaled(self, factor: float) -> "Recipe":
        """Returns a recipe with so many times the drives and batches, at least the fewest that make sense."""
        return replace(
            self,
            drives=max(self.batch_size, round(self.drives * factor)),
            batches=max(1, round(self.batches * factor)),
        )
