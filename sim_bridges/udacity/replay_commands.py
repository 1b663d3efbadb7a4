"""The commands that drive along recordings: one against any server, one that measures a policy."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
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
from controller.runtime import RuntimeChoice
from sim_bridges.plots import check_picture
from sim_bridges.udacity.address import simulator_url
from sim_bridges.udacity.commands import SIMULATOR_PORT
from sim_bridges.udacity.policies import SHIPPED_WEIGHTS

if TYPE_CHECKING:
    from models.preprocessing import Preprocessing
    from sim_bridges.udacity.recording import Recording
    from sim_bridges.udacity.replay.direct import OnFrame
    from sim_bridges.udacity.replay.options import DriveOptions
    from sim_bridges.udacity.replay.trip import Image, Trip

RecordingOption = Annotated[
    Path, typer.Option("--recording", metavar="DIR", help="Folder with driving_log.csv and IMG.")
]
Rows = Annotated[str, typer.Option(help="Rows A:B of the recording to drive along, like a slice.")]
StartOffset = Annotated[
    float,
    typer.Option(min=-3.0, max=3.0, help="Start so many metres to the right of the recorded line."),
]
StartHeading = Annotated[
    float, typer.Option(min=-45.0, max=45.0, help="Start turned to the right by so many degrees.")
]
Noise = Annotated[float, typer.Option(min=0.0, max=255.0, help="Camera noise, standard deviation of 255.")]
Brightness = Annotated[float, typer.Option(min=0.0, max=4.0, help="Factor on the camera's values.")]
Shadow = Annotated[float, typer.Option(min=0.0, max=1.0, help="How dark shadows on the ground are.")]
Latency = Annotated[float, typer.Option("--latency-ms", min=0.0, max=1000.0, help="Delay of each command.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of shadows, noise and left out frames.")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Draw ways and steering into this picture.")]
VideoFile = Annotated[Path | None, typer.Option(help="Film the drive into this .gif or .mp4 file.")]


def simulate(
    recording: RecordingOption,
    url: Annotated[str, typer.Option(help="The server that drives.")] = simulator_url(SIMULATOR_PORT),
    rows: Rows = ":",
    start_speed: Annotated[float, typer.Option(min=0.0, max=30.0, help="Speed at the start, in mph.")] = 0.0,
    start_offset: StartOffset = 0.0,
    start_heading: StartHeading = 0.0,
    drop_frames: DropFramesOption = 0.0,
    noise: Noise = 0.0,
    brightness: Brightness = 1.0,
    shadow: Shadow = 0.0,
    latency_ms: Latency = 0.0,
    seed: Seed = 0,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Let time stand still while the server thinks; not for one that watches the clock, as "
            "liquid-drive serve does.",
        ),
    ] = False,
    json_file: JsonOption = None,
    plot: PlotFile = None,
    video: VideoFile = None,
) -> None:
    """Stands in for the Udacity simulator: drives along a recording by the commands of any server.

    What the car's camera sees is made from the recorded frames. More than 3 m beside the recorded line or 45
    degrees off it, the car is put back: an intervention. In real time unless told otherwise.
    """
    from sim_bridges.udacity.replay.drives import by_server, drive_all
    from sim_bridges.udacity.replay.options import DriveOptions
    from sim_bridges.udacity.replay.report import report
    from sim_bridges.udacity.replay.stretches import read_part, stretches

    options = DriveOptions(
        start_speed_mph=start_speed,
        start_offset_m=start_offset,
        start_heading_deg=start_heading,
        drop_frames=drop_frames,
        noise=noise,
        brightness=brightness,
        shadow=shadow,
        latency_ms=latency_ms,
        seed=seed,
    )
    _check_outputs(json_file, plot, video)
    part = read_part(recording, rows)
    console = console_beside(json_file)
    with _showing(console, part, options, video, None) as on_frame:
        records = drive_all(stretches(part), options, by_server(url, options, on_frame, fast))
    asked = {
        "recording": recording.resolve().name,
        "rows": rows,
        "url": url,
        "fast": fast,
        **options.to_json(),
    }
    _finish(console, report(records, asked), records, json_file, plot)


def evaluate(
    recording: RecordingOption,
    weights: WeightsOption = SHIPPED_WEIGHTS,
    rows: Rows = ":",
    speed: Annotated[float, typer.Option(min=1.0, max=30.0, help="Speed on a straight road, in mph.")] = 15.0,
    start_offset: StartOffset = 0.0,
    start_heading: StartHeading = 0.0,
    drop_frames: DropFramesOption = 0.0,
    noise: Noise = 0.0,
    brightness: Brightness = 1.0,
    shadow: Shadow = 0.0,
    latency_ms: Latency = 0.0,
    seed: Seed = 0,
    fast: Annotated[
        bool, typer.Option("--fast", help="Without sockets, on simulated time, as fast as the machine can.")
    ] = False,
    json_file: JsonOption = None,
    plot: PlotFile = None,
    video: VideoFile = None,
    runtime: RuntimeOption = RuntimeChoice.AUTO,
) -> None:
    """Measures a policy as a driver along a recording of the Udacity simulator, in closed loop.

    Starts the service on a free port and drives by its commands in real time, from the set speed on. Besides,
    the policy's steering is compared with the recorded one frame by frame.
    """
    from controller.pixel_policy import PixelPolicy
    from controller.runtime import limit_threads, load_network
    from models.checkpoint import sha256_of
    from sim_bridges.udacity.dialect import MPS_PER_MPH
    from sim_bridges.udacity.replay.drives import by_policy, by_server, drive_all
    from sim_bridges.udacity.replay.open_loop import open_loop
    from sim_bridges.udacity.replay.options import DriveOptions
    from sim_bridges.udacity.replay.report import report
    from sim_bridges.udacity.replay.service import running_service
    from sim_bridges.udacity.replay.stretches import read_part, stretches
    from sim_bridges.udacity.settings import session_settings
    from sim_bridges.udacity.warm_up import warm_up

    options = DriveOptions(
        start_speed_mph=speed,
        start_offset_m=start_offset,
        start_heading_deg=start_heading,
        drop_frames=drop_frames,
        noise=noise,
        brightness=brightness,
        shadow=shadow,
        latency_ms=latency_ms,
        seed=seed,
    )
    _check_outputs(json_file, plot, video)
    part = read_part(recording, rows)
    limit_threads(1)
    network = load_network(weights, runtime)
    sha256 = sha256_of(weights)
    policy = PixelPolicy(network)
    warm_up(policy)
    settings = session_settings(speed * MPS_PER_MPH)
    console = console_beside(json_file)
    with contextlib.ExitStack() as stack:
        on_frame = stack.enter_context(
            _showing(console, part, options, video, network.manifest.preprocessing)
        )
        if fast:
            drive_one = by_policy(policy, settings, options, on_frame)
        else:
            url = stack.enter_context(running_service(weights, runtime, settings))
            drive_one = by_server(url, options, on_frame)
        records = drive_all(stretches(part), options, drive_one)
    asked = {
        "recording": recording.resolve().name,
        "weights": weights.name,
        "rows": rows,
        "speed_mph": speed,
        "fast": fast,
    }
    results = report(records, asked | options.to_json())
    results |= {
        "policy": network.manifest.name,
        "sha256": sha256,
        "runtime": policy.runtime.value,
        "open_loop": asdict(open_loop(policy, part)),
    }
    _finish(console, results, records, json_file, plot)


def _check_outputs(json_file: Path | None, plot: Path | None, video: Path | None) -> None:
    """Refuses, before the work is done, places where its results cannot be written."""
    from sim_bridges.video import check_video

    if video:
        check_video(video)
    check_results(json_file)
    if plot:
        check_picture(plot)


@contextlib.contextmanager
def _showing(
    console: Console,
    part: "Recording",
    options: "DriveOptions",
    video: Path | None,
    preprocessing: "Preprocessing | None",
) -> "Iterator[OnFrame]":
    """Shows how far the drives are, and films them if there is to be a film."""
    from sim_bridges.udacity.replay.film import filming_drives

    frame_s = options.pacing.frame_s
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        filming_drives(video, frame_s, preprocessing) if video else contextlib.nullcontext() as film,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars,
    ):
        task = bars.add_task("Driving", total=len(part))
        driven = 0
        current: Trip | None = None

        def show(image: "Image", trip: "Trip") -> None:
            nonlocal driven, current
            if trip is not current:
                driven += len(current.world.scene.path) if current else 0
                current = trip
            put_back = len(trip.world.interventions)
            text = f"Driving, {trip.world.place.distance_m:.0f} m, {put_back} interventions"
            bars.update(task, completed=driven + trip.world.place.index, description=text)
            if film:
                film.show(image, trip)

        yield show
    if video:
        console.print(f"Video: {video}", markup=False, soft_wrap=True)


def _finish(
    console: Console, results: dict[str, Any], records: Any, json_file: Path | None, plot: Path | None
) -> None:
    """Writes what was asked for and prints the results."""
    write_and_show(json_file, results, lambda: _print(console, results))
    if plot:
        from sim_bridges.udacity.replay.plots import plot as draw

        draw(records, plot)
        console.print(f"Plot: {plot}", markup=False, soft_wrap=True)


def _print(console: Console, results: dict[str, Any]) -> None:
    """Prints a column of scores for all stretches together and, where they are few, for each."""
    from sim_bridges.udacity.replay.plots import STRETCHES_MAX

    parts = {"all": results}
    if 1 < len(results["stretches"]) <= STRETCHES_MAX:
        parts |= {"rows {}:{}".format(*part["rows"]): part for part in results["stretches"]}
    table = Table()
    table.add_column("")
    for name in parts:
        table.add_column(name, justify="right")
    for name, write in _LINES.items():
        table.add_row(name, *(write(part) for part in parts.values()))
    console.print(table)
    if not results["finished"]:
        console.print("[red]The car got no further before the end, which counts as no autonomy at all.[/red]")
    if "open_loop" in results:
        errors = results["open_loop"]
        console.print(
            f"Steering against the recorded one: MSE {errors['mse']:.4f}, MAE {errors['mae']:.4f}, "
            f"R2 {errors['r2']:.2f}; predicting the mean: MSE {errors['mean_mse']:.4f}",
            soft_wrap=True,
        )


_LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    "autonomy": lambda part: f"{part['autonomy']:.1%}",
    "interventions": lambda part: f"{part['interventions']} ({part['interventions_per_km']:.2f} a km)",
    "distance, time": lambda part: f"{part['distance_m']:.0f} m, {part['elapsed_s']:.0f} s",
    "mean distance from the line": lambda part: f"{part['mean_distance_m']:.2f} m",
    "p95 of it": lambda part: f"{part['p95_distance_m']:.2f} m",
    "steering rate, RMS": lambda part: f"{part['steering_rate_rms']:.2f} /s",
    "the human's": lambda part: f"{part['human_steering_rate_rms']:.2f} /s",
    "steering jerk, RMS": lambda part: f"{part['steering_jerk_rms']:.2f} /s^2",
    "the human's ": lambda part: f"{part['human_steering_jerk_rms']:.2f} /s^2",
    "command after, p50": lambda part: f"{part['latency_ms']['p50']:.1f} ms",
    "p99": lambda part: f"{part['latency_ms']['p99']:.1f} ms",
}
