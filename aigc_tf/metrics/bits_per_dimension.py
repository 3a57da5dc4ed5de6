"""Bits per dimension: how many bits a value of a held-out image would take if the model were used to write it down.

Definition: the mean over held-out images of what the model itself tells of each, minus the logarithm (base 2) of its
probability, or of a bound below that, divided by the number of its values. A model that tells none has no such figure.
How a model tells it, and how tight a bound is, stands where its family is described.

Range: 0 to 8 for images of 256 levels and models that are any good, and above 8 for those worse than none. Direction:
lower is better; it says little about how images look (Theis et al. 2016, arXiv:1511.01844). Reference: none, since
nobody knows the entropy of images. Interval: normal, over the images; what a model draws by chance to tell it is the
same each time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Asked, Evidence, Figure, MissingEvidence, Observations

_IMAGES = 250


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`bits_per_dimension`; ValueError for figures of a wrong shape or not finite."""
    bits = evidence.asked.get("bits_per_dimension")
    if bits is None:
        raise MissingEvidence("no bits per dimension of held-out images were given; they need a model that tells them")
    if bits.ndim != 1 or not len(bits) or not np.isfinite(bits).all():
        raise ValueError(f"bits per dimension must be finite numbers [N], N at least 1, not {bits.shape}")
    value = float(np.mean(bits, dtype=np.float64))
    interval = intervals.of_mean(bits, 0)
    note = f"{len(bits):,} held-out images"
    return {"bits_per_dimension": Figure(value, "lower", note=note, interval=interval, judged_by="pixels")}


def ask(model: Asked, look: Callable[[np.ndarray], Observations]) -> np.ndarray | None:
    """Bits per dimension float32 [N] of some held-out images, always the same ones."""
    rows = np.random.default_rng(0).permutation(model.held_out)[:_IMAGES]
    return model.scores(rows).get("bits_per_dimension") if len(rows) else None
