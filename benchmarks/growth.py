"""How the time of a training step and memory grow with the batch, the resolution and the data set.

    python -m benchmarks.growth

Each point is a process of its own: `train.py` with the default recipe on random images (benchmarks/any_size.py), with
everything on but grids, histograms and checkpoints on the way and what comes after training. The first of --batches,
--pixels and --images are what the others are varied from, one at a time. Points take turns, --turns times; figures are
medians over turns, spreads their extremes.

Steps count from the second point of the curves on, so graph building and start-up do not. Their time is CPU seconds of
the process over cores: on a busy machine the clock tells something else. Memory is what the process holds while it
trains ("resident"), and the most that it ever held ("peak", start-up included). Lines are fitted by least squares of
the relative deviation. The default network has one stage more for each doubling of the sides, of about the same cost
until channels reach their most, so a pixel of a larger image costs more: beside the line through all, see the one of a
single resolution. Writes growth.json, .md and .png to --results.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from aigc_tf.interruption import STOPPED_EARLY
from benchmarks import any_size, processes, record
from benchmarks.processes import CORES

ROOT = Path(__file__).parent.parent
NEVER = 10**9
_MOST_STEPS, _MOST_PIXELS = 48, 48 * 32 * 28**2  # between two points of the curves
_MEGABYTE = 10**6


@dataclasses.dataclass(frozen=True)
class Point:
    """Training with batches of `batch` images, from a data set of `images` of `pixels` x `pixels`, in grey."""

    batch: int
    pixels: int
    images: int

    @property
    def work(self) -> int:
        """Pixels of a batch."""
        return self.batch * self.pixels**2


def points(batches: list[int], sizes: list[int], images: list[int]) -> list[Point]:
    """The first of all three, and each of the others with the first of the other two."""
    varied = [
        *(Point(batch, sizes[0], images[0]) for batch in batches),
        *(Point(batches[0], pixels, images[0]) for pixels in sizes),
        *(Point(batches[0], sizes[0], number) for number in images),
    ]
    return list(dict.fromkeys(varied))


def measure(point: Point, data: Path, seconds: float) -> dict[str, float]:
    """Train for `seconds` by the clock once start-up is over. Raises RuntimeError, with its output, where it fails."""
    # Every fourth step has a penalty: each stretch holds as large a share of them.
    every = max(4, min(_MOST_STEPS, _MOST_PIXELS // point.work) // 4 * 4)
    with tempfile.TemporaryDirectory() as logs, open(Path(logs) / "output", "w+") as output:
        command = [
            *(*any_size.command(data, point.pixels), "--global-batch-size", point.batch),
            *("--steps", NEVER, "--sample-every", NEVER, "--histogram-every", NEVER, "--checkpoint-every", NEVER),
            *("--log-every", every, "--logs", logs, "--name", "run", "--no-evaluate", "--no-export"),
        ]
        process = subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=output, stderr=output)
        try:
            first, last, figures = _watch(process, Path(logs) / "run" / "metrics.jsonl", seconds)
        finally:
            process.kill()
            process.wait()
        if process.returncode != STOPPED_EARLY or last is first:
            output.seek(0)
            raise RuntimeError(f"train.py failed at {point} (exit {process.returncode}):\n{output.read()[-3000:]}")
    steps = every * (last.lines - first.lines)
    return {
        "step_ms": 1000 * (last.cpu_seconds - first.cpu_seconds) / CORES / steps,
        "step_ms_by_clock": 1000 * (last.clock - first.clock) / steps,
        "steps": steps,
        **figures,
    }


@dataclasses.dataclass(frozen=True)
class _Moment:
    """When so many points of the curves were first seen on the disk."""

    lines: int
    clock: float
    cpu_seconds: float


def _watch(process: subprocess.Popen, curves: Path, seconds: float) -> tuple[_Moment, _Moment, dict[str, float]]:
    """Wait for the process, ending it when it is time. Gives the moment from which steps count, and the last before its
    end (the same ones where it ended by itself), CPU seconds to the first point of the curves, and its memory."""
    moments, peak, resident, asked = [_Moment(0, time.monotonic(), 0.0)], 0, 0, False
    while process.poll() is None:
        lines = curves.read_text().count("\n") if curves.exists() else 0
        if lines > moments[-1].lines and not asked:
            moments.append(_Moment(lines, time.monotonic(), processes.cpu_seconds(process.pid)))
            if len(moments) > 3 and moments[-1].clock - moments[2].clock >= seconds:
                resident = processes.memory_bytes(process.pid, "VmRSS")
                process.send_signal(signal.SIGTERM)
                asked = True
        peak = max(peak, processes.memory_bytes(process.pid, "VmHWM"))
        time.sleep(0.01)
    start = moments[min(1, len(moments) - 1)].cpu_seconds
    first, last = (moments[2], moments[-1]) if asked else (moments[0], moments[0])
    memory = {"peak_mb": peak / _MEGABYTE, "resident_mb": resident / _MEGABYTE}
    return first, last, {"start_cpu_seconds": start, **memory}


def over_turns(point: Point, turns: list[dict[str, float]]) -> dict[str, Any]:
    """The point, medians of its turns, and the least and most of the step times."""
    medians = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    times = [turn["step_ms"] for turn in turns]
    return {**dataclasses.asdict(point), **medians, "step_ms_spread": [min(times), max(times)]}


def line(x: list[float], y: list[float]) -> dict[str, float] | None:
    """y = constant + slope * x, with R² and the largest |deviation| / y; None for fewer than two different x."""
    if len(set(x)) < 2:
        return None
    across, up = np.array(x, float), np.array(y)
    slope, constant = np.polyfit(across, up, 1, w=1 / up)
    deviations = up - (constant + slope * across)
    return {
        "constant": float(constant),
        "slope": float(slope),
        "r_squared": float(1 - np.sum(deviations**2) / np.sum((up - up.mean()) ** 2)),
        "largest_deviation": float(np.max(np.abs(deviations) / up)),
    }


def fits(rows: list[dict[str, Any]]) -> dict[str, dict[str, float] | None]:
    """Lines of step time in ms against a batch's pixels in thousands, of memory in MB and start-up in seconds against
    the images' own megabytes."""
    base = rows[0]
    series = {
        "batch": [row for row in rows if (row["pixels"], row["images"]) == (base["pixels"], base["images"])],
        "resolution": [row for row in rows if (row["batch"], row["images"]) == (base["batch"], base["images"])],
        "batch and resolution": [row for row in rows if row["images"] == base["images"]],
    }
    found = {}
    for name, of_series in series.items():
        thousands = [row["batch"] * row["pixels"] ** 2 / 1000 for row in of_series]
        found[f"step_ms by {name}"] = line(thousands, [row["step_ms"] for row in of_series])
    sizes = [row for row in rows if (row["batch"], row["pixels"]) == (base["batch"], base["pixels"])]
    megabytes = [row["images"] * row["pixels"] ** 2 / _MEGABYTE for row in sizes]
    for name in ("peak_mb", "resident_mb", "start_cpu_seconds", "step_ms"):
        found[f"{name} by data set"] = line(megabytes, [row[name] for row in sizes])
    return found


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        [
            *(row["batch"], row["pixels"], f"{row['images']:,}", f"{row['step_ms']:.2f}"),
            " to ".join(f"{end:.2f}" for end in row["step_ms_spread"]),
            *(f"{1e6 * row['step_ms'] / (row['batch'] * row['pixels'] ** 2):.0f}", f"{row['step_ms_by_clock']:.2f}"),
            *(f"{row['start_cpu_seconds']:.1f}", f"{row['resident_mb']:,.0f}", f"{row['peak_mb']:,.0f}"),
        ]
        for row in figures["points"]
    ]
    lines = [
        [name, *(f"{fit[key]:.4g}" for key in ("constant", "slope", "r_squared")), f"{fit['largest_deviation']:.0%}"]
        for name, fit in figures["fits"].items()
        if fit is not None
    ]
    return "\n".join(
        [
            f"Medians of {figures['turns']} turns. A step's time is CPU time over cores; MB are 10^6 bytes.\n",
            record.table(
                ["batch", "pixels a side", "images", "step ms", "spread", "ns a pixel", "step ms by the clock"]
                + ["start-up CPU s", "resident MB", "peak MB"],
                rows,
            ),
            "The network has one stage more for each doubling of the sides, so a pixel of a larger image costs more, "
            "until channels reach their most.\n",
            "Lines through these: step time against a batch's pixels in thousands; memory and the rest against the "
            "megabytes of the training images alone (a slope of 1 for memory is one copy of them).\n",
            record.table(["line", "constant", "slope", "R²", "largest deviation"], lines),
            "![Growth](growth.png)",
        ]
    )


