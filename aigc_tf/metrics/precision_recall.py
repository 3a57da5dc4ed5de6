"""Precision, recall, density and coverage: how true generated images are, and how much of the real ones they cover.

Definition: a set of images is taken for the union of balls, one around each image's features, reaching to its k-th
nearest neighbour in its own set. Precision is the share of generated images within a ball of the real set, recall
the share of real images within a ball of the generated set (Kynkäänniemi et al. 2019, arXiv:1904.06991; k = 3, as
there). Density is the mean number of real balls that hold a generated image, over k; coverage is the share of real
balls that hold any generated image (Naeem et al. 2020, arXiv:2002.09797; k = 5, as there). A ball holds its surface.

Range: 0 to 1; density goes on beyond 1, where generated images crowd among real ones. Direction: higher is better.
Precision and density ask for images like real ones, recall and coverage for all kinds of them. A single odd image has
a wide ball: a real one raises precision, a generated one recall; density and coverage suffer less. Reference: the same
with training images in place of the generated ones. All four depend on both numbers of images, so a note tells numbers
that differ.
Interval: precision Wilson's, density normal, each over the generated images; recall and coverage by the jackknife over
groups of generated images, whose balls keep their size.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need
from aigc_tf.metrics.neighbours import count_balls, nearest, neighbour_distances

_K_PRECISION_RECALL = 3
_K_DENSITY_COVERAGE = 5


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`precision`, `recall`, `density`, `coverage`.

    Raises MissingEvidence for fewer than six real or four generated images, ValueError for features that differ in
    width.
    """
    real = need(evidence.real, "features", "real")
    generated = need(evidence.generated, "features", "generated")
    reach = neighbour_distances(real, _K_DENSITY_COVERAGE, "real")
    taken = _compare(real, reach, generated)
    numbers = {"real": len(real), "generated": len(generated)}
    floor, train = None, None if evidence.floor is None else evidence.floor.features
    if train is not None and len(train) > _K_PRECISION_RECALL:
        floor = _compare(real, reach, train)
        numbers["training"] = len(train)
    note = ""
    if len(set(numbers.values())) > 1:
        note = "of " + ", ".join(f"{number:,} {whose}" for whose, number in numbers.items()) + " images"
    return {
        name: Figure(
            value,
            better="higher",
            reference=floor[name][0] if floor else None,
            note=note,
            interval=interval,
            judged_by="extractor",
        )
        for name, (value, interval) in taken.items()
    }


def _compare(
    real: np.ndarray, reach: np.ndarray, generated: np.ndarray
) -> dict[str, tuple[float, intervals.Interval | None]]:
    """Each figure and its interval; `reach` [N, 5] are the distances from real images to their neighbours."""
    small, large = reach[:, _K_PRECISION_RECALL - 1], reach[:, _K_DENSITY_COVERAGE - 1]
    radii = neighbour_distances(generated, _K_PRECISION_RECALL, "generated")[:, -1]
    inside = count_balls(generated, real, small) > 0
    crowding = count_balls(generated, real, large) / _K_DENSITY_COVERAGE
    parts = intervals.groups(len(generated)) or [np.arange(len(generated))]
    recalled = np.stack([count_balls(real, generated[part], radii[part]) > 0 for part in parts])
    covered = np.stack([nearest(real, generated[part])[1] <= large for part in parts])
    return {
        "precision": (float(inside.mean()), intervals.of_share(inside)),
        "recall": _share_reached(recalled),
        "density": (float(crowding.mean()), intervals.of_mean(crowding, 0)),
        "coverage": _share_reached(covered),
    }


def _share_reached(reached: np.ndarray) -> tuple[float, intervals.Interval | None]:
    """Share of real images that any group of generated ones reaches, of bool [groups, N]; no interval for one group."""
    value = float(reached.any(axis=0).mean())
    if len(reached) == 1:
        return value, None
    leave_out = [float(np.delete(reached, group, axis=0).any(axis=0).mean()) for group in range(len(reached))]
    return value, intervals.within(intervals.jackknife(value, leave_out), 0, 1)
