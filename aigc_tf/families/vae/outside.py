"""A VAE outside of training: functions for graphs, of networks and of what they were trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from aigc_tf.contract import Tensor
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.vae.likelihoods.likelihood import Likelihood
from aigc_tf.families.vae.posterior import Posterior
from aigc_tf.parts import exact_rows, labels
from aigc_tf.parts.conditioning import inputs


@dataclasses.dataclass(frozen=True)
class Outside:
    """What samples and signatures are made of. Make it outside of graphs: the networks of a view may be copies.

    Images are float32 [N, H, W, C] in [-1, 1], latents float32 [N, Z], and classes their shares float32 [N, K], None
    for a VAE that takes no labels.

    Attributes:
        networks: by name; without "prior" it is the standard normal one.
        likelihood_name: in LIKELIHOODS.
        likelihood: of that name.
        latent_dim: Z.
        spec: what it learned.
        counts: the training examples of each class; None for a VAE that takes no labels.
        conditions: see `GenerativeModel.conditions`.
    """

    networks: Mapping[str, tf.keras.Model]
    likelihood_name: str
    likelihood: Likelihood
    latent_dim: int
    spec: DataSpec
    counts: tuple[int, ...] | None
    conditions: Mapping[str, Tensor]

    def decode(self, latents: tf.Tensor, classes: tf.Tensor | None = None) -> tf.Tensor:
        """Means of the likelihood, a row at a time."""
        return exact_rows.apply(self._mean, inputs(latents, classes), list(self.spec.shape))

    def posterior(self, observed: tf.Tensor, classes: tf.Tensor | None = None) -> Posterior:
        """What the encoder says of images, or of what a likelihood observes of them."""
        return Posterior.of(self.networks["encoder"](inputs(observed, classes), training=False))

    def given(self, latents: tf.Tensor, classes: tf.Tensor | None = None) -> tf.Tensor:
        """What the decoder says, for the likelihood."""
        return self.networks["decoder"](inputs(latents, classes), training=False)

    def reconstruct(self, images: tf.Tensor, classes: tf.Tensor | None = None) -> tf.Tensor:
        """Means of the likelihood, given the means of the posterior."""
        return self._mean(inputs(self.posterior(images, classes).mean, classes))

    def shares(self, label: tf.Tensor | None) -> tf.Tensor | None:
        """Labels [N] as networks take them; any class means the shares of all."""
        return None if self.counts is None or label is None else labels.shares(label, self.counts)

    def _mean(self, row: Any) -> tf.Tensor:
        return self.likelihood.mean(self.networks["decoder"](row, training=False))
