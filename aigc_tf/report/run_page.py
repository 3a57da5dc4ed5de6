"""The report of a run: how it learned, what became of it, what it was made with and how to use it.

All of it is read from the run's folder, so a run that was killed, or that an older version made, can be reported too:
what it lacks is left out.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from aigc_tf import checkpoint_files, json_lines, plots
from aigc_tf.config import BUDGETS, TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.report import curves, embedding, event_pictures, growth, html, judgements, using
from aigc_tf.report.embedding import Embedded
from aigc_tf.run_folder import RunFolder

_logger = logging.getLogger("aigc_tf")
# What is shown of the pictures in TensorBoard, by their names there: title, and what is to be seen.
_PICTURES = {
    "samples/interpolation": (
        "From one image to another",
        "Each row walks in even steps from what one seed makes to what another makes. Where a model learns classes, in "
        "every second row the class turns into the next while all else stays.",
    ),
    "samples/traversals": (
        "What its units do",
        "Along each row one of its most telling numbers goes from low to high, while all others stay.",
    ),
    "reconstructions": (
        "Held-out images and what it makes of them",
        "A row of images that it never learned, below it the same from what it keeps of them, and so on.",
    ),
    "real": ("What it learned from", "The first images that it learned from."),
}


def write(run: RunFolder) -> None:
    """Write `report.html` into the run's folder, the whole of it or nothing.

    Raises UserError where the record of its settings or its data cannot be read, OSError where the disk does not take
    the page.
    """
    config, spec = run.read_config(), run.read_spec()
    points = plots.points_of(run)
    quick = [
        {"step": line["step"], **line["measures"]}
        for _, line in json_lines.read(run.judgements_file)
        if "measures" in line
    ]
    grown = growth.of_run(run, spec.modality.suffix, *spec.shape[:2]) if spec.kind == "image" else None
    kept = checkpoint_files.indexed(run.checkpoints)
    step = max([0, *kept[-1:], *(point["step"] for point in points[-1:]), *(grown.steps[-1:] if grown else [])])
    html.write(
        run.page_file,
        "run.html",
        path=str(run.path),
        config=config,
        spec=spec,
        step=step,
        budget={name: value for name in BUDGETS if (value := getattr(config, name)) is not None},
        minutes=plots.seconds(points, config.global_batch_size) / 60,
        growth=grown,
        pictures=_pictures(run),
        curves=curves.of_run(config.model, points, quick),
        judgements=judgements.of_run(run),
        checkpoints=kept,
        best=checkpoint_files.present(run.checkpoints, "best"),
        commands=using.of_run(run, config),
        models=using.models(run),
        changed=_changed(config),
        settings=json.loads(config.to_json()),
        data=_data(spec),
        classes=_classes(spec),
        parentage=_read(run.parentage_file),
        environments=_environments(run),
    )


def _pictures(run: RunFolder) -> dict[str, tuple[str, str, int, Embedded]]:
    found = event_pictures.newest(run.tensorboard)
    return {
        name: (*told, found[name][0], embedding.of_image(growth.shrunk(found[name][1])))
        for name, told in _PICTURES.items()
        if name in found
    }


def _changed(config: TrainConfig) -> dict[str, Any]:
    """The settings that are not as they would be without any flag."""
    usual = json.loads(TrainConfig.of(model=config.model).with_budget().to_json())
    return {name: value for name, value in json.loads(config.to_json()).items() if value != usual[name]}


def _data(spec: DataSpec) -> dict[str, Any]:
    return {
        "source": spec.source,
        "licence": spec.licence,
        "training_examples": f"{spec.num_examples:,}",
        "content": spec.modality.in_words(spec.shape),
        "classes": spec.num_classes or "none",
        "fingerprint": spec.fingerprint,
        **{name: value for name, value in spec.figures.items() if name != "classes"},
    }


def _classes(spec: DataSpec) -> dict[str, str]:
    """Training examples of each class, by its name, where somebody counted them."""
    names = spec.class_names or tuple(map(str, range(spec.num_classes)))
    return {name: f"{count:,}" for name, count in zip(names, spec.class_counts)}


def _environments(run: RunFolder) -> dict[int, dict[str, Any]]:
    """What it ran on, by the first step there; of those where it went on, what differs from the one before."""
    steps = [file.stem.rpartition("-")[2] for file in run.path.glob("environment-from-step-*.json")]
    files = {0: run.environment_file}
    files |= {int(step): run.path / f"environment-from-step-{step}.json" for step in steps if step.isdecimal()}
    told: dict[int, dict[str, Any]] = {}
    before: dict[str, Any] = {}
    for first, file in sorted(files.items()):
        if (values := _read(file)) is not None:
            told[first] = {name: value for name, value in values.items() if name not in before or before[name] != value}
            before = values
    return told


def _read(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is none that can be read."""
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _logger.warning("%s cannot be read (%s): the report goes without it", file, error)
        return None
    return found if isinstance(found, dict) else None
