"""How fast a trained model makes images: from its checkpoint in this process, and as the export that is served.

    python -m benchmarks.sampling logs/RUN

Three ways, with the same weights, take turns in one process, at each of three batch sizes: the model's own `sample` as
evaluation calls it, and of the newest export, loaded by `tf.saved_model.load`, the signature `sample` and the signature
`serving_default`, which gives PNGs. No seed is asked for twice. A call ends when its answer lies in NumPy's memory.
CPU seconds are those of all threads: on a busy machine go by these. Writes sampling.json, .md and .png to --results.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_tf.command_line import guarded
from aigc_tf.quiet import import_tensorflow
from aigc_tf.rollout import versions
from aigc_tf.run_folder import RunFolder
from benchmarks import batching, record

BATCHES = (1, 64, 512)


def measure(run: RunFolder, seconds: float) -> dict[str, Any]:
    """What was measured, with a row a way and batch size. Raises UserError where `run` has no export, or lacks the
    checkpoint that it was made of."""
    base = run.export / run.read_config().data_name
    version = base / str(versions.existing(base)[-1])
    import_tensorflow()
    from aigc_tf import subjects

    export = subjects.of_export(version)
    model = subjects.of_run(run, export.step)
    ways = {
        "checkpoint, sample": _asking(model.signatures["sample"], "image"),
        "export, sample": _asking(export.signatures["sample"], "image"),
        "export, serving_default": _asking(export.signatures["serving_default"], "image_bytes"),
    }
    calls = batching.take_turns(ways, BATCHES, seconds)
    rows = [
        {
            "way": way,
            "batch": batch,
            "calls": len(each.seconds),
            "p50_ms": each.milliseconds(50),
            "p99_ms": each.milliseconds(99),
            "images_per_second": each.images_per_second,
            "cpu_ms_per_image": each.cpu_ms_per_image,
        }
        for (way, batch), each in calls.items()
    ]
    return {**batching.describe(version), "step": export.step, "rows": rows}


def _asking(signature: Callable[..., Any], output: str) -> Callable[[Any], Any]:
    return lambda seeds: signature(seed=seeds)[output].numpy()


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        [
            *(row["way"], row["batch"], f"{row['calls']:,}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}"),
            *(f"{row['images_per_second']:,.0f}", f"{row['cpu_ms_per_image']:.3f}"),
        ]
        for row in figures["rows"]
    ]
    header = ["way", "batch", "calls", "p50 ms", "p99 ms", "images/s", "CPU ms an image"]
    table = record.table(header, rows)
    return f"{figures['model']}; images per second are those of the median call:\n\n{table}\n![Sampling](sampling.png)"


def draw(figures: dict[str, Any], path: Path) -> None:
    """Speed and latency against the batch size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (speed, latency) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for way in dict.fromkeys(row["way"] for row in figures["rows"]):
        rows = [row for row in figures["rows"] if row["way"] == way]
        batches = [row["batch"] for row in rows]
        speed.loglog(batches, [row["images_per_second"] for row in rows], marker="o", label=way)
        (median,) = latency.loglog(batches, [row["p50_ms"] for row in rows], marker="o", label=f"{way}: p50")
        p99 = [row["p99_ms"] for row in rows]
        latency.loglog(batches, p99, "--", marker="v", color=median.get_color(), label=f"{way}: p99")
    speed.set(ylabel="images per second, by the clock")
    latency.set(ylabel="milliseconds a call")
    for axis in (speed, latency):
        axis.set(xlabel="batch", xticks=BATCHES, xticklabels=BATCHES)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.sampling", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder with an export")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of calls a way and batch size")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    figures = measure(RunFolder.open(options.run), options.seconds)
    record.write("sampling", "Sampling", around, figures, page(figures), options.results)
    draw(figures, options.results / "sampling.png")
    print(page(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(guarded(main))
