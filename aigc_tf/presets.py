"""Recipes by name: ours, and those of the well-known tutorials, so that they can be compared."""

from __future__ import annotations

from aigc_tf.config import TrainConfig

# What the tutorials have in common: cross-entropy, constant rates, no penalty, no moving average; Keras' betas unless
# told otherwise.
_TUTORIAL = TrainConfig(
    latent_dim=100,
    loss="non_saturating",
    penalties=(),
    ema_half_life=0.0,
    learning_rate_hold=0.0,
    beta_1=0.9,
    beta_2=0.999,
)


def _tutorial(learning_rate: float, **changes: object) -> TrainConfig:
    return TrainConfig(
        **{
            **vars(_TUTORIAL),
            "generator_learning_rate": learning_rate,
            "discriminator_learning_rate": learning_rate,
            **changes,
        }
    )


PRESETS: dict[str, TrainConfig] = {
    "default": TrainConfig(),
    "dense-256": _tutorial(1e-4, network="mlp", global_batch_size=256, epochs=100.0),
    "dense-64": _tutorial(2e-4, network="mlp", global_batch_size=64, epochs=100.0, beta_1=0.5),
    "dcgan": _tutorial(1e-4, network="dcgan", global_batch_size=256, epochs=50.0),
}
