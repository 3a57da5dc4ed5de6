"""What several workers cost on one machine: time, and bytes between them, against one that makes the same steps.

    unshare --net sh -c 'ip link set lo up && python -m benchmarks.scaling'

Workers are processes of `python -m aigc_tf.launch.local` with the default recipe on `mnist_5k`.
*Strong*: the batch of --batch images is divided among them; *weak*: each has a batch of its own of --batch / 3 images,
so that a step learns from more of them. Every case is trained twice, for --steps steps and for twice as many, and a
step is what the second costs more, over its steps: so starts do not count. Times are CPU seconds of all processes over
cores.

All workers share this machine's cores, so nothing here can be faster than one: what a step takes more than that of one
worker, with as many images, is what working together costs. Bytes are those that went over the loopback interface of
this network namespace, which all else must leave alone meanwhile: hence the first line. They stand beside what sums of
all gradients in a ring take: each of n workers sends 2 (n - 1) / n of what there is to add up (Patarasuk & Yuan 2009,
https://doi.org/10.1016/j.jpdc.2008.09.002). Writes scaling.json and .md to --results.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from aigc_tf.config import TrainConfig
from aigc_tf.datasets import loading
from aigc_tf.families import FAMILIES
from benchmarks import record
from benchmarks.processes import CORES
from benchmarks.start_up import whole

_DATASET = "mnist_5k"
_MOST = 3
_NEVER = 10**9


@dataclasses.dataclass(frozen=True)
class Case:
    """So many workers, and the images of a step of all of them."""

    workers: int
    batch: int


def alone(case: Case) -> Case:
    """One worker with as many images."""
    return Case(1, case.batch)


def cases(batch: int) -> dict[str, list[Case]]:
    """Of each kind of scaling, by the number of workers."""
    counts = range(1, _MOST + 1)
    return {
        "strong": [Case(count, batch) for count in counts],
        "weak": [Case(count, count * batch // _MOST) for count in counts],
    }


def measure(case: Case, steps: int) -> dict[str, float]:
    """Of one step. Raises RuntimeError, with what it said, where a training fails."""
    few, many = (_spent(case, count) for count in (steps, 2 * steps))
    spent = {name: (many[name] - few[name]) / steps for name in few}
    return {
        "cpu_milliseconds": 1000 * spent["cpu_seconds"] / CORES,
        "bytes": spent["bytes"],
    }


def gradient_bytes() -> int:
    """Of all gradients of a step, as float32."""
    config = TrainConfig(dataset=_DATASET)
    model = FAMILIES[config.model].create(loading.load(config).spec, config)
    trained = {name for names in model.trained.values() for name in names}
    return 4 * sum(weight.shape.num_elements() for name in trained for weight in getattr(model, name).trainable_weights)


def ring(workers: int, gradients: int) -> float:
    """Bytes that all workers together send in a step."""
    return 2 * (workers - 1) * gradients


def page(figures: dict[str, Any]) -> str:
    rows = []
    for kind, measured in figures["cases"].items():
        for row in measured:
            one = figures["alone"][row["batch"]]
            rows.append(
                [
                    f"{kind}, {row['workers']}",
                    row["batch"],
                    f"{row['cpu_milliseconds']:.0f}",
                    f"{row['cpu_milliseconds'] / one['cpu_milliseconds']:.2f}",
                    f"{row['bytes'] / 1e6:.2f}",
                    f"{ring(row['workers'], figures['gradient_bytes']) / 1e6:.2f}",
                ]
            )
    header = ["scaling, workers", "images", "CPU ms over cores", "times one worker's"]
    return (
        f"The default recipe on images of 28x28 pixels; its gradients are "
        f"{figures['gradient_bytes'] / 1e6:.2f} MB. Of one step, of all workers together:\n\n"
        + record.table([*header, "MB between them", "MB by the formula"], rows)
    )


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=96, help="images of a step, a multiple of 6")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    if options.batch % 6 or options.batch < 6:
        parser.error("--batch must be a multiple of 6, which divides evenly in every case")
    around = record.circumstances()
    wanted = cases(options.batch)
    measured: dict[Case, dict[str, Any]] = {}
    for case in dict.fromkeys(each for kind in wanted.values() for some in kind for each in (alone(some), some)):
        measured[case] = {**dataclasses.asdict(case), **measure(case, options.steps)}
        print(measured[case], flush=True)
    figures = {
        "steps": options.steps,
        "gradient_bytes": gradient_bytes(),
        "cases": {kind: [measured[case] for case in each] for kind, each in wanted.items()},
        "alone": {case.batch: row for case, row in measured.items() if case.workers == 1},
    }
    record.write("scaling", "Several workers on one machine", around, figures, page(figures), options.results)
    print(page(figures))


def _command(case: Case, steps: int) -> list[str]:
    flags: list[object] = ["--dataset", _DATASET, "--global-batch-size", case.batch, "--steps", steps]
    never = ("--sample-every", "--histogram-every", "--checkpoint-every", "--log-every")
    flags += [part for flag in never for part in (flag, _NEVER)] + ["--no-evaluate", "--no-export"]
    start = ["train.py"] if case.workers == 1 else ["-m", "aigc_tf.launch.local", "--workers", case.workers, "--"]
    return [str(part) for part in [*start, *flags]]


def _spent(case: Case, steps: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as logs:
        before = _sent()
        spent = whole([*_command(case, steps), "--logs", logs, "--name", "run"])
        return {**spent, "bytes": _sent() - before}


def _sent() -> int:
    """Bytes that went over the loopback interface so far."""
    for line in Path("/proc/self/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            return int(numbers.split()[8])
    raise RuntimeError("there is no loopback interface")


if __name__ == "__main__":
    main()
