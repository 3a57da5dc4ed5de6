"""What is kept of a judgement, and shown of it: minutes of work, so files come first and no fault costs the rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_tf import evaluation_record
from aigc_tf.metrics.evidence import Evidence
from aigc_tf.report import page, tensorboard
from aigc_tf.run_folder import RunFolder


def keep(
    record: dict[str, Any],
    evidence: Evidence,
    *,
    run: RunFolder | None = None,
    json: Path | None = None,
    report: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Write the record to all these places, then show it as a table.

    Into a run go `evaluation/<step>.json`, the same as a report to read, and events for TensorBoard; raw weights, other
    extractors, and fewer images than were judged before, have files of their own beside them. `json` and `report` are
    files for the record and its report.

    Raises the first OSError of a place that did not take it, once all others have it and the table is shown.
    """
    writes: list[Callable[[], object]] = []
    if run is not None:
        step, variant = record["subject"]["step"], _variant(run, record, evidence.extractor, say)
        events = run.tensorboard / f"evaluation-{step}{variant}"
        writes += [
            lambda: evaluation_record.write(record, run.evaluation_file(step, variant)),
            lambda: page.write(run.report_file(step, variant), record, evidence),
            lambda: tensorboard.write(events, step, record, evidence),
            lambda: say(f"report: {run.report_file(step, variant)}"),
        ]
    if json is not None:
        writes.append(lambda: evaluation_record.write(record, json))
    if report is not None:
        writes.append(lambda: page.write(report, record, evidence))
    faults = []
    for write in writes:
        try:
            write()
        except OSError as error:
            faults.append(error)
    evaluation_record.show(record)
    if faults:
        raise faults[0]


def takes_files(run: RunFolder) -> bool:
    """Whether a judgement of this run can be kept in its folder, as far as one can know beforehand."""
    folders = [folder if folder.exists() else run.path for folder in (run.evaluation, run.tensorboard)]
    return all(folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) for folder in folders)


def _variant(run: RunFolder, record: dict[str, Any], extractor: str, say: Callable[[str], None]) -> str:
    """What tells this record's files from those of other judgements of the step."""
    step, weights, count = record["subject"]["step"], record["subject"]["weights"], record["num_generated"]
    variant = ("" if weights == "ema" else f"-{weights}") + (
        "" if extractor in ("lenet", "pixels") else f"-{extractor}"
    )
    before = evaluation_record.num_generated(run.evaluation_file(step, variant))
    if count < before:
        variant += f"-{count}-images"
        say(f"a judgement of {before:,} images is there already: this one is kept beside it")
    return variant
