"""What each preset reaches: all at the same number of images seen, and further where that is cheap.

    python -m benchmarks.presets --data-dir DIR default:1:3.2 dense-256:1:10 dcgan:1

Each run is PRESET:EPOCHS, and may name several, in rising order. It is trained by `train.py` with seed 0 and the preset
as it is, but for the budget, and judged by `evaluate.py` at each of them: 10,000 images of the averaged generator
(where a recipe has an average) against the held-out digits, by the classifier that ships. A floor is what as many
training images score there. One seed each: what another would do was not tried. CPU seconds are those of training on
all cores, start-up included, judging not.

Runs lie in --logs, with what was measured beside them: asked for more epochs later, a run goes on from where it was.
Writes presets.json, .md and .png to --results.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aigc_tf.presets import PRESETS
from benchmarks import record, strips
from benchmarks.start_up import whole


@dataclasses.dataclass(frozen=True)
class Run:
    """One preset, trained for each of `epochs` in turn. Beside its `folder` lies what was measured, a line each."""

    preset: str
    epochs: tuple[float, ...]
    logs: Path

    @property
    def folder(self) -> Path:
        return self.logs / self.preset

    @property
    def measured(self) -> list[dict[str, Any]]:
        """Each budget with its step, the images seen, the CPU seconds until there, and the judgement."""
        file = self._file
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def add(self, row: dict[str, Any]) -> None:
        with open(self._file, "a") as file:
            file.write(json.dumps(row) + "\n")

    @property
    def _file(self) -> Path:
        return self.logs / f"{self.preset}.jsonl"


def measure(run: Run, epochs: float, data_dir: Path) -> dict[str, Any]:
    """Train on to `epochs`, and judge. Raises RuntimeError where a command fails."""
    before = run.measured
    begin = ["--resume", run.folder] if before else ["--preset", run.preset, "--dataset", "mnist", "--logs", run.logs]
    begin += [] if before else ["--name", run.preset, "--data-dir", data_dir]
    train = ["train.py", *begin, "--epochs", epochs, "--no-evaluate", "--no-export"]
    spent = whole([str(part) for part in train])["cpu_seconds"]
    whole(["evaluate.py", str(run.folder)])
    newest = max((run.folder / "evaluation").glob("*.json"), key=lambda file: int(file.stem))
    judged = json.loads(newest.read_text())
    step, distance = judged["subject"]["step"], judged["measures"]["fd_lenet"]
    return {
        "epochs": epochs,
        "step": step,
        "images": step * PRESETS[run.preset].global_batch_size,
        "cpu_seconds": round(spent + (before[-1]["cpu_seconds"] if before else 0.0), 1),
        "fd_lenet": distance["value"],
        "floor": distance["reference"],
        "classes": judged["measures"]["class_coverage"]["value"],
        "precision": judged["measures"]["precision"]["value"],
        "recall": judged["measures"]["recall"]["value"],
        "commit": judged["environment"]["commit"],
    }


def page(figures: dict[str, list[dict[str, Any]]]) -> str:
    """The figures as Markdown, each run from its first budget to its last."""
    header = ["preset", "images seen", "of its budget", "FD", "floors", "classes", "precision", "recall", "CPU s"]
    rows = [
        [name, f"{row['images']:,}", _share(name, row), f"{row['fd_lenet']:.1f}"]
        + [f"{row['fd_lenet'] / row['floor']:.1f}", f"{row['classes']:.0f}"]
        + [f"{row['precision']:.2f}", f"{row['recall']:.2f}", f"{row['cpu_seconds']:,.0f}"]
        for name, run in figures.items()
        for row in run
    ]
    return (
        "FD is the Fréchet distance under the classifier that ships, a floor what as many real images score, classes "
        "how many of ten there are; one seed and one set of 10,000 images each. CPU seconds are of training on all "
        f"cores, start-up included.\n\n{record.table(header, rows)}\n"
        "The first samples of each run at its last budget, always of the same seeds:\n\n![Samples](presets.png)\n"
    )


def _share(name: str, row: dict[str, Any]) -> str:
    """How much of the preset's own budget that is."""
    epochs, steps = PRESETS[name].epochs, PRESETS[name].family.default_steps
    return f"{row['step'] / steps if epochs is None else row['epochs'] / epochs:.1%}"


def strip(run: Run) -> tuple[str, np.ndarray]:
    """The first row of the sample grid of a run at its last budget, with a title."""
    last = run.measured[-1]
    with Image.open(run.folder / "samples" / f"step-{last['step']:08d}.png") as grid:
        row = grid.crop((0, 0, 10 * 30 + 2, 30 + 2))  # ten of 28 pixels with gaps of 2
    return f"{run.preset}, {last['images']:,} images", np.asarray(row)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.presets", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="PRESET:EPOCHS[:EPOCHS...]")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds mnist.npz")
    parser.add_argument("--logs", type=Path, default=Path("logs/presets"), help="where runs are kept")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    logs = options.logs.absolute()
    logs.mkdir(parents=True, exist_ok=True)
    runs = []
    for text in options.runs:
        preset, *epochs = text.split(":")
        runs.append(Run(preset, tuple(map(float, epochs)), logs))
    for run in runs:
        for epochs in run.epochs:
            if epochs not in [row["epochs"] for row in run.measured]:
                run.add(measure(run, epochs, options.data_dir.absolute()))
                print(f"{run.preset}: {run.measured[-1]}", file=sys.stderr, flush=True)
    figures = {run.preset: run.measured for run in runs}
    text = page(figures)
    record.write("presets", "What each preset reaches", around, {"runs": figures}, text, options.results)
    strips.draw([strip(run) for run in runs], options.results / "presets.png")
    print(text)


if __name__ == "__main__":
    main()
