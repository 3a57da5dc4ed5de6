"""The figures of `benchmarks.throughput` for people: ratios, a page and bars."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks import record

COMPETITORS = ("train.py", "bare loop", "PyTorch")
_PAIRS = (("train.py", "bare loop"), ("train.py", "PyTorch"), ("bare loop", "PyTorch"))


def ratios(cell: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    """How many times as many images one does as the other, in each round: by the clock and by CPU seconds."""
    return {
        f"{one} / {other}": {
            unit: [round(a / b, 4) for a, b in zip(cell[one][unit], cell[other][unit])]
            for unit in ("images_per_second", "images_per_cpu_second")
        }
        for one, other in _PAIRS
        if cell[one] and cell[other]
    }


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    cells = figures["cells"].values()
    peak = figures["peak_gflops"]
    rate_header = ["batch", "pixels", *(name for name in COMPETITORS)]
    return "\n".join(
        [
            "Medians over rounds of training steps of each, in turns of two seconds, with the "
            f"lowest and highest; PyTorch is {figures['torch'] or 'not installed here'}. A CPU second is all CPU "
            "seconds of the process over cores.\n",
            "![Images per CPU second against the bare loop](throughput.png)\n",
            "Images per CPU second:\n",
            record.table(rate_header, [_rates(cell, "images_per_cpu_second") for cell in cells]),
            "Images per second by the clock:\n",
            record.table(rate_header, [_rates(cell, "images_per_second") for cell in cells]),
            "How many times as many, by CPU seconds (by the clock in brackets):\n",
            record.table(
                ["batch", "pixels", *(f"{one} / {other}" for one, other in _PAIRS)],
                [
                    [cell["batch"], cell["pixels"], *(_ratio(cell, f"{one} / {other}") for one, other in _PAIRS)]
                    for cell in cells
                ],
            ),
            f"What train.py does by the clock, as a share of this machine's best convolution "
            f"({peak['convolution']:.0f} GFLOP/s) and matrix multiplication ({peak['matmul']:.0f} GFLOP/s):\n",
            record.table(
                ["batch", "pixels", "MFLOP an image", "GFLOP/s", "of convolution", "of multiplication"],
                [
                    [cell["batch"], cell["pixels"], f"{cell['flops_per_image'] / 1e6:.1f}"]
                    + [f"{cell['share_of_peak']['convolution'] * peak['convolution']:.1f}"]
                    + [f"{cell['share_of_peak'][best]:.0%}" for best in ("convolution", "matmul")]
                    for cell in cells
                ],
            ),
        ]
    )


def _rates(cell: dict[str, Any], unit: str) -> list[object]:
    shown = (_middle(cell[name][unit], ",.0f") if cell[name] else "-" for name in COMPETITORS)
    return [cell["batch"], cell["pixels"], *shown]


def _ratio(cell: dict[str, Any], pair: str) -> str:
    if pair not in cell["ratios"]:
        return "-"
    ratio = cell["ratios"][pair]
    clock = statistics.median(ratio["images_per_second"])
    return f"{_middle(ratio['images_per_cpu_second'], '.3f')} ({clock:.3f})"


def _middle(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def draw(figures: dict[str, Any], path: Path) -> None:
    """Bars, a group a cell: images per CPU second as multiples of the bare loop's, with the extremes over rounds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    cells = list(figures["cells"].values())
    shown = [name for name in COMPETITORS if cells[0][name]]
    figure, axes = pyplot.subplots(figsize=(2 + 2 * len(cells), 4.5), layout="constrained")
    for place, name in enumerate(shown):
        rates = [cell[name]["images_per_cpu_second"] for cell in cells]
        bare = [statistics.median(cell["bare loop"]["images_per_cpu_second"]) for cell in cells]
        rounds = [[rate / one for rate in each] for each, one in zip(rates, bare)]
        middles = [statistics.median(each) for each in rounds]
        spread = [[m - min(r) for m, r in zip(middles, rounds)], [max(r) - m for m, r in zip(middles, rounds)]]
        left = [number + (place - (len(shown) - 1) / 2) * 0.27 for number in range(len(cells))]
        bars = axes.bar(left, middles, 0.25, yerr=spread, capsize=3, label=name)
        axes.bar_label(bars, [f"{statistics.median(each):,.0f}" for each in rates], padding=3, fontsize=8)
    axes.set(ylabel="times the bare loop", title="Images per CPU second of training")
    axes.set_xticks(range(len(cells)), [f"batch {cell['batch']}\n{cell['pixels']}x{cell['pixels']}" for cell in cells])
    axes.margins(y=0.3)
    axes.legend(loc="upper left", ncols=3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
