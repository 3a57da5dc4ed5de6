"""Quality against the CPU time that it took: the default recipe and those of the tutorials, under the same two judges.

    python -m benchmarks.time_to_quality --data-dir DIR default:0:300 default:1:300 dcgan:0:450 dense-256:0:120

Each run is PRESET:SEED:SECONDS. It is trained by `train.py`, with everything on but what comes after training, until
its process has spent SECONDS of CPU time on every core, start-up included. "Seconds" on this page are CPU seconds over
cores, so that other work on the machine hardly matters. Each checkpoint is noted with the time at which it was there.

Judging comes after and is not counted: at points evenly spaced on a logarithmic axis, --num-samples images of the
averaged generator (where a recipe has an average) are judged against the held-out digits, by the classifier that ships
and by a second one of another architecture and seed (benchmarks/second_judge.py). Figures are multiples of the floor:
the Fréchet distance of as many training images under the same judge. One draw of 10,000 is off by some 7 %, of training
as of generated images, so the floor is the mean over 24 draws, and from 3 floors downwards a point is the mean over
four sets of generated images, with the standard deviation of a single set beside it.

Runs lie in --logs, with what was noted and judged: asked for more seconds later, a run goes on from where it was.
Writes time_to_quality.json, .md and .png to --results.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.processes import CORES, cpu_seconds

ROOT = Path(__file__).parent.parent
THRESHOLDS = (100, 70, 30, 10, 5, 3, 2, 1.5, 1.2)
# Steps between checkpoints: every two to five seconds of two cores, so that "when" is known that well.
CHECKPOINT_EVERY = {"default": 100, "dcgan": 5, "dense-256": 100, "dense-64": 400}
_FIRST_POINT, _SPACING = 8.0, 1.25
# How often training images are drawn for the floor; sets of generated images that a point is judged by, and from where.
_FLOOR_DRAWS, _SETS, _SEVERAL_SETS_BELOW = 24, 4, 3.0


@dataclasses.dataclass(frozen=True)
class Run:
    """One recipe under one seed, trained for `seconds`. Beside its `folder` lies what was noted and judged."""

    recipe: str
    seed: int
    seconds: float
    logs: Path

    @property
    def name(self) -> str:
        return f"{self.recipe}-{self.seed}"

    @property
    def folder(self) -> Path:
        return self.logs / self.name

    @property
    def commit(self) -> str | None:
        """Of the code that began to train it."""
        return json.loads((self.folder / "environment.json").read_text())["commit"]

    def read(self, what: str) -> list[dict[str, Any]]:
        """What was "noted" (a row a checkpoint) or "judged", in order of steps."""
        file = self._file(what)
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def add(self, what: str, row: dict[str, Any]) -> None:
        with open(self._file(what), "a") as file:
            file.write(json.dumps(row) + "\n")

    def _file(self, what: str) -> Path:
        return self.logs / f"{self.name}.{what}.jsonl"


def train(run: Run, data_dir: Path) -> None:
    """Train until the time is spent, noting each checkpoint. Raises where train.py fails."""
    noted = run.read("noted")
    spent = noted[-1]["seconds"] if noted else 0.0
    if spent >= run.seconds:
        return
    begin = ["--resume", run.folder] if noted else ["--preset", run.recipe, "--seed", run.seed, "--data-dir", data_dir]
    name = [] if noted else ["--dataset", "mnist", "--logs", run.logs, "--name", run.name]
    every = CHECKPOINT_EVERY[run.recipe] * (10 if noted else 1)
    keep = ["--steps", 10**9, "--checkpoint-every", every, "--keep-checkpoints", 10**6]
    command = [sys.executable, "train.py", *begin, *name, *keep, "--no-evaluate", "--no-export"]
    run.logs.mkdir(parents=True, exist_ok=True)
    with open(run.logs / f"{run.name}.log", "a") as log:
        process = subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=log, stderr=log)
        try:
            stopping, last_step = False, noted[-1]["step"] if noted else 0
            while process.poll() is None:
                seconds = spent + cpu_seconds(process.pid) / CORES
                last_step = _note(run, last_step, seconds)
                if seconds >= run.seconds and not stopping:
                    process.send_signal(signal.SIGTERM)
                    stopping = True
                time.sleep(0.05)
            _note(run, last_step, seconds)
        finally:
            process.kill()
    if not stopping:
        raise RuntimeError(f"training {run.name} failed:\n{Path(log.name).read_text()[-2000:]}")


def _note(run: Run, last_step: int, seconds: float) -> int:
    """Note the newest checkpoint, if it is newer than that of `last_step`, as written at `seconds`; gives its step."""
    index = run.folder / "checkpoints" / "checkpoint"
    if not index.exists() or not (lines := index.read_text().splitlines()):
        return last_step
    step = int(lines[0].rpartition("-")[2].strip('"'))
    if step > last_step:
        run.add("noted", {"step": step, "seconds": round(seconds, 2)})
    return max(step, last_step)


def points(noted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The checkpoints to judge: the first behind each point of a logarithmic axis, and the last."""
    chosen, due = [], _FIRST_POINT
    for row in noted:
        if row["seconds"] >= due:
            chosen.append(row)
            while due <= row["seconds"]:
                due *= _SPACING
    return chosen if noted[-1:] == chosen[-1:] else [*chosen, noted[-1]]


