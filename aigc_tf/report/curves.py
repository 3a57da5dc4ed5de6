"""Curves of a run as plots, and in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from aigc_tf import plots
from aigc_tf.report import svg, words

Line = Sequence[tuple[int, float]]
"""Steps, ascending, and values; at least one."""
_MOST_POINTS = 500  # more points than pixels only fill the page
_FAR = 1e100  # beyond what float32 holds, and within what matplotlib can reckon with
_DASHES = ("-", "--", ":", "-.")


@dataclasses.dataclass(frozen=True)
class Panel:
    """Curves that belong together.

    Attributes:
        title: what they are of.
        svg: the plot.
        told: what is to be seen in each, by its name.
    """

    title: str
    svg: str
    told: dict[str, str]


def of_run(model: str, points: plots.Points, judgements: plots.Points) -> list[Panel]:
    """The panels of the family `model`, then rates and speed, then the distance in `judgements` during training."""
    rates = tuple(dict.fromkeys(name for point in points for name in point if name.startswith("learning_rate/")))
    of_points = {
        **plots.panels(model, points),
        "learning rate": rates,
        "speed, in images per second": ("speed/images_per_second",),
    }
    shown = [(title, points, {name: plots.label(name) for name in names}) for title, names in of_points.items()]
    distances = dict.fromkeys(name for point in judgements for name in point if name.startswith("fd_"))
    shown.append(("Fréchet distance of quick judgements", judgements, {name: name for name in distances}))
    drawn: list[Panel] = []
    for title, among, names in shown:
        lines = {
            label: [(point["step"], _drawable(point[name])) for point in among if name in point]
            for name, label in names.items()
        }
        lines = {label: line for label, line in lines.items() if line}
        if lines:
            told = {label: _in_words(line) for label, line in lines.items()}
            drawn.append(Panel(title, _plot(lines, f"curve-{len(drawn)}"), told))
    return drawn


def _drawable(value: float) -> float:
    """A value, or the one NaN where it is none, or where no axis reaches that far."""
    return float(value) if abs(value) < _FAR else math.nan


@matplotlib.rc_context(svg.STYLE)
def _plot(lines: Mapping[str, Line], name: str) -> str:
    figure = Figure(figsize=(4.8, 2.8))
    axes = figure.add_axes((0.155, 0.16, 0.825, 0.72))
    for number, (label, line) in enumerate(lines.items()):
        steps, values = _thinned(line)
        style: Any = {"color": svg.COLOURS[number % len(svg.COLOURS)], "linestyle": _DASHES[number % len(_DASHES)]}
        axes.plot(steps, values, label=label, linewidth=1.4, marker="o" if len(steps) == 1 else None, **style)
    axes.set_xlabel("step")
    axes.grid(alpha=0.25, color=svg.INK, linewidth=0.6)
    return svg.drawn(figure, axes, name)


def _thinned(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of at most `_MOST_POINTS` points, each the mean of its neighbours' values at the last's step."""
    steps, values = np.array([step for step, _ in line]), np.array([value for _, value in line])
    if len(steps) <= _MOST_POINTS:
        return steps, values
    starts = np.linspace(0, len(steps), _MOST_POINTS, endpoint=False).astype(int)
    ends = np.append(starts[1:], len(steps))
    return steps[ends - 1], np.add.reduceat(values, starts) / (ends - starts)


def _in_words(line: Line) -> str:
    (first, begin), (last, end) = line[0], line[-1]
    finite = [(step, value) for step, value in line if math.isfinite(value)]
    if len({value for _, value in line}) == 1:
        return f"{words.number(end, 3)} " + (f"at step {last:,}" if len(line) == 1 else "throughout")
    said = f"{words.number(begin, 3)} at step {first:,}, {words.number(end, 3)} at step {last:,}"
    if not finite:
        return said
    (low, least), (high, most) = (choose(finite, key=lambda point: point[1]) for choose in (min, max))
    return f"{said}; from {words.number(least, 3)} (step {low:,}) to {words.number(most, 3)} (step {high:,})"
