"""One thing that the doctor found."""

from __future__ import annotations

import dataclasses
from typing import Literal

Severity = Literal["stop", "warning", "note"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the doctor found.

    Attributes:
        kind: its name, which stays the same from release to release.
        severity: "stop": training on this folder as it is would fail or mislead. "warning": it would be better mended.
            "note": good to know.
        what: in words.
        names: the files (folders, classes) it is about, each relative to the folder.
        advice: what to do.
        mended: whether a clean copy (`fix`) is free of it.
    """

    kind: str
    severity: Severity
    what: str
    names: tuple[str, ...]
    advice: str
    mended: bool = True
