"""Generative adversarial networks (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aigc_tf.families.family import Family
from aigc_tf.families.gan.config import GANConfig
from aigc_tf.families.gan.presets import PRESETS
from aigc_tf.settings import Among, Between

if TYPE_CHECKING:
    from aigc_tf.config import TrainConfig
    from aigc_tf.datasets.spec import DataSpec
    from aigc_tf.families.gan.model import GAN


def create(spec: DataSpec, config: TrainConfig) -> GAN:
    """See `creation.create`, which is imported with TensorFlow only when a model is made."""
    from aigc_tf.families.gan import creation

    return creation.create(spec, config)


FAMILY = Family(
    GANConfig,
    create,
    PRESETS,
    measures=("discriminator", "path_length"),
    quick_measures=("discriminator",),
    curves={
        "loss": ("loss/generator", "loss/discriminator"),
        "logits (means)": ("logits/real", "logits/fake", "logits/held_out"),
        "discriminator accuracy": ("accuracy/real", "accuracy/fake", "accuracy/held_out"),
        "gradient norm": ("gradient_norm/generator", "gradient_norm/discriminator"),
        "adaptive augmentation": ("augmentation/probability", "augmentation/real_signs"),
    },
    tuned={
        "generator_learning_rate": Between(4e-4, 8e-3),
        "discriminator_learning_rate": Between(4e-4, 8e-3),
        "penalty_weight": Between(0.03, 10.0),
        "beta_2": Among((0.9, 0.99, 0.999)),
        "latent_dim": Among((32, 64, 128)),
    },
)
