"""Puts the figures of several evaluations side by side, and refuses where they were not measured alike."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import textwrap
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from rich.table import Table
from rich.text import Text

from aigc_tf.atomic_files import write_atomically
from aigc_tf.errors import UserError
from aigc_tf.metrics.evidence import STRANGERS
from aigc_tf.report.words import interval, number
from aigc_tf.run_folder import RunFolder
from aigc_tf.shell import quoted

# What must agree for two figures to mean the same; steps, seeds, versions and averaging may differ.
ALIKE = (
    *("judged_by", "judge", "judge_hash", "resizer", "num_generated", "num_real", "num_training"),
    *("reference_split", "reference_hash"),
)
VERSIONS = ("aigc_tf", "tensorflow", "numpy", "scipy")
_COLUMNS, _TITLE = 4, 30  # panels in a row of the plot, letters in a line of a name


@dataclasses.dataclass(frozen=True)
class Judged:
    """What one evaluation found.

    Attributes:
        name: how it is called in the comparison.
        step: of the checkpoint that was judged; None where there is none.
        measures: each figure with its "provenance", as the record has them.
    """

    name: str
    step: int | None
    measures: dict[str, dict[str, Any]]

    @property
    def title(self) -> str:
        return self.name if self.step is None else f"{self.name}, step {self.step:,}"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Evaluations whose figures may stand side by side.

    Attributes:
        evaluations: two or more, in the order given.
        shared: names of the figures that all of them have.
        apart: name of each other figure and the names of the evaluations that have it.
        own: names of figures that are judged by a part of each model itself, and so cannot be compared.
        warnings: sentences about versions that differ.
    """

    evaluations: tuple[Judged, ...]
    shared: tuple[str, ...]
    apart: dict[str, list[str]]
    own: tuple[str, ...]
    warnings: tuple[str, ...]

    def column(self, measure: str) -> list[dict[str, Any]]:
        """The figure `measure` of each evaluation."""
        return [evaluation.measures[measure] for evaluation in self.evaluations]


def compare(paths: Sequence[Path]) -> Comparison:
    """Read two or more evaluations, run folders (the newest step that was judged) or JSON files.

    Raises UserError for fewer, for one that was not judged or whose record is damaged, and for figures of one name that
    were not measured alike: it names the field that differs, and both values.
    """
    if len(paths) < 2:
        raise UserError(f"a comparison needs at least 2 runs or evaluation files, not {len(paths)}")
    alone = len({path.resolve().name for path in paths}) == len(paths)
    evaluations = tuple(_read(path, path.resolve().name if alone else str(path)) for path in paths)
    names = list(dict.fromkeys(name for evaluation in evaluations for name in evaluation.measures))
    holders = {name: [each for each in evaluations if name in each.measures] for name in names}
    own = [name for name in names if _provenance(holders[name][0], name).get("judged_by", "pixels") not in STRANGERS]
    comparable = [name for name in names if name not in own and len(holders[name]) > 1]
    for name in comparable:
        _check_alike(name, holders[name])
    return Comparison(
        evaluations,
        shared=tuple(name for name in comparable if len(holders[name]) == len(evaluations)),
        apart={
            name: [each.name for each in holders[name]]
            for name in names
            if name not in own and len(holders[name]) < len(evaluations)
        },
        own=tuple(own),
        warnings=tuple(_version_warnings(evaluations)),
    )


def record(comparison: Comparison) -> dict[str, Any]:
    """The figures as JSON values: those that all evaluations share, each with what must be told with it."""
    return {
        "evaluations": [
            {
                "name": each.name,
                "step": each.step,
                "measures": {name: each.measures[name] for name in comparison.shared},
            }
            for each in comparison.evaluations
        ],
        "apart": comparison.apart,
        "own": list(comparison.own),
        "warnings": list(comparison.warnings),
    }


def best(figures: Sequence[dict[str, Any]]) -> int | None:
    """Which of the figures is the best one: None unless its interval lies apart from those of all others."""
    better = figures[0]["better"]
    if better == "neither" or any(figure["interval"] is None for figure in figures):
        return None
    sign = -1 if better == "lower" else 1
    leader = max(range(len(figures)), key=lambda i: sign * figures[i]["value"])
    low, high = figures[leader]["interval"]
    others = [figure["interval"] for i, figure in enumerate(figures) if i != leader]
    apart = all(low > other[1] if sign > 0 else high < other[0] for other in others)
    return leader if apart else None


def table(comparison: Comparison) -> Table:
    """The shared figures with their intervals, one column an evaluation, the best one marked where that is sure."""
    shown = Table(
        caption="* best, its interval apart from all others'; intervals 95 %, over samples, not over trainings"
    )
    shown.add_column("measure", no_wrap=True)
    for evaluation in comparison.evaluations:
        shown.add_column(Text(evaluation.title), justify="right")
    shown.add_column("real images", justify="right")
    shown.add_column("better")
    for name in comparison.shared:
        figures = comparison.column(name)
        leader = best(figures)
        cells = [
            f"{number(figure['value'])}{' *' if i == leader else ''}\n{interval(figure['interval'])}".rstrip("\n")
            for i, figure in enumerate(figures)
        ]
        references = dict.fromkeys(number(figure["reference"]) for figure in figures)
        better = "" if figures[0]["better"] == "neither" else figures[0]["better"]
        shown.add_row(Text(name), *cells, "\n".join(references), better)
    return shown


