"""Plots of the evidence as SVG."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from aigc_tf.report import svg

REAL, GENERATED = svg.COLOURS[:2]
_MOST_BARS = 40


@matplotlib.rc_context(svg.STYLE)
def class_shares(real: np.ndarray, generated: np.ndarray, names: list[str]) -> tuple[str, int]:
    """Shares of the classes among real and generated images, from counts int [K]: the SVG and the classes in a bar.

    More than 40 classes are added up in groups of neighbouring numbers, for bars thinner than that say nothing.
    """
    per_bar = -(-len(real) // _MOST_BARS)
    starts = np.arange(0, len(real), per_bar)
    if per_bar > 1:
        names = [str(start) for start in starts]
    figure, axes = _figure()
    axes.margins(x=0.02)
    places = np.arange(len(starts))
    for shift, counts, label, colour in ((-0.2, real, "real", REAL), (0.2, generated, "generated", GENERATED)):
        axes.bar(places + shift, np.add.reduceat(counts, starts) / counts.sum(), 0.4, label=label, color=colour)
    every = -(-len(starts) // 12)
    long = max(map(len, names)) > 6
    axes.set_xticks(places[::every], names[::every], rotation=35 if long else 0, ha="right" if long else "center")
    axes.set_xlabel("class" if per_bar == 1 else f"first of {per_bar} classes")
    axes.set_ylabel("share of images")
    return svg.drawn(figure, axes, "classes"), per_bar


@matplotlib.rc_context(svg.STYLE)
def precision_recall(real_logits: np.ndarray, generated_logits: np.ndarray, detector: str) -> str:
    """Precision over recall of a detector of real images, from its logits float [N] and [M], at every threshold; both
    sets weigh the same."""
    truth = np.repeat([1, 0], [len(real_logits), len(generated_logits)])
    weights = np.where(truth == 1, 0.5 / len(real_logits), 0.5 / len(generated_logits))
    logits = np.concatenate([real_logits, generated_logits])
    precision, recall, _ = precision_recall_curve(truth, logits, sample_weight=weights)
    few = np.linspace(0, len(recall) - 1, 400).round().astype(int)  # more points than pixels only fill the page
    figure, axes = _figure()
    axes.step(recall[few], precision[few], where="post", color=REAL, label=detector)
    axes.axhline(0.5, color=svg.INK, linewidth=1, linestyle=":", label="guessing")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    return svg.drawn(figure, axes, "precision")


@matplotlib.rc_context(svg.STYLE)
def logits(real: np.ndarray, generated: np.ndarray) -> str:
    """How a detector's logits of real and of generated images, float [N] and [M], are spread."""
    figure, axes = _figure()
    edges = np.histogram_bin_edges(np.concatenate([real, generated]), bins=50)
    for values, label, colour in ((real, "real, held out", REAL), (generated, "generated", GENERATED)):
        shares = np.histogram(values, edges)[0] / len(values)
        axes.stairs(shares, edges, fill=True, alpha=0.55, color=colour, label=label)
    axes.axvline(0, color=svg.INK, linewidth=1, linestyle=":")
    axes.set(xlabel="logit (above 0: called real)", ylabel="share of images")
    return svg.drawn(figure, axes, "logits")


def _figure() -> tuple[Figure, Any]:
    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    return figure, figure.subplots()
