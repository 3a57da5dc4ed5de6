"""How networks take labels: a second input, beside latents or content, of shares of the classes (see `labels`)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec


def label_input(spec: DataSpec, conditional: bool) -> tf.Tensor | None:
    """The second input of a conditional network, None for an unconditional one."""
    return tf.keras.Input([spec.num_classes], name="label") if conditional else None


def model(inputs: tf.Tensor, labels: tf.Tensor | None, outputs: tf.Tensor, name: str) -> tf.keras.Model:
    """The network from these inputs, and labels beside them, to `outputs`."""
    return tf.keras.Model(inputs if labels is None else [inputs, labels], outputs, name=name)


def inputs(first: tf.Tensor, classes: tf.Tensor | None) -> Any:
    """What such a network takes: latents or content, and shares of the classes where there are labels."""
    return first if classes is None else [first, classes]
