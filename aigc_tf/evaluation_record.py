"""The record of a judgement: every figure with all that it came about by."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from rich.table import Table

from aigc_tf import __version__, environment, terminal
from aigc_tf.datasets import given_images
from aigc_tf.metrics.evidence import Evidence, Figure
from aigc_tf.metrics.extractor import Extractor, cautions
from aigc_tf.metrics.judge import Judgement
from aigc_tf.reference import Reference
from aigc_tf.report.words import number
from aigc_tf.subjects import Subject

HANDED_OUT = 0.01
"""Share of copies in what a model makes above which it is published only where somebody asks for that."""


def make(
    reference: Reference,
    subject: Subject,
    evidence: Evidence,
    judgement: Judgement,
    seed: int,
    seconds: dict[str, float],
    left_out: dict[str, int],
) -> dict[str, Any]:
    """The record as JSON values.

    `measures.NAME` holds the fields of the `Figure` and `provenance`: a flat dict of all that must be told where the
    figure is quoted alone. `seconds` tells what took how long; it is no part of the result. `left_out` counts what lay
    beside images that were read and was not judged.
    """
    spec = reference.data.spec
    num_generated, num_training = len(evidence.generated), len(reference.training or ())
    split = "held-out" if num_training else "given"
    judges = {"extractor": reference.extractor, "classifier": reference.classifier}
    shared = {
        "num_generated": num_generated,
        "num_real": len(evidence.real),
        "num_training": num_training,
        "reference_split": split,
        "reference_hash": spec.fingerprint,
        "weights": subject.weights,
        "step": subject.step,
        "first_seed": None if subject.kind == "samples" else seed << 32,
        "subject_fingerprint": subject.fingerprint,
        **({} if subject.parentage is None else {"parent_fingerprint": subject.parentage["fingerprint"]}),
        "aigc_tf": __version__,
        **{name: importlib.metadata.version(name) for name in ("tensorflow", "numpy", "scipy")},
    }
    return {
        "subject": subject.describe(),
        "measures": {
            name: {
                "value": figure.value,
                "better": figure.better,
                "reference": figure.reference,
                "interval": None if figure.interval is None else list(figure.interval),
                "note": figure.note,
                "warning": figure.warning,
                "provenance": {**_judge_of(figure, judges), **shared},
            }
            for name, figure in judgement.figures.items()
        },
        **{role: None if judge is None else _describe(judge) for role, judge in judges.items()},
        "num_generated": num_generated,
        "num_real": len(evidence.real),
        "num_training": num_training,
        "left_out": left_out,
        "seeds": None if subject.kind == "samples" else {"first": seed << 32, "count": num_generated},
        "asked_labels": {"in_proportion_to": list(spec.class_weights)} if subject.takes_labels else None,
        "class_names": list(spec.class_names),
        "reference": {"split": split, "source": spec.source, "fingerprint": spec.fingerprint},
        "warnings": [
            *([f"{subject.path}, {given_images.in_words(left_out)}"] if left_out else []),
            *(cautions(reference.extractor, len(evidence.real), num_generated) if reference.extractor else ()),
            *_of_parts(reference),
            *(f"{name}: {figure.warning}" for name, figure in judgement.figures.items() if figure.warning),
            *judgement.skipped,
        ],
        "environment": environment.describe(),
        "seconds": seconds,
    }


def extent(file: Path) -> tuple[int, set[str]]:
    """How many images the record in `file` judged, and by which figures; 0 and none where there is none that can be
    read."""
    try:
        record = json.loads(file.read_text())
        return int(record["num_generated"]), set(record["measures"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0, set()


def copies(record: dict[str, Any]) -> str:
    """What is said of the generated examples where more than `HANDED_OUT` of them are copies for certain, else ""."""
    figure = record["measures"].get("memorised_share")
    if figure is None or figure["interval"] is None or figure["interval"][0] <= HANDED_OUT:
        return ""
    return str(figure["warning"])


def show(record: dict[str, Any]) -> None:
    """Print the figures of an evaluation as a table, and under it whose they are and what to beware of."""
    subject, real = record["subject"], record["num_real"]
    step = "" if subject["step"] is None else f"step {subject['step']:,}: "
    split = "held-out " if record["num_training"] else ""
    table = Table(title=f"{step}{record['num_generated']:,} generated against {real:,} {split}real images")
    table.add_column("measure", no_wrap=True)
    for heading in ("value", "95 % interval", "real images"):
        table.add_column(heading, justify="right", no_wrap=True)
    arrows = {"higher": " ↑", "lower": " ↓", "neither": ""}
    notes: dict[str, list[str]] = {}
    for name, figure in record["measures"].items():
        ends = "" if figure["interval"] is None else " to ".join(number(end, 3) for end in figure["interval"])
        table.add_row(name + arrows[figure["better"]], number(figure["value"]), ends, number(figure["reference"]))
        if figure["note"]:
            notes.setdefault(figure["note"], []).append(name)
    console = terminal.console()
    console.print(table)
    told = ["↑ better when higher, ↓ when lower; real images: what they score in the generated ones' place"]
    for role in ("extractor", "classifier"):
        if record[role] and (role == "extractor" or record[role] != record["extractor"]):
            told.append(f"{role}: {record[role]['name']}, {record[role]['hash'][:19]}")
    told += [f"{', '.join(names)}: {note}" for note, names in notes.items()]
    told += [f"warning: {warning}" for warning in record["warnings"]]
    for line in told:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _of_parts(reference: Reference) -> list[str]:
    """What was judged by a part of the data, which are larger than memory."""
    data, seen = reference.data, []
    if len(reference.real) < data.count("test"):
        seen.append(f"{len(reference.real):,} of {data.count('test'):,} held-out examples")
    if reference.training is not None and len(reference.training) < data.count("train"):
        seen.append(f"{len(reference.training):,} of {data.count('train'):,} training examples")
    return [f"judged by {' and '.join(seen)}, drawn evenly: as many as are held in memory"] if seen else []


def _describe(judge: Extractor) -> dict[str, Any]:
    return {
        "name": judge.name,
        "hash": judge.hash,
        "resizer": judge.resizer,
        "held_out_accuracy": judge.held_out_accuracy,
    }


def _judge_of(figure: Figure, judges: dict[str, Extractor | None]) -> dict[str, Any]:
    """Whose eyes the figure depends on: a network that looked at the images, the model itself, or nobody's."""
    judge = judges.get(figure.judged_by)
    if judge is not None:
        name, content, resizer = judge.name, judge.hash, judge.resizer
    else:
        name, content, resizer = figure.judged_by, None, "none"  # that part of the model under judgement
    return {"judged_by": figure.judged_by, "judge": name, "judge_hash": content, "resizer": resizer}
