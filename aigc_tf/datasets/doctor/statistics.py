"""The doctor's record of a folder: figures for its model card, and all findings, as JSON values."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from aigc_tf.datasets.doctor.finding import Finding
from aigc_tf.datasets.doctor.findings import is_sound
from aigc_tf.datasets.doctor.names import as_text
from aigc_tf.datasets.doctor.survey import Survey

FORMAT = "aigc_tf data check 1"


def record(survey: Survey, found: list[Finding], licence: str) -> dict[str, Any]:
    """What `--json` writes: `data` holds the figures, of the images that should be learned from.

    `colour_mean` and `colour_std`, levels of 0 to 255 in red, green and blue, are those of the images reduced to 16x16
    pixels. `fingerprint` names the pixels with their splits and classes, however the files are called: a clean copy has
    that of its source.
    """
    return {
        "format": FORMAT,
        "folder": as_text(str(survey.folder.resolve())),
        "sound": is_sound(found),
        "data": figures(survey, licence),
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "what": finding.what,
                "count": len(finding.names),
                "advice": finding.advice,
                "names": [as_text(name) for name in finding.names],
            }
            for finding in found
        ],
        "repeats": [
            {
                "name": as_text(survey.facts[row].name),
                "kind": departure.kind,
                "of": as_text(survey.facts[departure.of].name),
            }
            for row, departure in sorted(survey.repeats.departures.items())
        ],
    }


def figures(survey: Survey, licence: str) -> dict[str, Any]:
    """The figures of the images that should be learned from, beside the licence that a person gave for them."""
    kept = [survey.facts[row] for row in survey.kept]
    places = [survey.places[row] for row in survey.kept]
    colours = Colours()
    for facts in kept:
        colours.add(facts.thumbnail)
    return {
        "licence": licence,
        "image_files": len(survey.facts),
        "images": len(kept),
        "bytes": sum(facts.size for facts in kept),
        "mode": survey.mode,
        "splits": dict(sorted(Counter(place.split for place in places if place.split).items())),
        "classes": {
            as_text(label): count
            for label, count in sorted(Counter(place.label for place in places if place.label).items())
        },
        "formats": dict(sorted(Counter(facts.format for facts in kept).items())),
        "height": spread([facts.height for facts in kept]),
        "width": spread([facts.width for facts in kept]),
        "most_common_sizes": [
            {"height": height, "width": width, "images": count}
            for (height, width), count in Counter((facts.height, facts.width) for facts in kept).most_common(5)
        ],
        **colours.figures(),
        "fingerprint": fingerprint(survey),
    }


def fingerprint(survey: Survey) -> str:
    """Names the images that should be learned from by pixels, split and class: "sha256:…"."""
    lines = sorted(
        f"{survey.places[row].split}/{as_text(survey.places[row].label)}/{survey.facts[row].digest}\n"
        for row in survey.kept
    )
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


class Colours:
    """Counts levels of red, green and blue: all thumbnails at once as floats take gigabytes."""

    def __init__(self) -> None:
        self._counts = np.zeros((3, 256), np.int64)

    def add(self, thumbnail: bytes) -> None:
        """Count one of `Facts.thumbnail`."""
        values = np.frombuffer(thumbnail, np.uint8).reshape(-1, 3)
        self._counts += [np.bincount(channel, minlength=256) for channel in values.T]

    def figures(self) -> dict[str, list[float] | None]:
        """`colour_mean` and `colour_std`, of three levels each; None without images."""
        if not self._counts.any():
            return {"colour_mean": None, "colour_std": None}
        levels, shares = np.arange(256.0), self._counts / self._counts.sum(axis=1, keepdims=True)
        mean = shares @ levels
        deviation = np.sqrt(np.maximum(shares @ np.square(levels) - np.square(mean), 0))
        return {"colour_mean": mean.round(2).tolist(), "colour_std": deviation.round(2).tolist()}


def spread(values: Sequence[int]) -> dict[str, float] | None:
    """The least, the median and the most of them; None for none."""
    if not len(values):
        return None
    return {"least": int(min(values)), "median": float(np.median(values)), "most": int(max(values))}
