"""How fast an export makes images in batches of each size: where the sizes in deploy/serving/batching.config come from.

    python -m benchmarks.batching logs/RUN/export/mnist/1

Calls the signature `serving_default` in this process, as a model server does. Writes batching.json and batching.md to
--results.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aigc_tf.quiet import import_tensorflow
from benchmarks import record

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclasses.dataclass(frozen=True)
class Calls:
    """Calls with batches of one size: `seconds` of each by the clock, CPU seconds of this process for all together."""

    batch: int
    seconds: list[float]
    cpu_seconds: float

    def milliseconds(self, percentile: float) -> float:
        """The time within which so many in a hundred calls were answered."""
        return 1000 * float(np.percentile(self.seconds, percentile))

    @property
    def images_per_second(self) -> float:
        """By the clock, at the median call."""
        return self.batch / float(np.median(self.seconds))

    @property
    def cpu_ms_per_image(self) -> float:
        return 1000 * self.cpu_seconds / (self.batch * len(self.seconds))


def take_turns(
    functions: Mapping[str, Callable[[Any], Any]], batches: Sequence[int], seconds: float
) -> dict[tuple[str, int], Calls]:
    """Calls by (name of the function, batch), about `seconds` of each pair in all, in turn so that a busy moment hits
    them all. Each function takes a tensor of seeds int64 [N], never the same ones twice."""
    import tensorflow as tf

    pairs = [(name, batch) for batch in batches for name in functions]
    for name, batch in pairs:
        functions[name](tf.range(batch, dtype=tf.int64))  # the first call of a size lays out its memory
    taken: dict[tuple[str, int], list[float]] = {pair: [] for pair in pairs}
    cpu, first_seed = dict.fromkeys(pairs, 0.0), 0
    until = time.monotonic() + seconds * len(pairs)
    while time.monotonic() < until:
        for name, batch in pairs:
            for _ in range(max(1, 64 // batch)):
                seeds = tf.range(first_seed, first_seed + batch, dtype=tf.int64)
                first_seed += batch
                begun, begun_cpu = time.perf_counter(), time.process_time()
                functions[name](seeds)
                taken[name, batch].append(time.perf_counter() - begun)
                cpu[name, batch] += time.process_time() - begun_cpu
    return {pair: Calls(pair[1], taken[pair], cpu[pair]) for pair in pairs}


def describe(export: Path) -> dict[str, str]:
    """What an export makes, and the hash of its weights."""
    card = json.loads((export / "assets.extra" / "model_card.json").read_text())
    recipe = card["recipe"]
    return {"model": f"{recipe['network']} on {recipe['dataset']}, {card['makes']}", "fingerprint": card["fingerprint"]}


def measure(export: Path, seconds: float) -> list[dict[str, float]]:
    """A row a batch size, from `seconds` of calls each."""
    tf = import_tensorflow()
    model = tf.saved_model.load(str(export))
    generate = model.signatures["serving_default"]
    calls = take_turns({"": lambda seeds: generate(seed=seeds)["image_bytes"].numpy()}, BATCHES, seconds)
    return [
        {
            "batch": each.batch,
            "calls": len(each.seconds),
            "median_ms": each.milliseconds(50),
            "p95_ms": each.milliseconds(95),
            "images_per_second": each.images_per_second,
            "cpu_ms_per_image": each.cpu_ms_per_image,
        }
        for each in calls.values()
    ]


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        [
            *(row["batch"], f"{row['median_ms']:.2f}", f"{row['p95_ms']:.2f}"),
            *(f"{row['images_per_second']:,.0f}", f"{row['cpu_ms_per_image']:.3f}"),
        ]
        for row in figures["rows"]
    ]
    table = record.table(["batch", "median ms", "p95 ms", "images/s", "CPU ms an image"], rows)
    return f"{figures['model']}:\n\n{table}"


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.batching", description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, help="folder of one version of an export")
    parser.add_argument("--seconds", type=float, default=6.0, help="seconds of calls a batch size")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    figures = {**describe(options.export), "rows": measure(options.export, options.seconds)}
    record.write("batching", "Batches of an export", around, figures, page(figures), options.results)
    print(page(figures))


if __name__ == "__main__":
    main()
