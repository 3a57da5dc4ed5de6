"""Generative adversarial networks (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aigc_tf.families.family import Family
from aigc_tf.families.gan.config import GANConfig
from aigc_tf.families.gan.presets import PRESETS

if TYPE_CHECKING:
    from aigc_tf.config import TrainConfig
    from aigc_tf.datasets.spec import DataSpec
    from aigc_tf.families.gan.model import GAN


def create(spec: DataSpec, config: TrainConfig) -> GAN:
    """See `model.create`, which is imported with TensorFlow only when a model is made."""
    from aigc_tf.families.gan import model

    return model.create(spec, config)


FAMILY = Family(GANConfig, create, PRESETS)
