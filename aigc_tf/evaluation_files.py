"""What is kept of a judgement, and shown of it: minutes of work, so files come first and no fault costs the rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from aigc_tf import evaluation_record, json_files
from aigc_tf.metrics.evidence import Evidence
from aigc_tf.report import dashboard, page, tensorboard
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

    Records are written before what is drawn of them, and all files before a word is said. Raises the first fault, of a
    place that did not take its file or of ours, once all else is written and the table is shown.
    """
    records = [] if json is None else [json]
    pages = [] if report is None else [report]
    others: list[Callable[[], object]] = []
    if run is not None:
        step, (variant, remark) = record["subject"]["step"], _variant(run, record, evidence.extractor)
        events, page_of_run = run.tensorboard / f"evaluation-{step}{variant}", run.report_file(step, variant)
        records.insert(0, run.evaluation_file(step, variant))
        pages.insert(0, page_of_run)
        others.append(lambda: tensorboard.write(events, step, record, evidence))
        if not variant:
            others.append(partial(dashboard.tell_result, run))
        if remark:
            others.append(lambda: say(remark))
        others.append(lambda: say(f"report: {page_of_run}"))
    writes: list[Callable[[], object]] = [
        *(partial(json_files.write, record, file) for file in records),
        *(partial(page.write, file, record, evidence) for file in pages),
        *others,
        lambda: evaluation_record.show(record),
    ]
    faults = []
    for write in writes:
        try:
            write()
        except Exception as error:
            faults.append(error)
    if faults:
        raise faults[0]


def takes_files(run: RunFolder) -> bool:
    """Whether a judgement of this run can be kept in its folder, as far as one can know beforehand."""
    folders = [folder if folder.exists() else run.path for folder in (run.evaluation, run.tensorboard)]
    return all(folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) for folder in folders)


def _variant(run: RunFolder, record: dict[str, Any], extractor: str) -> tuple[str, str]:
    """What tells this record's files from those of other judgements of the step, and a remark on that if need be."""
    step, weights, count = record["subject"]["step"], record["subject"]["weights"], record["num_generated"]
    usual = ("lenet" if record["class_names"] else "filters", "pixels")
    variant = ("" if weights == "ema" else f"-{weights}") + ("" if extractor in usual else f"-{extractor}")
    before, figures = evaluation_record.extent(run.evaluation_file(step, variant))
    if count < before:
        remark = f"a judgement of {before:,} images is there already: this one is kept beside it"
        return f"{variant}-{count}-images", remark
    if not figures <= record["measures"].keys():
        return f"{variant}-quick", "a judgement by more figures is there already: this one is kept beside it"
    return variant, ""
