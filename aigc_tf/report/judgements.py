"""The judgements that a run keeps, as a page shows them."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from pathlib import Path
from typing import Any

from aigc_tf.report import words
from aigc_tf.run_folder import RunFolder

_NAME = re.compile(r"(\d{1,18})((?:-[a-z0-9]+)*)\.json", re.ASCII)
_logger = logging.getLogger("aigc_tf")


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One of them.

    Attributes:
        step: of the checkpoint.
        variant: what tells it apart from others of that step, such as "-raw"; mostly empty.
        counts: generated and real images.
        verdict: in sentences, the most important one first.
        rows: its figures, see `words.rows`.
        warnings: sentences.
        page: where its own report lies, from the run's folder; None where there is none.
    """

    step: int
    variant: str
    counts: tuple[int, int]
    verdict: list[str]
    rows: list[dict[str, str]]
    warnings: list[str]
    page: str | None


def of_run(run: RunFolder) -> list[Judgement]:
    """All that can be read, the one that says most first: averaged weights before others, then the newest."""
    named = [(match, file) for file in run.evaluation.glob("*.json") if (match := _NAME.fullmatch(file.name))]
    found = [_read(run, file, int(match[1]), match[2]) for match, file in named]
    return sorted(filter(None, found), key=lambda each: (bool(each.variant), -each.step, each.variant))


def _read(run: RunFolder, file: Path, step: int, variant: str) -> Judgement | None:
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        page = run.report_file(step, variant)
        return Judgement(
            step,
            variant,
            (int(record["num_generated"]), int(record["num_real"])),
            words.verdict(record),
            words.rows(record["measures"]),
            [str(warning) for warning in record["warnings"]],
            page.relative_to(run.path).as_posix() if page.is_file() else None,
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        _logger.warning("%s is damaged, or somebody else's (%r): the report goes without it", file, error)
        return None
