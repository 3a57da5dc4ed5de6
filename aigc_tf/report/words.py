"""Figures put into words, without more certainty than they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aigc_tf.metrics.evidence import STRANGERS

_EXTRACTORS = {"lenet": "LeNet"}


def number(value: float | None, digits: int = 4) -> str:
    """A figure for the eye, such as "6.049", "0.000344" or "12,500"; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def interval(ends: Sequence[float] | None) -> str:
    """A confidence interval, such as "5.9 to 6.2"; nothing for None."""
    return "" if ends is None else f"{number(ends[0], 3)} to {number(ends[1], 3)}"


def remarks(figure: Mapping[str, Any]) -> str:
    """What should be read beside a figure of the record: its warning and its note; mostly nothing."""
    return "; ".join(filter(None, (figure["warning"], figure["note"])))


def rows(measures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """The record's figures as rows of a table: name, arrow towards the better, value, interval, what real images score,
    remarks."""
    return [
        {
            "name": name,
            "arrow": {"higher": "↑", "lower": "↓", "neither": ""}[figure["better"]],
            "value": number(figure["value"]),
            "interval": interval(figure["interval"]),
            "reference": number(figure["reference"]),
            "remarks": remarks(figure),
        }
        for name, figure in measures.items()
    ]


def class_names(record: Mapping[str, Any], count: int) -> list[str]:
    """The names of the record's `count` classes; their numbers where it has no such names."""
    names = record["class_names"]
    return list(names) if len(names) == count else [str(number) for number in range(count)]


def own_judge(record: Mapping[str, Any]) -> str | None:
    """The name of the part of the model that judged figures of the record; None where none did."""
    judges = (figure["provenance"]["judged_by"] for figure in record["measures"].values())
    return next((judge for judge in judges if judge not in STRANGERS), None)


def verdict(record: Mapping[str, Any]) -> list[str]:
    """What the figures say of the images, sentence by sentence, the most important one first.

    Copies come first where they were found, for they make every other figure look good.
    """
    measures = record["measures"]
    copied, not_copied = _copies(record)
    distance = _distance(measures, record["num_generated"])
    sentences = [*copied, *distance, *_classes(measures), *_labels(measures), *not_copied]
    return sentences or ["None of the figures below sums the images up: read them one by one."]


def _copies(record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Sentences for copies that were found, and for none that were; both empty where nobody looked."""
    measures = record["measures"]
    looked = [name for name in ("memorisation_ct", "memorised_share") if name in measures]
    found = [f"{name} {number(measures[name]['value'], 3)}" for name in looked if measures[name]["warning"]]
    if not looked:
        return [], []
    whose = "training" if record["num_training"] else "the real"  # which stand in where nobody knows the former
    if found:
        return [f"{whose.capitalize()} images are copied ({', '.join(found)}), which flatters the other figures."], []
    return [], [f"No sign that {whose} images were copied."]


def _distance(measures: Mapping[str, Any], count: int) -> list[str]:
    name = next((name for name in measures if name == "fid" or name.startswith("fd_")), None)
    if name is None:
        return []
    figure, extractor = measures[name], name.removeprefix("fd_")
    title = "FID" if name == "fid" else f"FD-{_EXTRACTORS.get(extractor, extractor)}"
    value, floor = figure["value"], figure["reference"]
    said = f"{title} {number(value, 3)}"
    if not floor:
        said += "; what real images score was not measured, so nobody can tell from it alone whether that is good."
    elif figure["interval"] is not None and figure["interval"][0] <= floor:
        said += f", which {count:,} images cannot tell from what real images score ({number(floor, 3)})."
    else:
        said += f", {number(value / floor, 3)} times what real images score ({number(floor, 3)})."
    if name == "fid":
        return [said]
    return [said, f"{title} is not the FID of papers: it compares only with figures of the same judge and images."]


def _classes(measures: Mapping[str, Any]) -> list[str]:
    figure = measures.get("class_coverage")
    if figure is None:
        return []
    made, there = number(figure["value"]), number(figure["reference"])
    if not figure["warning"]:
        return [f"All {there} classes of the real images are among the generated ones."]
    return [
        f"Only {made} of the {there} classes of the real images are among the generated ones ({figure['warning']})."
    ]


def _labels(measures: Mapping[str, Any]) -> list[str]:
    figure = measures.get("label_accuracy")
    if figure is None:
        return []
    share, real = (f"{100 * figure[field]:.3g} %" for field in ("value", "reference"))
    return [
        f"Of the images that were asked for by class, the classifier takes {share} for that class; of real, {real}."
    ]
