"""What the doctor says: all findings about a folder."""

from __future__ import annotations

from aigc_tf.datasets.doctor import file_findings, set_findings
from aigc_tf.datasets.doctor.finding import Finding
from aigc_tf.datasets.doctor.survey import Survey

_RANKS = ("stop", "warning", "note")
_RULES = (
    *(file_findings.of_images, set_findings.of_repeats, set_findings.of_splits, set_findings.of_classes),
    *(set_findings.of_shapes, set_findings.of_number, file_findings.of_others),
)


def find(survey: Survey) -> list[Finding]:
    """All that is to be said about a folder, the worst first."""
    found = [finding for rule in _RULES for finding in rule(survey)]
    return sorted(found, key=lambda finding: _RANKS.index(finding.severity))


def is_sound(found: list[Finding]) -> bool:
    """Whether nothing was found with which training would fail or mislead."""
    return all(finding.severity != "stop" for finding in found)
