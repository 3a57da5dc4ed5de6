"""How networks take labels, as shares of the classes float32 [B, K] (see `parts/labels`); without labels, None, each of
these functions gives what an unconditional network has.

The generator follows de Vries et al. 2017 (https://arxiv.org/abs/1707.00683) and Brock et al. 2019
(https://arxiv.org/abs/1809.11096), the discriminator is the projection discriminator of Miyato and Koyama 2018
(https://arxiv.org/abs/1802.05637). All of it is linear in the labels, so dense layers without bias do: their kernels
hold one row a class.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.parts.layers import batch_norm, maybe_spectral_norm

layers = tf.keras.layers


def joined(latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    """Latents [B, Z] with an embedding of the label behind them, whose first values are as large as theirs.

    It has Z numbers, or K where there are fewer classes, since more could not tell them apart any better.
    """
    if labels is None:
        return latents
    units = min(latents.shape[-1], labels.shape[-1])
    embedding = layers.Dense(units, use_bias=False, kernel_initializer=tf.keras.initializers.RandomNormal(stddev=1.0))
    return layers.Concatenate()([latents, embedding(labels)])


def normalised(x: tf.Tensor, labels: tf.Tensor | None, momentum: float = 0.99) -> tf.Tensor:
    """Batch normalisation of x [B, ..., C]; with labels, each channel is then scaled and shifted by class.

    The layer's own scale and shift remain, so that classes with few images share what all have learned.
    """
    x = batch_norm(momentum)(x)
    return x if labels is None else scaled_and_shifted(x, labels)


def scaled_and_shifted(x: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Each channel of x [B, ..., C] times a gain plus an offset of its class, 1 and 0 at first."""
    channels = x.shape[-1]
    broadcast = layers.Reshape([*(1 for _ in x.shape[1:-1]), channels])
    gain, offset = (
        broadcast(layers.Dense(channels, use_bias=False, kernel_initializer=first)(labels))
        for first in ("ones", "zeros")
    )
    return layers.Add()([layers.Multiply()([x, gain]), offset])


def logit(features: tf.Tensor, labels: tf.Tensor | None, spectral_norm: bool) -> tf.Tensor:
    """Logits float32 [B, 1] of the last hidden features [B, D]: a dense layer, plus, with labels, the inner product of
    the features with an embedding of the label, which begins at 0, as if without labels. (Not under spectral
    normalisation, which cannot scale a kernel of zeros.)"""
    logits = maybe_spectral_norm(layers.Dense(1, dtype="float32"), spectral_norm)(features)
    if labels is None:
        return logits
    first = "glorot_uniform" if spectral_norm else "zeros"
    embedding = layers.Dense(features.shape[-1], use_bias=False, kernel_initializer=first, dtype="float32")
    projection = layers.Dot(axes=1, dtype="float32")([maybe_spectral_norm(embedding, spectral_norm)(labels), features])
    return layers.Add(dtype="float32")([logits, projection])
