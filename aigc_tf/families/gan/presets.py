"""Recipes by name: ours, and those of the well-known tutorials, so that they can be compared.

A tutorial's recipe is its networks, batch, learning rate and epochs. What holds for all of them here, whatever the text
has, so that they run and compare:

- the discriminator ends in a logit, not in a sigmoid: the loss is the same cross-entropy, computed without overflow;
- hidden dense layers have LeakyReLU 0.2, whatever the tutorial has, so that no unit dies;
- labels are 1 and 0, neither smoothed nor turned round; latents are 100 numbers, normally distributed;
- the generator learns from the very fakes that the discriminator learned from just before, not from a second set.

`dense-256` and `dense-64` are named after their batch, the others after the widths of the generator. Where a text gives
no batch (`dense-256-256`) it is 64, and where it gives networks alone (`conv-128`) all else is as in `dcgan`.
docs/tutorials.md has the table, with what each reaches.
"""

from __future__ import annotations

from typing import Any


def _tutorial(learning_rate: float, **changes: object) -> dict[str, Any]:
    """What the tutorials have in common: cross-entropy, constant rates, no penalty, no moving average; Keras' betas
    unless told otherwise."""
    return {
        "latent_dim": 100,
        "loss": "non_saturating",
        "stages": "two",
        "penalties": (),
        "ema_half_life": 0.0,
        "learning_rate_hold": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "generator_learning_rate": learning_rate,
        "discriminator_learning_rate": learning_rate,
        **changes,
    }


def _dense(generator: tuple[int, ...], discriminator: tuple[int, ...], epochs: float) -> dict[str, Any]:
    """A dense pair of these widths, in batches of 64 at a rate of 2e-4."""
    return _tutorial(
        2e-4,
        network="mlp",
        generator_widths=generator,
        discriminator_widths=discriminator,
        global_batch_size=64,
        epochs=epochs,
    )


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "dense-256": _tutorial(1e-4, network="mlp", global_batch_size=256, epochs=100.0),
    "dense-64": _tutorial(2e-4, network="mlp", global_batch_size=64, epochs=100.0, beta_1=0.5),
    "dcgan": _tutorial(1e-4, network="dcgan", global_batch_size=256, epochs=50.0),
    "dense-128-128": _dense((128, 128), (128, 128), epochs=50.0),
    "dense-256-256": _dense((256, 256), (256,), epochs=200.0),
    # 100 epochs as written, each batch five times in a row: both networks make as many updates, and see each image as
    # often, in five times as many epochs, where no batch is shown again before all others were.
    "dense-256-512-1024": _dense((256, 512, 1024), (1024, 512, 256), epochs=500.0),
    "conv-128": _tutorial(1e-4, network="conv_128", global_batch_size=256, epochs=50.0),
}
