"""The report of an evaluation: what was judged, how it came out, what it looks like and how that was found."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aigc_tf.image_grid import image_grid
from aigc_tf.metrics import METRICS
from aigc_tf.metrics.class_coverage import class_counts
from aigc_tf.metrics.evidence import Evidence
from aigc_tf.report import html, pictures, plots, words

_SHOWN_ELSEWHERE = ("subject", "measures", "warnings", "class_names", "num_generated", "num_real", "num_training")


def write(path: Path, record: Mapping[str, Any], evidence: Evidence) -> None:
    """Write the report of an evaluation as `path`, the whole of it or nothing.

    `record` is what the evaluation wrote down, `evidence` what its measures looked at. What the evidence lacks (a
    judge of the model's own, classes, training images) is left out of the page. Raises OSError where the disk does not
    take it.
    """
    common, groups = shared_provenance(record["measures"])
    html.write(
        path,
        "page.html",
        record=record,
        subject=record["subject"],
        verdict=words.verdict(record),
        rows=words.rows(record["measures"]),
        common=common,
        groups=groups,
        glossary=_glossary(),
        rest={name: value for name, value in record.items() if name not in _SHOWN_ELSEWHERE},
        **_shown(evidence, record),
    )


def shared_provenance(
    measures: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Any], list[tuple[list[str], dict[str, Any]]]]:
    """What the provenance of all figures has in common, and for each kind of figure its names and what it has apart."""
    every = {name: figure["provenance"] for name, figure in measures.items()}
    first: dict[str, Any] = next(iter(every.values()), {})
    common = {
        field: value
        for field, value in first.items()
        if all(field in other and other[field] == value for other in every.values())
    }
    groups: list[tuple[list[str], dict[str, Any]]] = []
    for name, provenance in every.items():
        apart = {field: value for field, value in provenance.items() if field not in common}
        for names, known in groups:
            if known == apart:
                names.append(name)
                break
        else:
            groups.append(([name], apart))
    return common, groups


def _shown(evidence: Evidence, record: Mapping[str, Any]) -> dict[str, Any]:
    """The pictures and plots of the page, by the names that the template knows them under; None where there is none."""
    real, generated = evidence.real, evidence.generated
    detector, name = None, words.own_judge(record)
    if name and "logit" in real.scores and "logit" in generated.scores:
        both = real.scores["logit"], generated.scores["logit"]
        curve = plots.precision_recall(*both, name)
        detector = {"name": name, "precision_recall": curve, "logits": plots.logits(*both)}
    grids = {"Generated": generated.images, "Real, held out": real.images}
    return {
        "grids": {title: pictures.overview(images) for title, images in grids.items() if images is not None},
        "classes": _classes(evidence, record),
        "pairs": pictures.closest_pairs(evidence),
        "detector": detector,
    }


def _classes(evidence: Evidence, record: Mapping[str, Any]) -> dict[str, Any] | None:
    real, generated = evidence.real.probabilities, evidence.generated.probabilities
    if real is None or generated is None:
        return None
    names = words.class_names(record, real.shape[1])
    svg, per_bar = plots.class_shares(class_counts(real), class_counts(generated), names)
    rows = [
        (names[number], image_grid(images, len(images)) if len(images) else None)
        for number, images in pictures.classes(evidence).items()
    ]
    return {"count": len(names), "svg": svg, "per_bar": per_bar, "rows": rows}


def _glossary() -> list[tuple[str, str]]:
    """(name, first paragraph of its page) of each measure."""
    pages = {name: sys.modules[METRICS[name].__module__].__doc__ or "" for name in METRICS}
    return [(name, page.partition("\n\n")[0]) for name, page in pages.items()]
