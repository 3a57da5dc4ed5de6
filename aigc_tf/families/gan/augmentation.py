"""What comes between images, real and generated alike, and a GAN's discriminator, so that it cannot learn a few images
by heart: the same on both sides, and differentiable, so that the generator learns images as they are without it.

DiffAugment (Zhao et al. 2020, https://arxiv.org/abs/2006.10738) augments always, and alike. Adaptive augmentation (ADA,
Karras et al. 2020, https://arxiv.org/abs/2006.06676) does so with a probability that follows how much the discriminator
memorises.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.families.gan.config import GANConfig
from aigc_tf.parts.augmentations.applying import Strength

_REACH = {
    "diff": {"colour": 0.5, "shift": 0.125, "cutout": 0.5},
    "ada": {"shift": 0.125, "rotate": 20.0, "zoom": 0.2, "colour": 0.5, "cutout": 0.5},
}
"""No flips: a mirrored digit is none, and where a flip is as likely as none, nothing tells the generator which is
right."""
_MOST = 0.8
"""Probability from which on generators begin to show what augmentations do (Karras et al. 2020, section 2.2)."""
_REMEMBERED = 500.0
"""Images over which the signs are averaged, so that the chances of one batch decide nothing."""
TRACKED = ("augmentation/probability", "augmentation/real_signs")


def chosen(augment: str, probability: float | tf.Tensor) -> dict[str, Strength]:
    """Those of a way to augment, each with this probability."""
    return {name: Strength(probability, by) for name, by in _REACH[augment].items()}


class Adaptive(tf.Module):
    """The probability of augmentation, which rises while the discriminator is surer of its training images than it
    should be, and falls while it is not.

    Attributes:
        probability: float32 variable, from 0, with which each augmentation is applied to each image.
        signs: float32 variable, the mean sign of the discriminator on real images: 1 where all are told, 0 for chance.
    """

    def __init__(self, settings: GANConfig, global_batch_size: int) -> None:
        super().__init__()
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.probability = tf.Variable(0.0, trainable=False, name="augment_probability", aggregation=first)
        self.signs = tf.Variable(0.0, trainable=False, name="real_signs", aggregation=first)
        self._target, self._batch = settings.augment_target, global_batch_size
        self._images = settings.augment_images

    def follow(self, real: tf.Tensor, fake: tf.Tensor, boundary: float | None) -> dict[str, tf.Tensor]:
        """Take logits float32 [b] of an update into account; returns what to track. `boundary` is that of the loss; a
        real image is held against the fake of its row where there is none."""
        context = tf.distribute.get_replica_context()
        total = tf.reduce_sum(tf.sign(real - (fake if boundary is None else boundary)))
        mean = context.all_reduce(tf.distribute.ReduceOp.SUM, total) / self._batch
        shown = dict(zip(TRACKED, (self.probability.read_value(), mean)))
        self.signs.assign_add((mean - self.signs) * min(1.0, self._batch / _REMEMBERED))
        step = tf.sign(self.signs - self._target) * (self._batch / self._images)
        self.probability.assign(tf.clip_by_value(self.probability + step, 0.0, _MOST))
        return shown
