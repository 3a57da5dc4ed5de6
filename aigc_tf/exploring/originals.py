"""Samples beside the training images nearest to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aigc_tf.datasets import loading
from aigc_tf.datasets.dataset import Dataset, Split
from aigc_tf.errors import UserError
from aigc_tf.metrics.evidence import Evidence, Observations
from aigc_tf.report import pictures
from aigc_tf.report.exploration import Section
from aigc_tf.subjects import Subject

SAMPLES = 24
"""Among which the closest are looked for."""


def nearest(
    subject: Subject, seed: int, labels: np.ndarray | None, data_dir: Path | None, say: Callable[[str], None]
) -> Section:
    """The closest pairs of the first samples and of what the model learned from, as the measure of copies sees them; a
    sentence where these images are not at hand."""
    name, title = "nearest", "Nearest training images"
    try:
        data = _learned(subject, data_dir, say)
    except UserError as error:
        return Section(name, title, f"The images that it learned from are not at hand: {error}.")
    held_out, training = (_seen(data, split) for split in ("test", "train"))
    if held_out is None or training is None:
        return Section(name, title, "Its data hold no training images, or none that were held out.")
    made = subject.generate(seed + np.arange(SAMPLES), labels)
    found = pictures.closest_pairs(Evidence(held_out, subject.modality.look(made), training))
    told = (
        f"Of the samples of seeds {seed} to {seed + SAMPLES - 1} the {len(found)} nearest to a training image "
        "(on the right), and how far apart their pixels lie, as the measure of memorisation sees them (Euclidean, "
        "black 0, white 1; neighbouring pixels of larger images averaged)."
    )
    return Section(name, title, told, pairs=found)


def _learned(subject: Subject, data_dir: Path | None, say: Callable[[str], None]) -> Dataset:
    """Its data. Raises UserError where they cannot be had, or have changed."""
    assert subject.learned is not None  # as for every run and export
    learned = subject.learned if data_dir is None else dataclasses.replace(subject.learned, data_dir=data_dir)
    data = loading.load(learned, say)
    if subject.data_fingerprint not in (None, data.spec.fingerprint):
        raise UserError(f"those of {data.spec.source} are others by now")
    return data


def _seen(data: Dataset, split: Split) -> Observations | None:
    if not data.count(split):
        return None
    return data.spec.modality.look(data.stored(split, slice(data.at_hand(split))))
