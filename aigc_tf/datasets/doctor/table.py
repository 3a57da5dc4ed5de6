"""What the doctor shows on a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aigc_tf.datasets.doctor.finding import Finding
from aigc_tf.datasets.doctor.names import as_line
from aigc_tf.datasets.doctor.survey import Survey

if TYPE_CHECKING:
    from rich.table import Table

_EXAMPLES, _LONGEST = 3, 60  # names shown of each finding, and characters of each
_STYLES = {"stop": "bold red", "warning": "yellow", "note": ""}


def heading(survey: Survey) -> str:
    """What the folder holds, in a line."""
    places = [survey.places[row] for row in survey.kept]
    splits = Counter(place.split for place in places if place.split)
    classes = {place.label for place in places if place.label}
    parts = [
        f"{len(survey.facts):,} image files, {len(survey.kept):,} different images to learn from, mode {survey.mode}",
        *(f"{split} {count:,}" for split, count in sorted(splits.items())),
        *([f"{len(classes):,} classes"] if len(classes) > 1 else []),
    ]
    return f"{as_line(str(survey.folder))}: {', '.join(parts)}"


def table(found: list[Finding]) -> Table:
    """A row for each finding, with a few of the names."""
    from rich.table import Table
    from rich.text import Text

    shown = Table()
    for column in ("", "finding", "files", "such as", "what to do"):
        shown.add_column(column, justify="right" if column == "files" else "left")
    for finding in found:
        names = [_short(as_line(name)) for name in finding.names[:_EXAMPLES]]
        shown.add_row(
            Text(finding.severity, _STYLES[finding.severity]),
            Text(f"{finding.kind}: {finding.what}"),  # as text: brackets are no markup
            f"{len(finding.names):,}" if finding.names else "",
            Text("\n".join(names)),
            Text(finding.advice),
        )
    return shown


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
