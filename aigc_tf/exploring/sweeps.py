"""What steers sampling, from its least to its most: truncation, guidance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from aigc_tf.contract import Tensor
from aigc_tf.exploring import classes
from aigc_tf.image_grid import image_grid
from aigc_tf.report.exploration import Picture, Section, magnified
from aigc_tf.report.pictures import shrunk
from aigc_tf.subjects import Subject

_SEEDS, _PLACES, _SIDE = 6, 7, 64


def of_controls(subject: Subject, seed: int, chosen: Sequence[int]) -> Section:
    """A picture for each number between bounds that a signature of files takes beside seed and label."""
    assert subject.contract is not None
    found = {
        control: name
        for name, signature in subject.contract.named("files").items()
        for control, tensor in signature.inputs.items()
        if control not in ("seed", "label") and None not in (tensor.minimum, tensor.maximum)
    }
    title = "Sweeps"
    if not found:
        return Section("sweeps", title, "This model takes nothing beside a seed that would steer it.")
    pictures = [_sweep(subject, name, control, seed, chosen) for control, name in found.items()]
    told = "What steers sampling goes from its least on the left to its most on the right."
    return Section("sweeps", title, told, pictures)


def _sweep(subject: Subject, name: str, control: str, seed: int, chosen: Sequence[int]) -> Picture:
    assert subject.contract is not None
    signature = subject.contract.signatures[name]
    values = _values(signature.inputs[control])
    seeds = np.repeat(seed + np.arange(_SEEDS), len(values))
    rows = {**signature.rows(seeds), control: np.tile(values, _SEEDS)}
    labels = classes.in_turn(subject.contract, _SEEDS, chosen)
    if labels is not None:
        rows["label"] = np.repeat(labels, len(values))
    given = {key: tf.constant(each, signature.inputs[key].dtype) for key, each in rows.items()}
    (files,) = subject.signatures[name](**given).values()
    shape = subject.contract.signatures["sample"].outputs[subject.contract.made].row
    stored = np.stack([subject.modality.read_file(file, shape) for file in files.numpy()])
    told = f"Each row is a seed, from {seed} on; {control} {', '.join(f'{value:.3g}' for value in values)}."
    small = shrunk(stored, _SIDE)
    return Picture(
        f"sweep-{control}",
        control.capitalize(),
        magnified(image_grid(small, len(values)), max(small.shape[1:3])),
        told,
    )


def _values(tensor: Tensor) -> np.ndarray:
    """Even steps from bound to bound, float64 [P]."""
    assert tensor.minimum is not None and tensor.maximum is not None
    return np.linspace(tensor.minimum, tensor.maximum, _PLACES)
