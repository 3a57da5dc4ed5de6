"""Diffusion by flow matching (Lipman et al. 2023, https://arxiv.org/abs/2210.02747)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aigc_tf.families.diffusion.config import DiffusionConfig
from aigc_tf.families.diffusion.presets import PRESETS
from aigc_tf.families.family import Family
from aigc_tf.settings import Among, Between

if TYPE_CHECKING:
    from aigc_tf.config import TrainConfig
    from aigc_tf.datasets.spec import DataSpec
    from aigc_tf.families.diffusion.model import Diffusion


def create(spec: DataSpec, config: TrainConfig) -> Diffusion:
    """See `creation.create`, which is imported with TensorFlow only when a model is made."""
    from aigc_tf.families.diffusion import creation

    return creation.create(spec, config)


FAMILY = Family(
    DiffusionConfig,
    create,
    PRESETS,
    measures=("bits_per_dimension",),
    curves={
        "loss": ("loss/flow", "loss/held_out"),
        "gradient norm": ("gradient_norm/flow",),
    },
    tuned={
        "learning_rate": Between(4e-4, 8e-3),
        "beta_2": Among((0.95, 0.99, 0.999)),
        "time_median": Between(0.3, 0.7),
        "time_std": Between(0.6, 1.6),
        "base_channels": Among((24, 32, 48)),
    },
)
