"""What a GAN's training step costs, reckoned from its networks."""

from __future__ import annotations

from collections.abc import Mapping

from aigc_tf.families.gan.config import GANConfig


def step_flops(forward: Mapping[str, int], settings: GANConfig) -> float:
    """See `GenerativeModel.step_flops`.

    The generator goes forward in each discriminator update and backward once; the discriminator forward and backward on
    real and fake images, on the fakes again for the generator (without weights) unless that learns in one stage, and
    through its own gradient for each penalty, spread over the interval.
    """
    generator, discriminator = forward["generator"], forward["discriminator"]
    penalties = 6 * discriminator * len(settings.penalties) / settings.penalty_interval
    second = 0 if settings.one_stage else 2 * discriminator
    return settings.critic_steps * (generator + 6 * discriminator + penalties) + 2 * generator + second


def kept_activations(activations: Mapping[str, int], settings: GANConfig) -> int:
    """See `GenerativeModel.kept_activations`. The discriminator sees real and fake images; a penalty keeps the values
    of its own gradient too."""
    return activations["generator"] + activations["discriminator"] * (4 if settings.penalties else 2)
