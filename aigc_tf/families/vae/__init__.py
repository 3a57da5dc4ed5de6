"""Variational autoencoders (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aigc_tf.families.family import Family
from aigc_tf.families.vae.config import VAEConfig
from aigc_tf.families.vae.presets import PRESETS
from aigc_tf.settings import Among, Between

if TYPE_CHECKING:
    from aigc_tf.config import TrainConfig
    from aigc_tf.datasets.spec import DataSpec
    from aigc_tf.families.vae.model import VAE


def create(spec: DataSpec, config: TrainConfig) -> VAE:
    """See `creation.create`, which is imported with TensorFlow only when a model is made."""
    from aigc_tf.families.vae import creation

    return creation.create(spec, config)


FAMILY = Family(
    VAEConfig,
    create,
    PRESETS,
    measures=("likelihood_bound",),
    curves={
        "objective, in nats": ("loss/objective",),
        "reconstruction, in nats": ("reconstruction/train", "reconstruction/held_out"),
        "divergence from the prior, in nats": ("kl/train", "kl/held_out"),
        "negative ELBO, in nats": ("negative_elbo/train", "negative_elbo/held_out"),
        "active units": ("units/active",),
        "gradient norm": ("gradient_norm/vae",),
    },
    tuned={
        "learning_rate": Between(4e-4, 8e-3),
        "beta": Between(0.25, 2.0),
        "latent_dim": Among((8, 16, 32, 64)),
        "prior_components": Among((0, 50, 200)),
    },
)
