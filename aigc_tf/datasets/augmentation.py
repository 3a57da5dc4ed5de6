"""Training images changed by chance, in the stream of batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from aigc_tf.datasets.augmentation_config import AugmentationConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.parts.augmentations import applying

Batch = dict[str, tf.Tensor]
_STREAM = 1_000
"""Of noise under a run's seed; those of families count from 0."""


def check(config: AugmentationConfig, spec: DataSpec) -> None:
    """Raise UserError where something is on, but what is learned are no images."""
    if config.augmentations and spec.kind != "image":
        names = ", ".join(config.augmentations)
        raise UserError(f"{names}: nothing but images can be augmented, and these are {spec.modality.name}s")


def change_of(
    config: AugmentationConfig, spec: DataSpec, seed: int, part: tuple[int, int] = (0, 1)
) -> Callable[[Batch, tf.Tensor], Batch] | None:
    """A function from a batch (see `Dataset.reader`) and its number int64 to the batch as it is shown, None where
    nothing is on. A row depends on itself, the seed, that number and its place in the batch, of which the function is
    given `part` (number, count).

    Changed images are rounded to what can be stored, as all others are: likelihoods count on that.
    """
    chosen = {name: applying.Strength(*strength) for name, strength in config.augmentations.items()}
    if not chosen:
        return None
    return lambda batch, number: {**batch, "image": _changed(batch["image"], chosen, spec, seed, number, part)}


def _changed(
    images: tf.Tensor,
    chosen: Mapping[str, applying.Strength],
    spec: DataSpec,
    seed: int,
    number: tf.Tensor,
    part: tuple[int, int],
) -> tf.Tensor:
    seed_of_batch = tf.random.experimental.stateless_fold_in([seed, _STREAM], number)
    rows, (index, count) = images.shape[0], part
    uniform = applying.draw([rows * count], seed_of_batch)
    if count > 1:
        uniform = uniform[index * rows : (index + 1) * rows]
    graph = spec.modality.graph
    return graph.to_model(graph.to_stored(applying.apply(images, chosen, uniform)))
