"""Recipes by name: ours, and those of the well-known tutorials, so that they can be compared."""

from __future__ import annotations

from typing import Any


def _tutorial(learning_rate: float, **changes: object) -> dict[str, Any]:
    """What the tutorials have in common: cross-entropy, constant rates, no penalty, no moving average; Keras' betas
    unless told otherwise."""
    return {
        "latent_dim": 100,
        "loss": "non_saturating",
        "penalties": (),
        "ema_half_life": 0.0,
        "learning_rate_hold": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "generator_learning_rate": learning_rate,
        "discriminator_learning_rate": learning_rate,
        **changes,
    }


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "dense-256": _tutorial(1e-4, network="mlp", global_batch_size=256, epochs=100.0),
    "dense-64": _tutorial(2e-4, network="mlp", global_batch_size=64, epochs=100.0, beta_1=0.5),
    "dcgan": _tutorial(1e-4, network="dcgan", global_batch_size=256, epochs=50.0),
}
