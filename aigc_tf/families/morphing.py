"""What lies between two classes, for families that decode latents with shares of the classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from aigc_tf.contract import Signature, Tensor
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.model import Served
from aigc_tf.families.signatures import sensible
from aigc_tf.parts import labels

_SHARE = Tensor("float32", (), 0.0, 1.0, default=0.0, beyond="clipped")


def signatures(
    decode: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    counts: Sequence[int],
    taken: Mapping[str, Tensor],
    made: Mapping[str, Tensor],
    spec: DataSpec,
) -> dict[str, Served]:
    """morph: latent float32 [N, Z], label and toward int64 [N], share float32 [N] -> content, of the class `label`
    where the share is 0, of the class `toward` where it is 1, and in between of shares of both.

    `taken` and `made` are what the signature `decode` takes and gives.
    """
    (name,) = made

    def morph(latent: tf.Tensor, label: tf.Tensor, toward: tf.Tensor, share: tf.Tensor) -> dict[str, tf.Tensor]:
        otherwise, passed = labels.of_latents(latent, counts), sensible(share, _SHARE)[:, None]
        here, there = (labels.shares(labels.told(each, otherwise, counts), counts) for each in (label, toward))
        return {name: spec.modality.graph.to_numbers(decode(latent, (1 - passed) * here + passed * there))}

    inputs = {**taken, "toward": taken["label"], "share": _SHARE}
    return {"morph": (Signature("morph", inputs, made), morph)}
