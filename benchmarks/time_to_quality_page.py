"""The figures of `benchmarks.time_to_quality` for people: when a run reached what, a page and curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record

THRESHOLDS = (100, 70, 30, 10, 5, 3, 2, 1.5, 1.2)


def first_reached(judged: list[dict[str, Any]], threshold: float, by: str = "lenet") -> float | None:
    """Seconds at which a run first stands at `threshold` floors, on a straight line between judged points in the
    logarithms of both; None where it never does."""
    before = None
    for row in judged:
        if row[by] <= threshold:
            if before is None:
                return row["seconds"]
            share = np.log(before[by] / threshold) / np.log(before[by] / row[by])
            return float(before["seconds"] * (row["seconds"] / before["seconds"]) ** share)
        before = row
    return None


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    runs, several = figures["runs"], figures["several_sets"]
    floors = [
        f"{floor:.3f} under the judge {by!r} (which tells {figures['held_out_accuracy'][by]:.2%} of held-out digits)"
        for by, floor in figures["floors"].items()
    ]
    parts = [
        "Seconds are CPU seconds of the whole process over cores. Distances are multiples of the floor, which is "
        f"{' and '.join(floors)}. From {several['below']:g} floors downwards they are means over {several['sets']} "
        "sets of images.\n",
        "![Distance against time](time_to_quality.png)\n",
        "Seconds until a run first stands at so many floors (the second judge in brackets):\n",
        record.table(
            ["run", *(f"{threshold:g}" for threshold in THRESHOLDS)],
            [[name, *(_both(run, threshold) for threshold in THRESHOLDS)] for name, run in runs.items()],
        ),
        "How many times longer than the slowest seed of the default recipe:\n",
        record.table(
            ["run", *(f"{threshold:g}" for threshold in THRESHOLDS)],
            [
                [name, *(_ratio(runs, name, threshold) for threshold in THRESHOLDS)]
                for name in runs
                if not name.startswith("default-")
            ],
        ),
        'The last point of each run; "spread" is the standard deviation of a single set of images, "off even" the '
        "class whose share is furthest from a tenth:\n",
        record.table(
            ["run", "seconds", "step", "floors", "spread", "floors, second judge", "off even", "begun at commit"],
            [
                [name, f"{row['seconds']:.0f}", f"{row['step']:,}", f"{row['lenet']:.2f}"]
                + [
                    "-" if row["spread"] is None else f"{row['spread']:.2f}",
                    f"{row['second']:.2f}",
                    f"{max(abs(10 * share - 1) for share in row['class_shares']):.0%}",
                    (figures["commits"][name] or "")[:7],
                ]
                for name, run in runs.items()
                for row in run[-1:]
            ],
        ),
    ]
    return "\n".join(parts)


def _both(run: list[dict[str, Any]], threshold: float) -> str:
    first, second = (first_reached(run, threshold, by) for by in ("lenet", "second"))
    return f"{_rounded(first)} ({_rounded(second)})"


def _rounded(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"


def _ratio(runs: dict[str, list[dict[str, Any]]], name: str, threshold: float) -> str:
    ours = [first_reached(run, threshold) for other, run in runs.items() if other.startswith("default-")]
    if not ours or None in ours:
        return "-"
    reached = first_reached(runs[name], threshold)
    return f"{reached / max(ours):.1f}" if reached else f"> {runs[name][-1]['seconds'] / max(ours):.1f}"


def draw(figures: dict[str, Any], path: Path) -> None:
    """Both judges' curves side by side, time and distance on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    recipes = list(dict.fromkeys(name.rpartition("-")[0] for name in figures["runs"]))
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 5), sharey=True, layout="constrained")
    for by, title, axis in zip(("lenet", "second"), ("the judge that ships", "a second judge"), axes):
        for name, run in figures["runs"].items():
            recipe, _, seed = name.rpartition("-")
            style = {"color": f"C{recipes.index(recipe)}", "marker": ".", "label": f"{recipe}, seed {seed}"}
            axis.loglog([row["seconds"] for row in run], [row[by] for row in run], **style)
        axis.axhline(1, color="grey", linestyle=":")
        axis.set(title=title, xlabel="CPU seconds / cores")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("Fréchet distance, multiples of the floor (dotted)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(figures["runs"]))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
