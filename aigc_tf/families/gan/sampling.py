"""What a GAN makes and says outside of training: functions for graphs, of networks and of what they were trained on.

A GAN that takes labels has `counts`, the training examples of each class; None stands for one that takes none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from aigc_tf.contract import Signature, Tensor
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families import morphing
from aigc_tf.families.model import Sampler, Served
from aigc_tf.parts import exact_rows, labels
from aigc_tf.parts.conditioning import inputs
from aigc_tf.parts.directions import Directions
from aigc_tf.parts.latents import latents_from_seeds

Counts = tuple[int, ...] | None
Decoder = Callable[..., tf.Tensor]
"""Images float32 [N, H, W, C] in [-1, 1] of latents float32 [N, Z] and, with labels, shares of the classes [N, K]; no
row depends on another."""


def decoder(generator: tf.keras.Model, shape: tuple[int, ...]) -> Decoder:
    """From latents to images, a row at a time."""

    def decode(latents: tf.Tensor, classes: tf.Tensor | None = None) -> tf.Tensor:
        return exact_rows.apply(lambda row: generator(row, training=False), inputs(latents, classes), list(shape))

    return decode


def sampler(decode: Decoder, latent_dim: int, counts: Counts) -> Sampler:
    """See `GenerativeModel.sampler`; any class is one drawn from the seed."""

    def draw(seed: tf.Tensor, truncation: tf.Tensor | None = None, label: tf.Tensor | None = None) -> tf.Tensor:
        latents = latents_from_seeds(seed, latent_dim)
        latents = latents if truncation is None else latents * truncation[:, None]
        if counts is None:
            return decode(latents)
        return decode(latents, labels.asked(seed, label, counts))

    return draw


def signatures(
    decoder: Decoder,
    discriminator: tf.keras.Model,
    spec: DataSpec,
    latent_dim: int,
    counts: Counts,
    conditions: Mapping[str, Tensor],
    known: Directions = (),
) -> dict[str, Served]:
    """latent: seed int64 [N] -> latent float32 [N, Z]; decode: latent -> image float32 [N,H,W,C], of which `known`
    directions are told; discriminate: image -> logit float32 [N].

    With labels all take these, int64 [N], as well, `latent` gives them, too, and there is a `morph` between classes
    (see `morphing`). Any class is, for `latent`, the one that the seed's sample has, for `decode` and `morph` one that
    the latent decides (`labels.of_latents`), and for `discriminate` the mean over the classes by their training
    frequencies.
    """
    images = spec.modality.graph
    image, latent = {"image": spec.modality.numbers(spec.shape)}, {"latent": Tensor("float32", (latent_dim,))}

    def draw(seed: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        latents = {"latent": latents_from_seeds(seed, latent_dim)}
        return latents if counts is None else {**latents, "label": labels.drawn(seed, label, counts)}

    def decode(latent: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        if counts is None or label is None:
            return {"image": images.to_numbers(decoder(latent))}
        told = labels.told(label, labels.of_latents(latent, counts), counts)
        return {"image": images.to_numbers(decoder(latent, labels.shares(told, counts)))}

    def discriminate(image: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        classes = None if counts is None or label is None else labels.shares(label, counts)
        logits = discriminator(inputs(images.from_numbers(image), classes), training=False)
        return {"logit": tf.squeeze(logits, -1)}

    score = Signature("score", {**image, **conditions}, {"logit": Tensor("float32")})
    between = {} if counts is None else morphing.signatures(decoder, counts, {**latent, **conditions}, image, spec)
    return {
        "latent": (Signature("draw", {"seed": Tensor("int64"), **conditions}, {**latent, **conditions}), draw),
        "decode": (Signature("decode", {**latent, **conditions}, image, directions=known), decode),
        **between,
        "discriminate": (score, discriminate),
    }