def draw(figures: dict[str, Any], path: Path) -> None:
    """Step time against pixels in a batch, and memory against the data set's size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows, base = figures["points"], figures["points"][0]
    figure, (time_axis, memory_axis) = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for pixels in dict.fromkeys(row["pixels"] for row in rows):
        shown = [row for row in rows if row["pixels"] == pixels and row["images"] == base["images"]]
        work = [row["batch"] * pixels**2 for row in shown]
        time_axis.loglog(work, [row["step_ms"] for row in shown], "o", label=f"{pixels} x {pixels} pixels")
    if fit := figures["fits"]["step_ms by batch and resolution"]:
        work = sorted(row["batch"] * row["pixels"] ** 2 for row in rows)
        fitted = [fit["constant"] + fit["slope"] * each / 1000 for each in work]
        time_axis.loglog(work, fitted, "--", color="grey", label="a line (constant + slope x pixels)")
    time_axis.set(xlabel="pixels in a batch", ylabel="step: CPU ms / cores")
    sizes = [row for row in rows if (row["batch"], row["pixels"]) == (base["batch"], base["pixels"])]
    sizes.sort(key=lambda row: row["images"])
    numbers = [row["images"] for row in sizes]
    for name, label in (("peak_mb", "peak"), ("resident_mb", "resident while training")):
        memory_axis.loglog(numbers, [row[name] for row in sizes], "o-", label=label)
    own = [number * base["pixels"] ** 2 / _MEGABYTE for number in numbers]
    memory_axis.loglog(numbers, own, ":", color="grey", label="the images alone")
    memory_axis.set(xlabel="training images", ylabel="MB")
    for axis in (time_axis, memory_axis):
        axis.grid(alpha=0.3, which="both")
        axis.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.growth", description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--pixels", type=int, nargs="+", default=[28, 32, 64, 128], help="height and width")
    parser.add_argument("--images", type=int, nargs="+", default=[5_000, 20_000, 60_000, 250_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of training to measure, a point and turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    chosen = points(options.batches, options.pixels, options.images)
    turns: dict[Point, list[dict[str, float]]] = {point: [] for point in chosen}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.turns):
            for point in chosen:
                data = any_size.write(Path(folder), point.images, point.pixels)
                turns[point].append(measure(point, data, options.seconds))
                print(f"{point}: {turns[point][-1]}", flush=True)
    rows = [over_turns(point, turns[point]) for point in chosen]
    figures = {"turns": options.turns, "seconds": options.seconds, "points": rows, "fits": fits(rows)}
    record.write("growth", "Growth of training", around, figures, page(figures), options.results)
    draw(figures, options.results / "growth.png")
    print(page(figures))


if __name__ == "__main__":
    main()
