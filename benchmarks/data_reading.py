"""What it costs to train on images of one's own: memory against their number, and a step with data against one without.

    python -m benchmarks.data_reading --files 10000 100000 --records 10000 1000000

Memory: so many image files, each unlike all others, or so many images in record files, are trained on by `train.py`
with the default recipe, in a process of its own that finds files brought into one form already (the first start, which
does that, is told apart). "resident" is what the process holds while it trains, "peak" the most it ever held.

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

from aigc_tf import quiet
from aigc_tf.interruption import STOPPED_EARLY
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


def write_records(folder: Path, count: int, pixels: int) -> None:
    """Records of `count` grey images of chance, every tenth held out, as `data convert` would have made them."""
    quiet.import_tensorflow()
    from aigc_tf.datasets.records import row, shards

    random, shape = np.random.default_rng(0), (pixels, pixels, 1)
    places, digests = np.empty((count, 2), np.int64), np.empty((count, 16), np.uint8)
    folder.mkdir()
    writer = shards.ShardWriter(folder, count, shape)
    for number in range(count):
        image = random.integers(0, 256, shape, np.uint8)
        places[number] = writer.write(image.tobytes(), "", "test" if number % 10 == 0 else "train")
        digests[number] = np.frombuffer(row.digest(image), np.uint8)
    writer.close()
    is_test = np.arange(count) % 10 == 0
    rows = {
        split: shards.Rows(
            places[kept, 0].astype(np.int32), places[kept, 1], np.zeros(kept.sum(), np.int32), digests[kept]
        )
        for split, kept in (("train", ~is_test), ("test", is_test))
    }
    about = {"shape": shape, "class_names": [], "source": "chance", "licence": "CC0-1.0", "figures": {}}
    shards.finish(folder, rows, about)


def train(dataset: str, cache: Path, seconds: float) -> dict[str, float]:
    """Train for `seconds` from the first point of the curves on. Raises RuntimeError, with its output, if it fails."""
    with tempfile.TemporaryDirectory() as logs, open(Path(logs) / "output", "w+") as output:
        command = [
            *(sys.executable, "train.py", "--dataset", dataset, "--logs", logs, "--name", "run", "--steps", NEVER),
            *("--log-every", 10, "--sample-every", NEVER, "--histogram-every", NEVER, "--checkpoint-every", NEVER),
            *("--no-evaluate", "--no-export"),
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


def memory_of_folders(images: list[int], pixels: int, seconds: float) -> list[dict[str, float]]:
    """For each number of image files what the first start, and a training behind a later one, hold in memory."""
    points = []
    for count in images:
        with tempfile.TemporaryDirectory() as scratch:
            folder, cache = Path(scratch) / "images", Path(scratch) / "cache"
            write_images(folder, count, pixels)
            first, later = (train(f"folder:{folder}", cache, each) for each in (0, seconds))
        points.append({"images": count, **{f"first_{name}": value for name, value in first.items()}, **later})
        print(points[-1], flush=True)
    return points


def memory_of_records(images: list[int], pixels: int, seconds: float) -> list[dict[str, float]]:
    """The same for each number of images in record files, which need no first start."""
    points = []
    for count in images:
        with tempfile.TemporaryDirectory() as scratch:
            write_records(Path(scratch) / "records", count, pixels)
            points.append({"images": count, **train(f"records:{scratch}/records", Path(scratch) / "cache", seconds)})
        print(points[-1], flush=True)
    return points


def step_cost(count: int, pixels: int, batch: int, steps: int, turns: int) -> dict[str, Any]:
    """CPU milliseconds of a training step with data from the disk, from memory, and with no reading at all."""
    tf = quiet.import_tensorflow()
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
        os.environ["AIGC_TF_CACHE"] = str(Path(scratch) / "cache")
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


def page(folders: list[dict[str, float]], records: list[dict[str, float]], costs: list[dict[str, Any]]) -> str:
    """The figures for people."""
    text = "Memory and start of `train.py` by the number of images, grey and of one size. *First* is the start that "
    text += "brings files into one form; *training* is what is held while steps are made, *ratio* that to the first "
    text += "line's.\n"
    for title, points in (("files in folders", folders), ("images in records", records)):
        header = [title, "first start, s", "its peak, MB", "start, s", "peak, MB", "training, MB", "ratio"]
        rows = [
            [
                f"{point['images']:,}",
                *(f"{point[name]:,.0f}" if name in point else "" for name in _COLUMNS),
                f"{point['resident_mb'] / points[0]['resident_mb']:.2f}",
            ]
            for point in points
        ]
        text += f"\n{record.table(header, rows)}"
    header = ["images, batch", "nothing, ms", "memory, ms", "disk, ms", "memory, ratio", "disk, ratio"]
    rows = [
        [
            f"{cost['pixels']}x{cost['pixels']}x3, {cost['batch']}",
            *(f"{cost[f'{name}_ms']:.1f}" for name in ("none", "memory", "disk")),
            *(f"{cost[f'{name}_ratio']:.3f}" for name in ("memory", "disk")),
        ]
        for cost in costs
    ]
    text += (
        "\nCPU milliseconds of a step of the default recipe that reads nothing, rows from memory, and rows from the "
    )
    return text + f"disk; ratios to the first, medians over turns.\n\n{record.table(header, rows)}"


_COLUMNS = ("first_seconds_to_first_point", "first_peak_mb", "seconds_to_first_point", "peak_mb", "resident_mb")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000], help="images in folders")
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 1_000_000], help="images in records")
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
    folders = memory_of_folders(arguments.files, arguments.pixels, arguments.seconds)
    records = memory_of_records(arguments.records, arguments.pixels, arguments.seconds)
    costs = [
        step_cost(arguments.step_images, pixels, arguments.batch, arguments.steps, arguments.turns)
        for pixels in arguments.sizes
    ]
    text = page(folders, records, costs)
    print(text)
    figures = {"pixels": arguments.pixels, "files": folders, "records": records, "steps": costs}
    record.write("data_reading", "Memory and time of reading", around, figures, text, arguments.results)


if __name__ == "__main__":
    main()
