"""What labels cost: images per second of train.py with --conditional and without it, taking turns.

    python -m benchmarks.class_labels

Both train on the same random images of 28 pixels, of ten classes, with the defaults but for the network, and with all
that happens around the steps; judging and export, which come after training, are off. Turns and CPU seconds are those
of throughput.py, and so is a round of 1,000 steps of each, which has as many checkpoints and grids as any other.

Writes class_labels.json and .md to --results.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from aigc_tf.config import TrainConfig
from aigc_tf.families.gan.networks import NETWORKS
from benchmarks import any_size, record
from benchmarks.processes import CORES
from benchmarks.throughput import rates_of, running

_PIXELS, _NUM_IMAGES = 28, 4_000
_KINDS: dict[str, list[str]] = {"without": [], "with": ["--conditional"]}


def measure(network: str, batch: int, rounds: int, steps: int) -> dict[str, Any]:
    """Images per CPU second over cores of either kind in each round, and how many times the time labels took in it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command = any_size.command(any_size.write(folder, _NUM_IMAGES, _PIXELS), _PIXELS)
        flags = ["--network", network, "--global-batch-size", batch, "--steps", 10**9, "--no-evaluate", "--no-export"]
        commands = {
            kind: ([*command, *flags, *more, "--logs", folder, "--name", kind], folder / kind / "metrics.jsonl")
            for kind, more in _KINDS.items()
        }
        with running(commands, folder) as children:
            measured = rates_of(children, batch, rounds, steps)
    rates = {kind: found["images_per_cpu_second"] for kind, found in measured.items()}
    times = [round(without / labelled, 4) for without, labelled in zip(*rates.values(), strict=True)]
    print(f"{network}: {rates}, {times}", flush=True)
    return {"images_per_cpu_second": rates, "times_as_long": times}


def page(figures: dict[str, Any]) -> str:
    rows = []
    for network, found in figures["networks"].items():
        speeds = [f"{statistics.median(rates):,.0f}" for rates in found["images_per_cpu_second"].values()]
        times = found["times_as_long"]
        rows.append([network, *speeds, f"{statistics.median(times):.3f} [{min(times):.3f}, {max(times):.3f}]"])
    told = (
        f"Images per second of CPU time over {CORES} cores, batches of {figures['batch']}, {_PIXELS}x{_PIXELS} pixels "
        f"and ten classes; and how many times as long a step takes with labels. "
        f"Medians over rounds of {figures['steps_a_round']} steps of each, with the lowest and highest."
    )
    return f"{told}\n\n" + record.table(["network", "without labels", "with", "times as long"], rows)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.class_labels", description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=[TrainConfig().family.network])
    parser.add_argument("--batch", type=int, default=TrainConfig().global_batch_size)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1_000, help="of each in a round")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    networks = {name: measure(name, options.batch, options.rounds, options.steps) for name in options.networks}
    figures = {"batch": options.batch, "steps_a_round": options.steps, "networks": networks}
    record.write("class_labels", "What labels cost", around, figures, page(figures), options.results)
    print(page(figures))


if __name__ == "__main__":
    main()
