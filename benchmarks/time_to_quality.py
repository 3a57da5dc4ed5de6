"""Quality against the CPU time that it took: the default recipe and those of the tutorials, under the same two judges.

    python -m benchmarks.time_to_quality --data-dir DIR default:0:300 default:1:300 dcgan:0:450 dense-256:0:120

Each run is RECIPE:SEED:SECONDS, where a recipe is a preset, with flags beside it if need be ("diffusion+conditional").
It is trained by `train.py`, with everything on but what comes after training, until its process has spent SECONDS of
CPU time on every core, start-up included. "Seconds" on this page are CPU seconds over cores, so that other work on the
machine hardly matters. Each checkpoint is noted with the time at which it was there.

Judging comes after and is not counted: at points evenly spaced on a logarithmic axis, --num-samples images of the
averaged generator (where a recipe has an average) are judged against the held-out digits, by the classifier that ships
and by a second one of another architecture and seed (benchmarks/second_judge.py). Figures are multiples of the floor,
the Fréchet distance of as many training images under the same judge: the mean over 24 draws of them. From 3 floors
downwards a point is the mean over four sets of generated images, with the standard deviation of a single set beside it.

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

from aigc_tf.quiet import import_tensorflow
from benchmarks import record, time_to_quality_page
from benchmarks.processes import CORES, cpu_seconds

ROOT = Path(__file__).parent.parent
# Steps between checkpoints: every two to five seconds of two cores, so that "when" is known that well. Of diffusion
# every ten: a checkpoint every three takes a tenth of its training.
CHECKPOINT_EVERY = {
    "default": 100,
    "dcgan": 5,
    "conv-128": 2,
    "dense-256": 100,
    "dense-64": 400,
    "dense-128-128": 400,
    "dense-256-256": 400,
    "dense-256-512-1024": 100,
    "vae": 100,
    "keras-vae": 20,
    "diffusion": 150,
    "keras-ddim": 5,
}
_FIRST_POINT, _SPACING = 8.0, 1.25


@dataclasses.dataclass(frozen=True)
class Run:
    """One recipe under one seed, trained for `seconds`. Beside its `folder` lies what was noted and judged.

    A recipe is a preset of `train.py`, and flags without values that are given beside it: "vae+conditional".
    """

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
    def preset(self) -> str:
        return self.recipe.split("+")[0]

    @property
    def flags(self) -> list[str]:
        return [f"--{flag}" for flag in self.recipe.split("+")[1:]]

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
    begin = ["--resume", run.folder] if noted else ["--preset", run.preset, "--seed", run.seed, "--data-dir", data_dir]
    name = [] if noted else ["--dataset", "mnist", "--logs", run.logs, "--name", run.name, *run.flags]
    every = CHECKPOINT_EVERY[run.preset] * (10 if noted else 1)
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
    """Judge all points that were not judged yet; gives what the figures of all runs depend on."""
    # Here, so that TensorFlow takes no memory beside a training.
    import_tensorflow()
    from aigc_tf import subjects
    from aigc_tf.run_folder import RunFolder
    from benchmarks import quality_judges

    judges = quality_judges.QualityJudges.prepare(data_dir, logs / "second_judge.keras", num_samples)
    for run in runs:
        judged = {row["step"] for row in run.read("judged")}
        for point in points(run.read("noted")):
            if point["step"] not in judged:
                row = {**point, **judges.judge(subjects.of_run(RunFolder(run.folder), point["step"]))}
                run.add("judged", row)
                print(f"{run.name}: {row}", flush=True)
    return {
        "floors": judges.floors,
        "held_out_accuracy": judges.held_out_accuracy,
        "several_sets": {"below": quality_judges.SEVERAL_SETS_BELOW, "sets": quality_judges.SETS},
    }


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.time_to_quality", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RECIPE:SEED:SECONDS")
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
    page = time_to_quality_page.page(figures)
    record.write("time_to_quality", "Quality against CPU time", around, figures, page, options.results)
    time_to_quality_page.draw(figures, options.results / "time_to_quality.png")
    print(page)


if __name__ == "__main__":
    main()