def draw(comparison: Comparison, path: Path) -> None:
    """Write a plot, in the format that the file's ending names: one panel a measure, dots with their intervals.

    Raises UserError where nothing is shared, and for an ending or a folder that cannot be used.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in ("png", "svg", "pdf"):
        raise UserError(f"--out {path} must end in .png, .svg or .pdf")
    if not path.parent.is_dir():
        raise UserError(f"--out {path} cannot be written: there is no folder {path.parent}")
    if not comparison.shared:
        raise UserError("the evaluations share no figure that could be compared: judge them alike")
    titles = [textwrap.fill(evaluation.title, _TITLE) for evaluation in comparison.evaluations]
    columns = min(_COLUMNS, len(comparison.shared))
    rows = math.ceil(len(comparison.shared) / columns)
    lines = "\n".join(titles).splitlines()
    width = 0.6 + 0.07 * max(map(len, lines)) + 2.6 * columns  # inches, of letters 9 points high
    height = 0.4 + rows * (0.9 + 0.14 * len(titles) + 0.18 * len(lines))
    with matplotlib.rc_context({"text.parse_math": False, "font.size": 9}):  # a run may be called $x$
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.08))
        panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
        for axes, name in zip(panels, comparison.shared):
            _panel(axes, name, comparison.column(name))
        for axes in panels[len(comparison.shared) :]:
            axes.set_axis_off()
        panels[0].set_yticks(range(len(titles)), titles)
        panels[0].set_ylim(len(titles) - 0.4, -0.6)
        told = "dot and bar: value, 95 % interval over samples; green: best, apart from all others; dashed: real images"
        figure.supxlabel(told, fontsize=8)
        picture = io.BytesIO()
        figure.savefig(picture, format=kind, dpi=130)
    write_atomically(path, picture.getvalue())


def _panel(axes: Any, name: str, figures: list[dict[str, Any]]) -> None:
    leader = best(figures)
    for row, figure in enumerate(figures):
        colour = "C2" if row == leader else "C0"
        if figure["interval"] is not None:
            axes.hlines(row, *figure["interval"], color=colour, linewidth=2.5, alpha=0.5)
        axes.plot(figure["value"], row, "o", color=colour, markersize=5)
        if figure["reference"] is not None:
            axes.vlines(figure["reference"], row - 0.5, row + 0.5, color="0.45", linewidth=1, linestyle="--")
    better = {"higher": " ↑", "lower": " ↓", "neither": ""}[figures[0]["better"]]
    axes.set_title(f"{name}{better}", fontsize=9, loc="left")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)


def _read(path: Path, name: str) -> Judged:
    file = path if path.is_file() else _newest(path)
    try:
        record = json.loads(file.read_text())
        measures = {measure: _checked(figure) for measure, figure in record["measures"].items()}
        step = record["subject"]["step"]
        if not (step is None or isinstance(step, int)):
            raise ValueError(f"its step is {step!r}")
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is no evaluation that can be compared ({error or type(error).__name__}): "
            "judge it again with `python evaluate.py RUN`"
        ) from None
    return Judged(name, step, measures)


def _newest(path: Path) -> Path:
    run = RunFolder.open(path)
    newest = run.newest_evaluation()
    if newest is None:
        raise UserError(f"{path} was not judged yet: run `python evaluate.py {quoted(path)}` first")
    return newest


def _checked(figure: dict[str, Any]) -> dict[str, Any]:
    """The figure as it is; ValueError, TypeError or KeyError where it is none."""
    value, reference = figure["value"], figure["reference"]
    low, high = (value, value) if figure["interval"] is None else figure["interval"]
    if not all(math.isfinite(number) for number in (value, low, high, reference or 0)):
        raise ValueError("a figure is not finite")
    if figure["better"] not in ("higher", "lower", "neither"):
        raise ValueError(f"a figure is better when {figure['better']!r}")
    if not isinstance(figure["provenance"], dict):
        raise TypeError("a figure has no provenance")
    return figure


def _check_alike(name: str, holders: Sequence[Judged]) -> None:
    for one, other in combinations(holders, 2):
        before, now = _provenance(one, name), _provenance(other, name)
        for field in ALIKE:
            if before.get(field) != now.get(field):
                raise UserError(
                    f"{name} cannot be compared: {field} is {before.get(field)!r} in {one.name} and "
                    f"{now.get(field)!r} in {other.name}; judge both alike"
                )


def _version_warnings(evaluations: Sequence[Judged]) -> list[str]:
    warnings = []
    for package in VERSIONS:
        found = {
            each.name: sorted({str(figure["provenance"].get(package)) for figure in each.measures.values()})
            for each in evaluations
        }
        if len(set(map(tuple, found.values()))) > 1:
            told = "; ".join(f"{', '.join(versions)} in {name}" for name, versions in found.items())
            warnings.append(f"judged with different versions of {package}: {told}")
    return warnings


def _provenance(evaluation: Judged, name: str) -> dict[str, Any]:
    return evaluation.measures[name]["provenance"]