def judge(runs: list[Run], data_dir: Path, logs: Path, num_samples: int) -> dict[str, Any]:
    """Judge all points that were not judged yet; gives the floors and the judges' accuracies."""
    from aigc_tf.quiet import import_tensorflow

    import_tensorflow()
    from aigc_tf import subjects
    from aigc_tf.datasets import DATASETS
    from aigc_tf.metrics.class_coverage import class_counts
    from aigc_tf.metrics.evidence import need
    from aigc_tf.metrics.fd import Gaussian, frechet_distance
    from aigc_tf.reference import Reference
    from aigc_tf.run_folder import RunFolder
    from benchmarks import second_judge

    data = DATASETS["mnist"](data_dir)
    second = logs / "second_judge.keras"
    second_accuracy = second_judge.prepare(data, second)
    judges = {"lenet": Reference.prepare(data, "mnist"), "second": Reference.prepare(data, "mnist", str(second))}
    real = {name: Gaussian.of(need(judge.real, "features", "real")) for name, judge in judges.items()}
    floors = {}
    for name, reference in judges.items():
        distances = []
        for draw in range(_FLOOR_DRAWS):
            rows = np.random.default_rng(draw).permutation(len(data.train_images))[:num_samples]
            drawn = need(reference.training.rows(rows), "features", "training")
            distances.append(frechet_distance(Gaussian.of(drawn), real[name]))
        floors[name] = float(np.mean(distances))

    def look(subject: subjects.Subject, first_seed: int) -> dict[str, Any]:
        """Multiples of the floor by judge, and the shares of the classes, of one set of images."""
        images = subject.generate(np.arange(first_seed, first_seed + num_samples))
        seen = {name: reference.look(images) for name, reference in judges.items()}
        looked: dict[str, Any] = {
            name: frechet_distance(Gaussian.of(need(part, "features", "generated")), real[name]) / floors[name]
            for name, part in seen.items()
        }
        probabilities = need(seen["lenet"], "probabilities", "generated")
        return {**looked, "class_shares": class_counts(probabilities) / num_samples}

    for run in runs:
        judged = {row["step"] for row in run.read("judged")}
        for point in points(run.read("noted")):
            if point["step"] in judged:
                continue
            subject = subjects.of_run(RunFolder(run.folder), point["step"])
            sets = [look(subject, 0)]
            if sets[0]["lenet"] < _SEVERAL_SETS_BELOW:
                sets += [look(subject, number * num_samples) for number in range(1, _SETS)]
            means = {name: np.mean([each[name] for each in sets], axis=0).round(4).tolist() for name in sets[0]}
            spread = float(np.std([each["lenet"] for each in sets], ddof=1)) if len(sets) > 1 else None
            row = {**point, **means, "sets": len(sets), "spread": spread}
            run.add("judged", row)
            print(f"{run.name}: {row}", flush=True)
    accuracies = {"lenet": judges["lenet"].extractor.held_out_accuracy, "second": second_accuracy}
    return {"floors": floors, "held_out_accuracy": accuracies}


