"""Whether our own policy's attention is worth its place at the wheel: the honest ablation, in closed loop."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sim_bridges.carracing.environment import STEP_LIMIT
from training.carracing.mirror import STRIP_SHARE
from training.carracing.recipe import PREPROCESSING
from training.carracing.trainer import command_loss
from training.experiments.driving import outputs
from training.experiments.driving.aggregate import BATCH_SIZE, Aggregate
from training.experiments.driving.cells import carry_out
from training.experiments.driving.contenders import DRIVERS, LAN_ELAPSED, LAN_TIMED, SIZE, WINDOW
from training.experiments.driving.film_study import FilmStudy, Rides
from training.experiments.driving.five_rounds import FiveRounds
from training.experiments.driving.paired import draw, paired_rows, score_name
from training.experiments.driving.recording import RecordedLaps
from training.experiments.models.attention import MEAN, SOFTMAX, SOFTMAX_TIMED
from training.experiments.scores import Metric
from training.experiments.study import Budget, Experiment

ABOUT = """\
Our own policy taken apart, at the wheel. All networks have its encoder and head, decide for each frame by
the newest eight (attention as well as recurrent networks, which begin each window anew), and learn from one
fixed set of drives of CarRacing: by the scripted expert with disturbances, by expert and shipped policy in
turns, and by that policy alone, always with the expert's advice, half of them with up to 85 % of their
frames lost. An epoch is 100 batches of 16 chunks of 24 frames, 25 where nobody drives and 300 for five
actions at the wheel. Weights are averaged over the last batches instead of chosen by epoch, and the
learning rate is chosen by the loss on drives of the same set that are not trained on, the validation loss.
Then each network drives 50 tracks that nothing was learnt or tuned on, the same for all, at each share of
lost frames, the same frames lost for all; while frames are lost the last command holds. Pictures are drawn
by the faster simulator whose frames and physics a test shows to be equal to the stock ones; a complete lap
scores 1000 - 0.1 x frames, and *laps* is the share of complete ones. The dashboard shows speed, wheel
speeds, steering angle and yaw rate: with it a single frame tells how the car moves, without it only frames
and their times do. The validation loss and the driving need not agree: there, a network can do well by
reading from its window what the driver is about to do, which nobody tells it at the wheel (causal
confusion, de Haan et al. 2019). "LAN, elapsed" has the layer of our policy, which besides reads the
interval before each frame as a feature; here the recurrent networks do, and those with a time code read the
time stamps. In the tables of differences a positive number says that "LAN, elapsed" scored more than the
model of the line, on the mean of its training seeds; ± is the standard error over the tracks. With five
actions the networks learn from a scripted expert that has those actions only, and from four rounds in which
a network of "LAN, elapsed" drove and the expert advised, so that all learn from where that one gets to; on
"held-out drives" they are measured on 20 further drives of these rounds, of which neither weights nor
learning rate has seen anything; "at the wheel" the same network trains twelve times as long and drives 100
tracks, dashboard visible. In Udacity's recording the networks learn a person's steering from one lap in
each direction; what was driven of a second one in the other direction (220 m) chooses the learning rate,
and in the first one (790 m) they are measured."""

FIRST_TRACK = 10_000
DROP_SHARES = (0.0, 0.5, 0.8)
PAIRED = Rides(range(FIRST_TRACK, FIRST_TRACK + 50), DROP_SHARES, STEP_LIMIT)
UNSEEN = Rides(range(FIRST_TRACK, FIRST_TRACK + 100), (0.0,), STEP_LIMIT)
STRIP_ROWS = round(PREPROCESSING.height * STRIP_SHARE)
BATCHES = 100
OPEN_LOOP_BATCHES = 25


def mean_score(drop_share: float, rides: dict[str, Any], _loss: float) -> float:
    """Returns the mean score of the rides with a share of lost frames."""
    return float(np.mean(rides[f"{drop_share:g}"]["scores"]))


def laps_share(drop_share: float, rides: dict[str, Any], _loss: float) -> float:
    """Returns the share of complete laps in percent."""
    return float(100 * np.mean(rides[f"{drop_share:g}"]["laps"]))


def validation_loss(_rides: dict[str, Any], loss: float) -> float:
    """Returns the loss on drives for validation."""
    return loss


def _ride_metrics(rides: Rides) -> tuple[Metric, ...]:
    scores = [Metric(score_name(d), partial(mean_score, d), False) for d in rides.drop_shares]
    laps = [Metric(f"laps (%) at {d:.0%} lost", partial(laps_share, d), False) for d in rides.drop_shares]
    return (*scores, *laps, Metric("validation loss", validation_loss))


def _closed_loop(protocol: str, contenders: Any, hidden_rows: int) -> FilmStudy:
    return FilmStudy(
        dataset="CarRacing",
        protocol=protocol,
        contenders=contenders,
        metrics=_ride_metrics(PAIRED),
        source=Aggregate(),
        head=outputs.command_head,
        loss=command_loss,
        command=outputs.as_it_is,
        rides=PAIRED,
        hidden_rows=hidden_rows,
        size=SIZE,
        window=WINDOW,
        batches=BATCHES,
    )


def _five_actions(protocol: str, contenders: Any, rides: Rides | None, batches: int) -> FilmStudy:
    open_loop = (
        Metric("accuracy (%)", outputs.right_actions, smaller_is_better=False),
        Metric("cross entropy", outputs.cross_entropy),
    )
    return FilmStudy(
        dataset="CarRacing with five actions",
        protocol=protocol,
        contenders=contenders,
        metrics=open_loop if rides is None else _ride_metrics(rides),
        source=FiveRounds(),
        head=outputs.action_head,
        loss=outputs.action_loss,
        command=outputs.likeliest,
        rides=rides,
        hidden_rows=0,
        size=SIZE,
        window=WINDOW,
        batches=batches,
    )


def _udacity(data: Path | None) -> FilmStudy:
    return FilmStudy(
        dataset="Udacity recording",
        protocol="steering on a held-out lap",
        contenders=DRIVERS,
        metrics=(
            Metric("MSE", outputs.mean_squared),
            Metric("MAE", outputs.mean_absolute),
            Metric("R2", outputs.explained, smaller_is_better=False),
        ),
        source=RecordedLaps(data),
        head=outputs.steering_head,
        loss=outputs.squared_error,
        command=outputs.as_it_is,
        rides=None,
        hidden_rows=0,
        size=SIZE,
        window=WINDOW,
        batches=OPEN_LOOP_BATCHES,
    )


def experiment(data: Path | None) -> Experiment:
    """Returns the experiment; `data` is the folder with the Udacity recording."""
    studies = (
        _closed_loop("dashboard hidden", DRIVERS, STRIP_ROWS),
        _closed_loop("dashboard visible", (LAN_ELAPSED, SOFTMAX, SOFTMAX_TIMED), 0),
        _five_actions("at the wheel", (LAN_ELAPSED,), UNSEEN, 3 * BATCHES),
        _five_actions("held-out drives", DRIVERS, None, OPEN_LOOP_BATCHES),
        _udacity(data),
    )
    return Experiment(
        "lane-keeping",
        ABOUT,
        studies,
        Budget(epochs=5, batch_size=BATCH_SIZE, rates=(1e-3, 3e-3), tuning_epochs=2),
        ((LAN_ELAPSED.name, (MEAN.name, SOFTMAX.name)), (LAN_TIMED.name, (SOFTMAX_TIMED.name,))),
        plots=(("lost-frames", partial(draw, DROP_SHARES)),),
        carry_out=carry_out,
        further=paired_rows,
    )
