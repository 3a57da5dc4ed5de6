"""Samples of several runs below each other, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def draw(strips: Sequence[tuple[str, np.ndarray]], path: Path) -> None:
    """Write a picture of strips, each a title and levels of grey [H, W], from black at 0 to white at their type's most
    (1 for floats)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(strips), 1, figsize=(5, 0.75 * len(strips)), layout="constrained", squeeze=False)
    for (title, levels), axis in zip(strips, axes[:, 0]):
        white = 1 if levels.dtype.kind == "f" else np.iinfo(levels.dtype).max
        axis.imshow(levels, cmap="gray", vmin=0, vmax=white)
        axis.set_title(title, fontsize=8)
        axis.axis("off")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
