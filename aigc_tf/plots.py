"""The curves of a run: what belongs together, and one picture of all for whoever has no TensorBoard open."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from aigc_tf import json_lines
from aigc_tf.atomic_files import write_atomically
from aigc_tf.families import FAMILIES
from aigc_tf.run_folder import RunFolder

Points = Sequence[Mapping[str, Any]]
"""The lines of metrics.jsonl."""


def points_of(run: RunFolder) -> Points:
    """Those of a run, none where it has none yet."""
    return [point for _, point in json_lines.read(run.metrics_file)]


def panels(model: str, points: Points) -> dict[str, tuple[str, ...]]:
    """Titles, and the names of the figures in each, of those of the family's panels that any point has figures for:
    some are those of some settings."""
    known = {name for point in points for name in point}
    return {title: names for title, names in FAMILIES[model].curves.items() if not known.isdisjoint(names)}


def label(name: str) -> str:
    """What a figure is called within its panel."""
    return name.partition("/")[2].replace("_", " ")


def seconds(points: Points, batch: int) -> float:
    """How long the steps between the points took; the first ones, which nobody timed, are left out."""
    total, last = 0.0, 0
    for point in points:
        if speed := point.get("speed/images_per_second"):
            total += (point["step"] - last) * batch / speed
        last = point["step"]
    return total


def draw_curves(run: RunFolder) -> None:
    """Write `curves.png` from `metrics.jsonl`; nothing where there are no figures yet."""
    # Not pyplot, which would look for a screen and keep figures in a global list.
    from matplotlib.figure import Figure

    points = points_of(run)
    shown = panels(run.read_config().model, points)
    if not shown:
        return
    rows = -(-len(shown) // 2)
    height = 3.25 * rows
    figure = Figure(figsize=(11, height))
    # By hand: matplotlib's own ways to find these margins draw all of it twice, which takes as long as the drawing.
    figure.subplots_adjust(0.06, 0.5 / height, 0.985, 1 - 0.32 / height, wspace=0.14, hspace=0.36)
    all_axes = figure.subplots(rows, 2).flat
    for axes in all_axes[len(shown) :]:
        axes.set_axis_off()
    for axes, (title, names) in zip(all_axes, shown.items()):
        for name in names:
            known = [(point["step"], point[name]) for point in points if name in point]
            if known:
                axes.plot(*zip(*known), label=label(name), linewidth=1)
                axes.legend(frameon=False)
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomically(run.curves_file, picture.getvalue())
