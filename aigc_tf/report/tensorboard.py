"""An evaluation for TensorBoard: scalars, pictures, the curve of the model's own judge, a view of the features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from scipy.stats import rankdata
from tensorboard.plugins import projector
from tensorboard.plugins.pr_curve import summary as pr_curve

from aigc_tf.event_files import made_anew, open_writer
from aigc_tf.image_grid import image_grid
from aigc_tf.metrics.evidence import Evidence, Observations
from aigc_tf.report import pictures
from aigc_tf.report.embedding import png, spaced
from aigc_tf.report.words import class_names, own_judge, remarks

_MOST_POINTS = 1000  # of each kind; a browser turns these smoothly
_SPRITE_SIDE = 64


def write(folder: Path, step: int, record: Mapping[str, Any], evidence: Evidence) -> None:
    """Make `folder`, anew if it is there, for TensorBoard to show as one run; other writers must keep out of it.

    It is built beside its place and then moved there whole. The figures become scalars `evaluation/<name>` at
    `step`, and what the evidence lacks is left out. Raises OSError where the disk does not take it.
    """
    with made_anew(folder) as building:
        _write_events(building, step, record, evidence)
        _write_projector(building, record, evidence)


def _write_events(folder: Path, step: int, record: Mapping[str, Any], evidence: Evidence) -> None:
    writer = open_writer(folder)
    with writer.as_default(step=step):
        for name, figure in record["measures"].items():
            tf.summary.scalar(f"evaluation/{name}", figure["value"], description=remarks(figure))
        for name, grid in _pictures(evidence).items():
            tf.summary.image(f"evaluation/{name}", grid[None])
        real, generated = evidence.real.scores, evidence.generated.scores
        name = own_judge(record)
        if name and "logit" in real and "logit" in generated:
            curve = _precision_recall(name, real["logit"], generated["logit"]).SerializeToString()
            tf.summary.experimental.write_raw_pb(curve, step=step)
    writer.close()


def _pictures(evidence: Evidence) -> dict[str, np.ndarray]:
    shown = {"samples": evidence.generated.images, "real": evidence.real.images}
    grids = {name: pictures.overview(images) for name, images in shown.items() if images is not None}
    pairs = pictures.closest_pairs(evidence)
    if pairs:
        grids["closest_pairs"] = image_grid(np.stack([pair.picture for pair in pairs]), 2, gap=4)
    rows = [image_grid(images, pictures.IN_ROW) for images in pictures.classes(evidence).values() if len(images)]
    if rows:
        grids["classes"] = np.concatenate(rows)
    return grids


def _precision_recall(detector: str, real: np.ndarray, generated: np.ndarray) -> tf.compat.v1.Summary:
    """The curve of "real" against the threshold, from logits float [N] and [M]; both sets weigh the same.

    TensorBoard puts its 201 thresholds evenly on [0, 1]. Ranks fill that range whatever the loss; sigmoids of a
    unbounded logits would all lie at its ends. The curve itself depends on nothing but the order.
    """
    truth = np.repeat([True, False], [len(real), len(generated)])
    scores = rankdata(np.concatenate([real, generated])) / len(truth)
    weights = np.where(truth, 0.5 / len(real), 0.5 / len(generated)) * len(truth)
    return pr_curve.pb(
        f"evaluation/{detector}",
        truth,
        scores,
        weights=weights,
        description="Held-out real images are the positive class; the threshold is a rank among all logits.",
    )


def _write_projector(folder: Path, record: Mapping[str, Any], evidence: Evidence) -> None:
    """Features of real and generated images as points, each with its kind, its class and its picture."""
    if evidence.real.features is None or evidence.generated.features is None:
        return
    parts = [("real", _some(evidence.real)), ("generated", _some(evidence.generated))]
    features = np.concatenate([part.features for _, part in parts])
    np.savetxt(folder / "tensors.tsv", features, fmt="%.6g", delimiter="\t")
    rows = ["kind\tclass", *(f"{kind}\t{name}" for kind, part in parts for name in _classes(part, record))]
    (folder / "metadata.tsv").write_text("\n".join(rows) + "\n")

    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = f"features ({evidence.extractor})"
    embedding.tensor_path, embedding.metadata_path = "tensors.tsv", "metadata.tsv"
    if all(part.images is not None for _, part in parts):
        images = pictures.shrunk(np.concatenate([part.images for _, part in parts]), _SPRITE_SIDE)
        columns = int(np.ceil(np.sqrt(len(images))))
        (folder / "sprite.png").write_bytes(png(image_grid(images, columns, gap=0)))
        embedding.sprite.image_path = "sprite.png"
        embedding.sprite.single_image_dim.extend([images.shape[2], images.shape[1]])
    (folder / "projector_config.pbtxt").write_text(text_format.MessageToString(config))


def _some(observations: Observations) -> Observations:
    return observations.rows(spaced(len(observations), _MOST_POINTS))


def _classes(observations: Observations, record: Mapping[str, Any]) -> list[str]:
    """The class of each image as the classifier tells it, in a word without tabs; "unknown" where none looked."""
    if observations.probabilities is None:
        return ["unknown"] * len(observations)
    names = [" ".join(name.split()) for name in class_names(record, observations.probabilities.shape[1])]
    return [names[number] for number in observations.probabilities.argmax(axis=1)]
