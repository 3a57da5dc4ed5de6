"""Runs measures over one piece of evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from aigc_tf.metrics import METRICS
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Figures by name, in the order of METRICS, and one sentence for each measure that could not be taken."""

    figures: dict[str, Figure]
    skipped: tuple[str, ...]


def judge(
    evidence: Evidence,
    names: Iterable[str] = METRICS,
    around: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> Judgement:
    """Take the measures `names` (of METRICS; all by default), each within the context `around(name)`.

    A measure whose evidence is missing is left out and named in `skipped`. Raises ValueError for an unknown name, and
    passes on the ValueErrors of measures that were given arrays which cannot be measured.
    """
    figures: dict[str, Figure] = {}
    skipped: list[str] = []
    for name in names:
        try:
            with around(name):
                figures.update(METRICS[name](evidence))
        except MissingEvidence as error:
            skipped.append(f"{name} was not measured: {error}")
    return Judgement(figures, tuple(skipped))