def first_reached(judged: list[dict[str, Any]], threshold: float, by: str = "lenet") -> float | None:
    """Seconds at which a run first stands at `threshold` floors, on a straight line between judged points in the
    logarithms of both; None where it never does."""
    before = None
    for row in judged:
        if row[by] <= threshold:
            if before is None:
                return row["seconds"]
            share = np.log(before[by] / threshold) / np.log(before[by] / row[by])
            return float(before["seconds"] * (row["seconds"] / before["seconds"]) ** share)
        before = row
    return None


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    runs = figures["runs"]
    floors = [
        f"{floor:.3f} under the judge {by!r} (which tells {figures['held_out_accuracy'][by]:.2%} of held-out digits)"
        for by, floor in figures["floors"].items()
    ]
    parts = [
        "Seconds are CPU seconds of the whole process over cores. Distances are multiples of the floor, which is "
        f"{' and '.join(floors)}. From {_SEVERAL_SETS_BELOW:g} floors downwards they are means over {_SETS} sets of "
        "images.\n",
        "![Distance against time](time_to_quality.png)\n",
        "Seconds until a run first stands at so many floors (the second judge in brackets):\n",
        record.table(
            ["run", *(f"{threshold:g}" for threshold in THRESHOLDS)],
            [[name, *(_both(run, threshold) for threshold in THRESHOLDS)] for name, run in runs.items()],
        ),
        "How many times longer than the slowest seed of the default recipe:\n",
        record.table(
            ["run", *(f"{threshold:g}" for threshold in THRESHOLDS)],
            [
                [name, *(_ratio(runs, name, threshold) for threshold in THRESHOLDS)]
                for name in runs
                if not name.startswith("default-")
            ],
        ),
        'The last point of each run; "spread" is the standard deviation of a single set of images, "off even" the '
        "class whose share is furthest from a tenth:\n",
        record.table(
            ["run", "seconds", "step", "floors", "spread", "floors, second judge", "off even", "commit"],
            [
                [name, f"{row['seconds']:.0f}", f"{row['step']:,}", f"{row['lenet']:.2f}"]
                + [
                    "-" if row["spread"] is None else f"{row['spread']:.2f}",
                    f"{row['second']:.2f}",
                    f"{max(abs(10 * share - 1) for share in row['class_shares']):.0%}",
                    (figures["commits"][name] or "")[:7],
                ]
                for name, run in runs.items()
                for row in run[-1:]
            ],
        ),
    ]
    return "\n".join(parts)


def _both(run: list[dict[str, Any]], threshold: float) -> str:
    first, second = (first_reached(run, threshold, by) for by in ("lenet", "second"))
    return f"{_rounded(first)} ({_rounded(second)})"


def _rounded(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"


def _ratio(runs: dict[str, list[dict[str, Any]]], name: str, threshold: float) -> str:
    ours = [first_reached(run, threshold) for other, run in runs.items() if other.startswith("default-")]
    if not ours or None in ours:
        return "-"
    reached = first_reached(runs[name], threshold)
    return f"{reached / max(ours):.1f}" if reached else f"> {runs[name][-1]['seconds'] / max(ours):.1f}"


def draw(figures: dict[str, Any], path: Path) -> None:
    """Both judges' curves side by side, time and distance on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    recipes = list(dict.fromkeys(name.rpartition("-")[0] for name in figures["runs"]))
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 5), sharey=True, layout="constrained")
    for by, title, axis in zip(("lenet", "second"), ("the judge that ships", "a second judge"), axes):
        for name, run in figures["runs"].items():
            recipe, _, seed = name.rpartition("-")
            style = {"color": f"C{recipes.index(recipe)}", "marker": ".", "label": f"{recipe}, seed {seed}"}
            axis.loglog([row["seconds"] for row in run], [row[by] for row in run], **style)
        axis.axhline(1, color="grey", linestyle=":")
        axis.set(title=title, xlabel="CPU seconds / cores")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("Fréchet distance, multiples of the floor (dotted)")
    axes[0].legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.time_to_quality", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="PRESET:SEED:SECONDS")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds mnist.npz")
    parser.add_argument("--num-samples", type=int, default=10_000, help="images a judgement")
    parser.add_argument("--logs", type=Path, default=Path("logs/time-to-quality"), help="where runs are kept")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    runs = []
    for text in options.runs:
        recipe, seed, seconds = text.split(":")
        runs.append(Run(recipe, int(seed), float(seconds), options.logs.absolute()))
    for run in runs:
        train(run, options.data_dir.absolute())
    figures = judge(runs, options.data_dir.absolute(), options.logs.absolute(), options.num_samples)
    figures["commits"] = {run.name: run.commit for run in runs}
    figures["runs"] = {run.name: run.read("judged") for run in runs}
    record.write("time_to_quality", "Quality against CPU time", around, figures, page(figures), options.results)
    draw(figures, options.results / "time_to_quality.png")
    print(page(figures))


if __name__ == "__main__":
    main()
