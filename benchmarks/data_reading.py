"""What it costs to train on images of one's own: memory against their number, and a step with data against one without.

    python -m benchmarks.data_reading --images 10000 1000000

Memory: a folder of so many image files, each unlike all others, is trained on by `train.py` with the default recipe, in
a process of its own that finds the images brought into one form already (the first reading is a process before it,
which is told apart). "resident" is what the process holds while it trains, "peak" the most it ever held.

A step: the default recipe, with batches from records on the disk, with the same from memory, and with one batch that is
there already, over and over; in one process, in turn, --turns times. CPU seconds of the process, so that reading counts
on whatever thread it is done; medians over the turns. Writes data_reading.json and .md to --results.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aigc_tf.command_line import STOPPED_EARLY
from benchmarks import processes, record

ROOT = Path(__file__).parent.parent
NEVER = 10**9
_MEGABYTE = 10**6
_IN_A_FOLDER = 100_000


def write_images(folder: Path, count: int, pixels: int) -> None:
    """`count` grey BMP files of `pixels` x `pixels`, each unlike all others, up to 100,000 in a folder."""
    random = np.random.default_rng(0)
    width = -(-pixels // 4) * 4  # lines of a BMP fill whole words
    black = io.BytesIO()
    Image.new("L", (pixels, pixels)).save(black, "bmp")
    head = black.getvalue()[: -width * pixels]
    for number in range(count):
        path = folder / f"{number // _IN_A_FOLDER}" / f"{number}.bmp"
        if number % _IN_A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(head + random.bytes(width * pixels))


def train(folder: Path, pixels: int, cache: Path, seconds: float) -> dict[str, float]:
    """Train for `seconds` from the first point of the curves on. Raises RuntimeError, with its output, if it fails."""
    with tempfile.TemporaryDirectory() as logs, open(Path(logs) / "output", "w+") as output:
        command = [
            *(sys.executable, "train.py", "--dataset", f"folder:{folder}", "--image-size", pixels, "--logs", logs),
            *(
                "--name",
                "run",
                "--steps",
                NEVER,
                "--log-every",
                10,
                "--sample-every",
                NEVER,
                "--histogram-every",
                NEVER,
            ),
            *("--checkpoint-every", NEVER, "--no-evaluate", "--no-export"),
        ]
        environment = {**os.environ, "AIGC_TF_CACHE": str(cache)}
        began = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdout=output, stderr=output, env=environment
        )
        curves, first, peak, resident = Path(logs) / "run" / "metrics.jsonl", 0.0, 0, 0
        try:
            while process.poll() is None:
                if not first and curves.exists() and curves.stat().st_size:
                    first = time.monotonic()
                peak = max(peak, processes.memory_bytes(process.pid, "VmHWM"))
                if first and not resident and time.monotonic() - first > seconds:
                    resident = processes.memory_bytes(process.pid, "VmRSS")
                    process.send_signal(signal.SIGTERM)
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        if process.returncode != STOPPED_EARLY or not resident:
            output.seek(0)
            raise RuntimeError(f"train.py failed (exit {process.returncode}):\n{output.read()[-3000:]}")
    return {
        "seconds_to_first_point": first - began,
        "peak_mb": peak / _MEGABYTE,
        "resident_mb": resident / _MEGABYTE,
    }


def memory(images: list[int], pixels: int, seconds: float) -> list[dict[str, float]]:
    """For each number of images what the first reading, and a training after it, hold in memory."""
    points = []
    for count in images:
        with tempfile.TemporaryDirectory() as scratch:
            folder, cache = Path(scratch) / "images", Path(scratch) / "cache"
            write_images(folder, count, pixels)
            reading = train(folder, pixels, cache, 0)
            training = train(folder, pixels, cache, seconds)
            size = sum(path.stat().st_size for path in cache.rglob("*.tfrecord"))
        points.append(
            {
                "images": count,
                "records_mb": size / _MEGABYTE,
                "first_start_seconds": reading["seconds_to_first_point"],
                "first_peak_mb": reading["peak_mb"],
                "start_seconds": training["seconds_to_first_point"],
                "peak_mb": training["peak_mb"],
                "resident_mb": training["resident_mb"],
            }
        )
        print(points[-1], flush=True)
    return points


def step_cost(count: int, pixels: int, batch: int, steps: int, turns: int) -> dict[str, Any]:
    """CPU milliseconds of a training step with data from the disk, from memory, and with no reading at all."""
    from aigc_tf.quiet import import_tensorflow

    tf = import_tensorflow()
    from aigc_tf.config import TrainConfig
    from aigc_tf.datasets import loading
    from aigc_tf.datasets.data_config import DataConfig
    from aigc_tf.datasets.pipeline import batches
    from aigc_tf.datasets.records import record_dataset
    from aigc_tf.families import FAMILIES

    # As train.py has it.
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options({"remapping": False})
    tf.keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "images.npz"
        np.savez(file, images=np.random.default_rng(0).integers(0, 256, (count, pixels, pixels, 3), np.uint8))
        data = {}
        for name, limit in (("memory", NEVER * NEVER), ("disk", 0)):
            record_dataset.IN_MEMORY = limit
            data[name] = loading.load(DataConfig(dataset=f"npz:{file}"))
        streams = {name: batches(each, "train", batch, 0) for name, each in data.items()}
        streams["none"] = tf.data.Dataset.from_tensors(next(iter(streams["disk"]))).repeat()
        config = TrainConfig.of(global_batch_size=batch)
        model = FAMILIES[config.model].create(data["disk"].spec, config)
        model.make_train_function(force=True)
        iterators = {name: iter(stream) for name, stream in streams.items()}
        found: dict[str, list[float]] = {name: [] for name in streams}
        for turn in range(turns + 1):
            for name, iterator in iterators.items():
                began = time.process_time()
                for _ in range(steps):
                    model.train_function(iterator)
                if turn:  # the first one builds the graph
                    found[name].append(1000 * (time.process_time() - began) / steps)
    medians = {name: statistics.median(each) for name, each in found.items()}
    return {
        "images": count,
        "pixels": pixels,
        "batch": batch,
        **{f"{name}_ms": each for name, each in medians.items()},
        # Of each turn, since the machine may be faster in one than in another.
        "disk_ratio": statistics.median(one / other for one, other in zip(found["disk"], found["none"])),
        "memory_ratio": statistics.median(one / other for one, other in zip(found["memory"], found["none"])),
    }


def page(points: list[dict[str, float]], costs: list[dict[str, Any]], pixels: int) -> str:
    """The figures for people."""
    rows = [
        [
            f"{point['images']:,}",
            f"{point['records_mb']:,.0f}",
            f"{point['first_start_seconds']:,.0f}",
            f"{point['first_peak_mb']:,.0f}",
            f"{point['start_seconds']:,.0f}",
            f"{point['peak_mb']:,.0f}",
            f"{point['resident_mb']:,.0f}",
            f"{point['resident_mb'] / points[0]['resident_mb']:.2f}",
        ]
        for point in points
    ]
    header = [
        "images",
        "on the disk, MB",
        "first start, s",
        "its peak, MB",
        "start, s",
        "peak, MB",
        "training, MB",
        "ratio",
    ]
    cost_rows = [
        [
            f"{cost['pixels']}x{cost['pixels']}x3, batch {cost['batch']}",
            *(f"{cost[f'{name}_ms']:.1f}" for name in ("none", "memory", "disk")),
            f"{cost['memory_ratio']:.3f}",
            f"{cost['disk_ratio']:.3f}",
        ]
        for cost in costs
    ]
    cost_header = ["images", "no reading, ms", "memory, ms", "disk, ms", "memory, ratio", "disk, ratio"]
    return (
        f"A folder of grey {pixels}x{pixels} files. The first start brings them into one form; sets of up to 256 MB "
        f"are then held in memory, larger ones are read row by row.\n\n{record.table(header, rows)}\n"
        "A training step in CPU milliseconds, with the default recipe; ratios are to a step that reads nothing, "
        f"medians over turns.\n\n{record.table(cost_header, cost_rows)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--pixels", type=int, default=28)
    parser.add_argument("--seconds", type=float, default=20.0, help="of training, for memory")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64], help="sides of the images of steps")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--step-images", type=int, default=5_000)
    parser.add_argument("--steps", type=int, default=20, help="in a turn")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    arguments = parser.parse_args()
    around = record.circumstances()
    points = memory(arguments.images, arguments.pixels, arguments.seconds)
    costs = [
        step_cost(arguments.step_images, pixels, arguments.batch, arguments.steps, arguments.turns)
        for pixels in arguments.sizes
    ]
    text = page(points, costs, arguments.pixels)
    print(text)
    figures = {"memory": points, "steps": costs}
    record.write("data_reading", "Memory and time of reading", around, figures, text, arguments.results)


if __name__ == "__main__":
    main()
