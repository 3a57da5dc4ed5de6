"""Images per second of training: train.py with everything on, a bare loop in TensorFlow, and PyTorch, taking turns.

    python -m benchmarks.throughput [--torch-python PYTHON]

All three train the default networks with the default objective, optimizers, R1 and moving average, on random images of
28, 32 and 64 pixels:

- train.py      as a person runs it, with callbacks, TensorBoard, checkpoints and grids at their default intervals, and
                deterministic; only judging and export, which come after training, are off (any_size.py)
- bare loop     the same step by hand, with nothing around it (throughput_tensorflow.py)
- PyTorch       the same again, in the way that is quickest there (throughput_pytorch.py), with its memory kept

Each is a process of its own on all cores. They are started once a cell (a batch size and a resolution) and then run one
at a time, two seconds a turn, so that what else the machine does meets all of them alike; those whose turn it is not
are stopped (SIGSTOP) and cost nothing. How many steps a process has done is read from a file, its CPU seconds (of all
threads) from the kernel. Start-up and the first 50 steps do not count. A round is 1,000 steps of each, so that it holds
two checkpoints, two sets of grids and one of histograms; in cells with more pixels a step it is fewer steps, to take as
long. Figures are medians over rounds, with the extremes.
A "CPU second" is all CPU seconds of the process over cores: what others do on the machine blurs it less than the clock.
Other work should rest all the same: where threads wait for each other, waiting costs CPU seconds too, most of all in
PyTorch.

FLOPs are counted by the book: 2 * H * W * K * K * Cin * Cout for a convolution (H and W of its output), 2 * in * out
for a dense layer, twice the forward pass for a backward one. A step goes forward and backward through the generator
once (3 G), and through the discriminator with real and with generated images (6 D), from which in one stage both
networks learn; R1 takes the gradient at the images and goes back through that, every so many steps (3 D / interval).
Their share is that of the best matrix multiplication and the best convolution of TensorFlow in the same run.

Writes throughput.json, .md and .png to --results.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from aigc_tf.config import TrainConfig
from benchmarks import any_size, record, throughput_page
from benchmarks.processes import CORES, cpu_seconds

ROOT = Path(__file__).parent.parent
# PyTorch is some percent quicker where glibc keeps freed memory instead of giving it back, TensorFlow is not.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**28),
}
CELLS = ("32x28", "64x28", "256x28", "64x32", "256x32", "64x64", "256x64")
TELL_EVERY = 50  # steps: train.py writes a line of metrics.jsonl as often
_TURN_SECONDS = 2.0
_NUM_IMAGES, _DEFAULT_PIXELS = 4_000, 32 * 28**2


class Child:
    """A process that trains for ever and appends `{"step": N}` to `told` now and then; stopped between its turns."""

    def __init__(self, command: list[object], told: Path, log: Path, variables: dict[str, str]) -> None:
        self.step, self._seconds = 0, 0.0
        self._told, self._log = told, log
        with open(log, "w") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def turn(self, until: int) -> None:
        """Let it run for a turn, or until it has told of that step where this comes sooner."""
        self._process.send_signal(signal.SIGCONT)
        begun = time.monotonic()
        while self.step < until and time.monotonic() < begun + _TURN_SECONDS:
            time.sleep(0.01)
            if self._process.poll() is not None:
                raise RuntimeError(f"{' '.join(self._process.args)} ended:\n{self._log.read_text()[-3000:]}")
            self.step = self.said()["step"]
        self._process.send_signal(signal.SIGSTOP)
        self._seconds += time.monotonic() - begun

    def so_far(self) -> tuple[int, float, float]:
        """Steps done, seconds of its turns by the clock, and CPU seconds over cores (none between turns)."""
        return self.step, self._seconds, cpu_seconds(self._process.pid) / CORES

    def said(self, line: int = -1) -> dict[str, Any]:
        """One of the lines that it wrote, the last by default."""
        lines = self._told.read_text().splitlines(keepends=True) if self._told.exists() else []
        whole = [text for text in lines if text.endswith("\n")]
        return json.loads(whole[line]) if whole else {"step": 0}

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def take_turns(competitors: Collection[Child], steps: int) -> None:
    """Let each do that many steps more, a turn of each after another."""
    goals = {child: child.step + steps for child in competitors}
    while unfinished := [child for child in competitors if child.step < goals[child]]:
        for child in unfinished:
            child.turn(goals[child])


@contextlib.contextmanager
def running(commands: Mapping[str, tuple[list[object], Path]], logs: Path) -> Iterator[dict[str, Child]]:
    """Each of these commands, beside the file in which it tells of its steps, past its first ones; ended when the
    context is left. PyTorch keeps its memory."""
    with contextlib.ExitStack() as stack:
        started = {}
        for name, (command, told) in commands.items():
            started[name] = Child(command, told, logs / f"{name}.log", KEEP_MEMORY if name == "PyTorch" else {})
            stack.callback(started[name].end)
            take_turns([started[name]], TELL_EVERY)
        yield started


def rates_of(
    competitors: Mapping[str, Child], batch: int, rounds: int, steps: int
) -> dict[str, dict[str, list[float]]]:
    """Images per second of each, by the clock and by CPU seconds over cores, in each of the rounds of so many steps."""
    rates: dict[str, dict[str, list[float]]] = {
        name: {"images_per_second": [], "images_per_cpu_second": []} for name in competitors
    }
    for _ in range(rounds):
        before = {name: child.so_far() for name, child in competitors.items()}
        take_turns(competitors.values(), steps)
        for name, child in competitors.items():
            steps_done, by_clock, by_cpu = (after - was for after, was in zip(child.so_far(), before[name]))
            rates[name]["images_per_second"].append(round(steps_done * batch / by_clock, 1))
            rates[name]["images_per_cpu_second"].append(round(steps_done * batch / by_cpu, 1))
    return rates


@contextlib.contextmanager
def children(batch: int, pixels: int, torch_python: str | None) -> Iterator[dict[str, Child]]:
    """The competitors of a cell, each past its first steps; ended when the context is left."""
    recipe = TrainConfig(global_batch_size=batch)
    family, shape = recipe.family, (28, 28, 1)  # no value takes more time than another
    rates = {f"{name}_learning_rate": rate for name, rate in family.learning_rates(shape).items()}
    config = {**recipe.flat(), **rates, "penalty_weight": family.weight_of_penalties(shape, _NUM_IMAGES)}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = any_size.write(folder, _NUM_IMAGES, pixels)
        flags = ["--global-batch-size", batch, "--logs", folder, "--name", "run", "--steps", 10**9]
        commands: dict[str, tuple[list[object], Path]] = {
            "train.py": (
                [*any_size.command(data, pixels), *flags, "--no-evaluate", "--no-export"],
                folder / "run" / "metrics.jsonl",
            )
        }
        for name, python, module in (
            ("bare loop", sys.executable, "benchmarks.throughput_tensorflow"),
            ("PyTorch", torch_python, "benchmarks.throughput_pytorch"),
        ):
            if python is not None:
                told = folder / f"{module}.jsonl"
                job = {
                    "pixels": pixels,
                    "num_images": _NUM_IMAGES,
                    "cores": CORES,
                    "tell_every": TELL_EVERY,
                    "file": told,
                }
                commands[name] = ([python, "-m", module, json.dumps({**config, **job}, default=str)], told)
        with running(commands, folder) as started:
            yield started


def measure(cell: str, rounds: int, steps: int, torch_python: str | None) -> dict[str, Any]:
    """All figures of one cell, "BATCHxPIXELS"; `steps` are those of a round where a step is as large as the default."""
    batch, pixels = map(int, cell.split("x"))
    small = min(1, _DEFAULT_PIXELS / (batch * pixels**2))
    steps_a_round = TELL_EVERY * max(1, round(steps / TELL_EVERY * small))
    with children(batch, pixels, torch_python) as competitors:
        rates: dict[str, dict[str, Any]] = {**rates_of(competitors, batch, rounds, steps_a_round)}
        described = {name: child.said(0) for name, child in competitors.items() if name != "train.py"}
    for name in described:
        rates[name]["parameters"] = described[name]["parameters"]
    print(f"{cell}: {rates}", flush=True)
    flops = described["bare loop"]["flops_per_image"]
    shape = {"batch": batch, "pixels": pixels, "steps_a_round": steps_a_round}
    return {**shape, "flops_per_image": flops, "PyTorch": None, **rates}


def peak() -> dict[str, float]:
    """GFLOP/s of TensorFlow's best multiplication of matrices and best convolution."""
    command = [sys.executable, "-m", "benchmarks.throughput_tensorflow", "peak"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


def torch_version(python: str) -> str | None:
    """Version of PyTorch in the environment of that Python; None, and a word on how to get it, where there is none."""
    command = [python, "-W", "ignore", "-c", "import torch; print(torch.__version__)"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"PyTorch is left out: {python} has none (pip install torch==2.13.0, in an environment of its own)")
        return None
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=CELLS, metavar="BATCHxPIXELS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1_000, help="of each in a round of the cell 32x28")
    parser.add_argument("--torch-python", default=sys.executable, help="the Python of an environment with PyTorch")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    torch = torch_version(options.torch_python)
    cells, peaks = {}, []
    for cell in options.cells:
        cells[cell] = measure(cell, options.rounds, options.steps, torch and options.torch_python)
        peaks.append(peak())
    figures = {
        "torch": torch,
        "peak_gflops": {name: round(max(each[name] for each in peaks), 1) for name in peaks[0]},
        "cells": cells,
    }
    for cell in cells.values():
        cell["ratios"] = throughput_page.ratios(cell)
        rate = statistics.median(cell["train.py"]["images_per_second"]) * cell["flops_per_image"] / 1e9
        cell["share_of_peak"] = {name: round(rate / best, 4) for name, best in figures["peak_gflops"].items()}
    page = throughput_page.page(figures)
    record.write("throughput", "Training throughput", around, figures, page, options.results)
    throughput_page.draw(figures, options.results / "throughput.png")
    print(page)


if __name__ == "__main__":
    main()
