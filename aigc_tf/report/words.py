"""Figures put into words, without more certainty than they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EXTRACTORS = {"lenet": "LeNet"}


def number(value: float | None, digits: int = 4) -> str:
    """A figure for the eye, such as "6.049", "0.000344" or "12,500"; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def interval(ends: list[float] | None) -> str:
    """A confidence interval, such as "5.9 to 6.2"; nothing for None."""
    return "" if ends is None else f"{number(ends[0])} to {number(ends[1])}"


def verdict(record: Mapping[str, Any]) -> list[str]:
    """What the figures say of the images, sentence by sentence, the most important one first."""
    measures = record["measures"]
    sentences = [*_distance(measures), *_classes(measures)]
    return sentences or ["None of the figures below sums the images up: read them one by one."]


def _distance(measures: Mapping[str, Any]) -> list[str]:
    name = next((name for name in measures if name == "fid" or name.startswith("fd_")), None)
    if name is None:
        return []
    figure, extractor = measures[name], name.removeprefix("fd_")
    title = "FID" if name == "fid" else f"FD-{_EXTRACTORS.get(extractor, extractor)}"
    said = f"{title} {number(figure['value'], 3)}"
    floor = figure["reference"]
    if not floor:
        said += "; what real images score was not measured, so nobody can tell from it alone whether that is good."
    elif figure["interval"] is not None and figure["interval"][0] <= floor:
        said += f", which so many images cannot tell from what real images score ({number(floor, 3)})."
    else:
        said += f", {number(figure['value'] / floor, 3)} times what real images score ({number(floor, 3)})."
    if name == "fid":
        return [said]
    return [said, f"{title} is not the FID of papers: it compares only with figures of the same judge and images."]


def _classes(measures: Mapping[str, Any]) -> list[str]:
    figure = measures.get("class_coverage")
    if figure is None:
        return []
    made, there = number(figure["value"]), number(figure["reference"])
    note = f" ({figure['note']})" if figure["note"] else ""
    return [f"Of the {there} classes of the real images, {made} are among the generated ones{note}."]
