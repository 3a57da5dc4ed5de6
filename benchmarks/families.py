"""The families side by side, at equal CPU time: quality, copies, likelihood, and what sampling costs.

    python -m benchmarks.families --data-dir DIR --seconds 300 default vae diffusion

Each recipe ("vae", "diffusion+conditional") is trained on MNIST with seed 0 as in `time_to_quality`: until its process
has spent SECONDS of CPU time on every core, start-up included. What it makes of its weights at the end (a prior) comes
on top, is told, and small. Then it is judged by `evaluate.py` with all that can be said of it, and by the two judges of
`time_to_quality`, whose distances are told in floors, those of as many real images. Sampling is timed in CPU seconds
over cores: images as numbers, as judges take them, and as PNG files, as `serving_default` of the export gives them.

Runs lie in --logs, and go on where more seconds are asked for later. Writes families.json, .md and .png to --results.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aigc_tf.image_grid import image_grid
from aigc_tf.quiet import import_tensorflow
from benchmarks import batching, record, strips, time_to_quality
from benchmarks.processes import CORES
from benchmarks.start_up import whole
from benchmarks.time_to_quality import Run

if TYPE_CHECKING:
    from aigc_tf.subjects import Subject

# By the names in an evaluation's record, with the digits that are shown.
_MEASURES = {"precision": 3, "recall": 3, "coverage": 3, "memorised_share": 4, "class_coverage": 0}
_OF_SOME = re.compile(r"^(label_accuracy$|bits_per_dimension|bound_)")
_BATCH, _MANY = 64, 10_000


def measure(run: Run, judges: Any, sampling_seconds: float) -> dict[str, Any]:
    """A trained run finished, judged and timed. Raises RuntimeError where a command fails."""
    noted = run.read("noted")[-1]
    finish = ["train.py", "--resume", str(run.folder), "--steps", str(noted["step"]), "--export"]
    finishing = whole(finish)["cpu_seconds"] / CORES
    whole(["evaluate.py", str(run.folder)])
    judged = json.loads((run.folder / "evaluation" / f"{noted['step']}.json").read_text())["measures"]
    subject = newest(run)
    ways = {
        "numbers": lambda seeds: subject.answers("sample", {"seed": seeds.numpy()}),
        "files": lambda seeds: subject.answers("serving_default", {"seed": seeds.numpy()}),
    }
    calls = batching.take_turns(ways, [_BATCH], sampling_seconds)
    return {
        **noted,
        "finishing_seconds": round(finishing, 1),
        "floors": judges.judge(subject),
        "measures": {name: judged[name]["value"] for name in judged if name in _MEASURES or _OF_SOME.match(name)},
        "images_per_second": {way: 1000 * CORES / each.cpu_ms_per_image for (way, _), each in calls.items()},
        "export_bytes": sum(file.stat().st_size for file in subject.path.rglob("*") if file.is_file()),
        "commit": run.commit,
    }


def newest(run: Run) -> Subject:
    """The newest version that a run published."""
    from aigc_tf import subjects
    from aigc_tf.run_folder import RunFolder

    folder = RunFolder(run.folder)
    return subjects.of_export(folder.export / folder.read_config().data_name)


def _spent(row: dict[str, Any]) -> float:
    """CPU seconds over cores from the first step to so many images as numbers."""
    return row["seconds"] + row["finishing_seconds"] + _MANY / row["images_per_second"]["numbers"]


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown, a column a recipe."""
    runs = figures["runs"]
    rows: list[list[object]] = [
        [
            "training, CPU s over cores",
            *(f"{row['seconds']:.0f} + {row['finishing_seconds']:.0f}" for row in runs.values()),
        ],
        [
            f"training and {_MANY:,} images, CPU s",
            *(f"{_spent(row):.0f}" for row in runs.values()),
        ],
        ["steps", *(f"{row['step']:,}" for row in runs.values())],
        ["FD, floors, first judge", *(f"{row['floors']['lenet']:.2f}" for row in runs.values())],
        ["FD, floors, second judge", *(f"{row['floors']['second']:.2f}" for row in runs.values())],
    ]
    for name, digits in _MEASURES.items():
        rows.append([name.replace("_", " "), *(f"{row['measures'][name]:.{digits}f}" for row in runs.values())])
    for name in sorted({name for row in runs.values() for name in row["measures"]} - _MEASURES.keys()):
        told = (row["measures"].get(name) for row in runs.values())
        rows.append([name.replace("_", " "), *("" if value is None else f"{value:.3f}" for value in told)])
    for what in ("numbers", "files"):
        rows.append([f"images/s as {what}", *(f"{row['images_per_second'][what]:,.0f}" for row in runs.values())])
    rows.append(["export, MB", *(f"{row['export_bytes'] / 1e6:.1f}" for row in runs.values())])
    return (
        f"MNIST, seed 0, {figures['num_samples']:,} images a judgement; one run each.\n\n"
        f"{record.table(['', *runs], rows)}\n"
        "The first samples of each, always of the same seeds:\n\n![Samples](families.png)\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.families", description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+", metavar="RECIPE")
    parser.add_argument("--seconds", type=float, required=True, help="CPU seconds of training, over cores")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds mnist.npz")
    parser.add_argument("--num-samples", type=int, default=10_000, help="images a judgement in floors")
    parser.add_argument("--sampling-seconds", type=float, default=10.0, help="seconds of calls each way of sampling")
    parser.add_argument("--logs", type=Path, default=Path("logs/families"), help="where runs are kept")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    logs, data_dir = options.logs.absolute(), options.data_dir.absolute()
    runs = [Run(recipe, 0, options.seconds, logs) for recipe in options.recipes]
    for run in runs:
        time_to_quality.train(run, data_dir)
    import_tensorflow()
    from benchmarks import quality_judges

    judges = quality_judges.QualityJudges.prepare(data_dir, logs / "second_judge.keras", options.num_samples)
    figures = {
        "num_samples": options.num_samples,
        "runs": {run.recipe: measure(run, judges, options.sampling_seconds) for run in runs},
    }
    record.write("families", "The families side by side", around, figures, page(figures), options.results)
    shown = [(run.recipe, image_grid(newest(run).generate(np.arange(10)), 10)[..., 0]) for run in runs]
    strips.draw(shown, options.results / "families.png")
    print(page(figures))


if __name__ == "__main__":
    main()
