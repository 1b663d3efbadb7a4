"""The commands that drive CarRacing: one to watch, one to measure."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.command_line import (
    DropFramesOption,
    JsonOption,
    RuntimeOption,
    WeightsOption,
    check_results,
    console_beside,
    write_and_show,
)
from controller.runtime import RuntimeChoice, manifest_of
from models.checkpoint import SHIPPED, beside
from models.errors import UserError
from models.files import check_writable
from sim_bridges.carracing.episode import Episode

SHIPPED_WEIGHTS = SHIPPED / "carracing-lan.weights.h5"
MOST_EPISODES = 100_000
SEED_HELP = "Seed of the first track; the others follow. The shipped policy has seen none below 100000."


def carracing(
    episodes: Annotated[int, typer.Option(min=1, max=MOST_EPISODES, help="Number of tracks to drive.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help=SEED_HELP)] = 10_000,
    weights: WeightsOption = SHIPPED_WEIGHTS,
    drop_frames: DropFramesOption = 0.0,
    video: Annotated[Path | None, typer.Option(help="Write the drive to this .gif or .mp4 file.")] = None,
    render: Annotated[bool, typer.Option("--render", help="Show the drive in a window.")] = False,
    json_file: JsonOption = None,
    runtime: RuntimeOption = RuntimeChoice.AUTO,
) -> None:
    """Drives CarRacing tracks and shows score, laps, frames and control latency.

    A complete lap scores 1000 - 0.1 x frames. The policy sees pixels and time stamps, nothing else.
    """
    from controller.pixel_policy import load_policy_factory
    from sim_bridges.carracing.environment import (
        FRAMES_PER_SECOND,
        CarRacing,
        check_window,
        make_environment,
    )
    from sim_bridges.carracing.evaluation import Evaluation, report
    from sim_bridges.video import filming

    if render and video:
        raise UserError("Gymnasium shows a window or makes pictures, not both: use --render or --video.")
    if render:
        check_window()
    manifest = manifest_of(weights)
    policy = load_policy_factory(weights, runtime)()
    evaluation = Evaluation(weights, episodes, seed, drop_frames, policy.runtime)
    check_results(json_file)
    console = console_beside(json_file)
    with filming(video, FRAMES_PER_SECOND) if video else nullcontext() as film:
        environment = make_environment(render_mode="human" if render else "rgb_array" if film else None)
        car = CarRacing(environment, drop_frames)
        driven = [_drive_shown(console, car, policy, track, film) for track in evaluation.seeds]
        environment.close()
        results = report(evaluation, manifest, driven)
        write_and_show(json_file, results, lambda: _show_summary(console, results))
    if video:
        console.print(f"Video: {video}", markup=False, soft_wrap=True)


def evaluate(
    episodes: Annotated[int, typer.Option(min=1, max=MOST_EPISODES, help="Number of tracks to drive.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help=SEED_HELP)] = 10_000,
    weights: WeightsOption = SHIPPED_WEIGHTS,
    drop_frames: DropFramesOption = 0.0,
    json_file: JsonOption = None,
    update_manifest: Annotated[
        bool, typer.Option("--update-manifest", help="Note the scores in the weights' manifest.")
    ] = False,
    runtime: RuntimeOption = RuntimeChoice.AUTO,
) -> None:
    """Scores a policy on CarRacing tracks, on every core, in the stock environment."""
    from controller.pixel_policy import load_policy_factory
    from sim_bridges.carracing.evaluation import Evaluation, note_scores, report
    from sim_bridges.carracing.evaluation import evaluate as drive_all

    manifest = manifest_of(weights)
    # Loaded here first, so that what is wrong is said before any process starts.
    runs_on = load_policy_factory(weights, runtime)().runtime
    evaluation = Evaluation(weights, episodes, seed, drop_frames, runs_on)
    console = console_beside(json_file)
    driven: list[Episode] = []
    check_results(json_file)
    if update_manifest:
        check_writable(beside(weights, ".json"))
    with Progress(console=console) as bars:
        task = bars.add_task("Driving", total=episodes)
        for episode in drive_all(evaluation):
            driven.append(episode)
            mean = np.mean([e.score for e in driven])
            bars.update(task, advance=1, description=f"Driving, mean so far {mean:.1f}")
    results = report(evaluation, manifest, driven)
    write_and_show(json_file, results, lambda: _show_summary(console, results))
    if update_manifest:
        note_scores(evaluation, manifest, driven)


def _drive_shown(console: Console, car: Any, policy: Any, track: int, film: Any) -> Episode:
    """Drives one track with its score on the screen, and its pictures in the film if there is one."""
    from sim_bridges.carracing.episode import drive

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(f"Track {track}")
        frame = 0

        def follow(score: float) -> None:
            nonlocal frame
            frame += 1
            bars.update(task, description=f"Track {track}  frame {frame}  score {score:.0f}")
            if film and frame % film.stride == 0:
                film.add(car.environment.render())

        episode = drive(car, policy, track, follow)
    lap = f"lap in {episode.lap_s:.2f} s" if episode.lap_s else "no complete lap"
    console.print(
        f"Track {track}: score {episode.score:.1f}, {lap}, {episode.frames} frames, "
        f"{episode.tiles_visited_share:.1%} of the tiles, {_latency(episode.latencies_s)}",
        soft_wrap=True,
    )
    return episode


def _latency(latencies_s: list[float]) -> str:
    from sim_bridges.carracing.evaluation import percentiles_ms

    found = percentiles_ms(latencies_s)
    return f"command after {found['p50']:.1f} ms (p50), {found['p99']:.1f} ms (p99)"


def _show_summary(console: Console, results: dict[str, Any]) -> None:
    count = len(results["episodes"])
    table = Table(title=f"{count} episode{'s' if count > 1 else ''}")
    for heading in ("mean score", "std", "min", "complete laps", "p50", "p99"):
        table.add_column(heading, justify="right")
    table.add_row(
        f"{results['mean']:.1f}",
        f"{results['std']:.1f}",
        f"{results['min']:.1f}",
        f"{results['laps_share']:.0%}",
        f"{results['latency_ms']['p50']:.1f} ms",
        f"{results['latency_ms']['p99']:.1f} ms",
    )
    console.print(table)
