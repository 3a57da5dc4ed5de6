"""How fast an export makes images in batches of each size: where the sizes in deploy/serving/batching.config come from.

    python -m benchmarks.batching logs/RUN/export/mnist/1

Calls the signature `serving_default` in this process, as a model server does, and writes results/batching.json and
results/batching.md beside this file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from aigc_tf.quiet import import_tensorflow

import_tensorflow()
import tensorflow as tf  # noqa: E402

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
RESULTS = Path(__file__).parent / "results"


def measure(export: Path, seconds: float) -> list[dict[str, float]]:
    """A row a batch size, from `seconds` of calls each, the sizes in turn so that a busy moment hits them all."""
    model = tf.saved_model.load(str(export))
    generate = model.signatures["serving_default"]
    times: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for batch in BATCHES:
        generate(seed=tf.range(batch, dtype=tf.int64))  # the first call of a size lays out its memory
    until = time.monotonic() + seconds * len(BATCHES)
    cpu, first_seed = dict.fromkeys(BATCHES, 0.0), 0
    while time.monotonic() < until:
        for batch in BATCHES:
            for _ in range(max(1, 64 // batch)):
                seeds = tf.range(first_seed, first_seed + batch, dtype=tf.int64)
                first_seed += batch
                begun, begun_cpu = time.perf_counter(), time.process_time()
                generate(seed=seeds)["image_bytes"].numpy()
                times[batch].append(time.perf_counter() - begun)
                cpu[batch] += time.process_time() - begun_cpu
    return [
        {
            "batch": batch,
            "calls": len(times[batch]),
            "median_ms": 1000 * float(np.median(times[batch])),
            "p95_ms": 1000 * float(np.percentile(times[batch], 95)),
            "images_per_second": batch / float(np.median(times[batch])),
            "cpu_ms_per_image": 1000 * cpu[batch] / (batch * len(times[batch])),
        }
        for batch in BATCHES
    ]


def circumstances(export: Path) -> dict[str, Any]:
    """What the figures depend on."""
    card = json.loads((export / "assets.extra" / "model_card.json").read_text())
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    names = [line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "model": f"{card['recipe']['network']} on {card['recipe']['dataset']}, {card['makes']}",
        "fingerprint": card["fingerprint"],
        "processor": f"{os.cpu_count()} x {names[0] if names else platform.machine()}",
        "load_average": os.getloadavg()[0],
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
        "commit": subprocess.run(git, capture_output=True, text=True).stdout.strip() or None,
        "date": datetime.date.today().isoformat(),
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    facts = record["circumstances"]
    lines = [
        f"Made by `python -m benchmarks.batching` on {facts['date']} at commit {facts['commit']}: {facts['model']}; "
        f"{facts['processor']}; TensorFlow {facts['tensorflow']}; load average before it {facts['load_average']:.1f}.",
        "",
        "| batch | median ms | p95 ms | images/s | CPU ms an image |",
        "|---:|---:|---:|---:|---:|",
    ]
    for row in record["rows"]:
        lines.append(
            f"| {row['batch']} | {row['median_ms']:.2f} | {row['p95_ms']:.2f} | {row['images_per_second']:,.0f} "
            f"| {row['cpu_ms_per_image']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.batching", description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, help="folder of one version of an export")
    parser.add_argument("--seconds", type=float, default=6.0, help="seconds of calls a batch size")
    arguments = parser.parse_args()
    record = {"circumstances": circumstances(arguments.export), "rows": measure(arguments.export, arguments.seconds)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "batching.json").write_text(json.dumps(record, indent=2) + "\n")
    (RESULTS / "batching.md").write_text(table(record))
    print(table(record))


if __name__ == "__main__":
    main()
