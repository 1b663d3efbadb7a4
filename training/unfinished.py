"""The network of an unfinished training, in one file from epoch to epoch: killed anywhere, it goes on."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import keras

from models.errors import UserError
from models.files import replacing


def load_unfinished(path: Path) -> keras.Model | None:
    """Returns the network with its optimizer as an unfinished training left it, None where there is none.

    Raises:
        UserError: The file cannot be read.
    """
    if not path.exists():
        return None
    try:
        return keras.models.load_model(path)
    except (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read ({error}): delete it to begin anew.") from error


def keep_unfinished(network: keras.Model, path: Path) -> keras.callbacks.Callback:
    """Returns what writes the network and its optimizer into a `.keras` file after each epoch.

    It has to be the last of the callbacks, so that the others have seen the epoch too.
    """
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: save_whole(network, path))


def epochs_done(network: keras.Model, batches: int) -> int:
    """Returns how many epochs of so many batches a network has been trained for."""
    return int(network.optimizer.iterations) // batches


def follow(
    network: keras.Model, batches: keras.utils.PyDataset, advance: Callable[..., None]
) -> keras.callbacks.Callback:
    """Returns what keeps the epoch of batches in step with a resumed training, and shows the progress.

    Args:
        network: What is trained.
        batches: What it is trained on; its batches depend on its `epoch`.
        advance: Called for each batch, at the start with the number of those that were trained on before.
    """
    count = len(batches)
    return keras.callbacks.LambdaCallback(
        on_train_begin=lambda _: advance(epochs_done(network, count) * count),
        on_epoch_begin=lambda epoch, _: setattr(batches, "epoch", epoch),
        on_train_batch_end=lambda *_, **__: advance(),
    )


def save_whole(network: keras.Model, path: Path) -> None:
    """Writes a network as a `.keras` file; a reader sees all of it or none."""
    with replacing(path) as partial:
        network.save(partial)
