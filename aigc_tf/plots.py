"""The curves of a run as one picture, for whoever has no TensorBoard open."""

from __future__ import annotations

import io

from aigc_tf import json_lines
from aigc_tf.atomic_files import write_atomically
from aigc_tf.families import FAMILIES
from aigc_tf.run_folder import RunFolder


def draw_curves(run: RunFolder) -> None:
    """Write `curves.png` from `metrics.jsonl`; nothing where there are no figures yet."""
    # Not pyplot, which would look for a screen and keep figures in a global list.
    from matplotlib.figure import Figure

    panels = FAMILIES[run.read_config().model].curves
    if not panels or not run.metrics_file.exists():
        return
    points = [point for _, point in json_lines.read(run.metrics_file)]
    # Some figures are those of some settings.
    panels = {
        title: names for title, names in panels.items() if any(name in point for point in points for name in names)
    }
    if not panels:
        return
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(11, 3.25 * rows), layout="constrained")
    all_axes = figure.subplots(rows, 2).flat
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, names) in zip(all_axes, panels.items()):
        for name in names:
            known = [(point["step"], point[name]) for point in points if name in point]
            if known:
                axes.plot(*zip(*known), label=name.partition("/")[2].replace("_", " "), linewidth=1)
                axes.legend(frameon=False)
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomically(run.curves_file, picture.getvalue())
