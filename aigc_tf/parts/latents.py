"""Points of a latent space: standard normal vectors from seeds."""

from __future__ import annotations

import tensorflow as tf


def latents_from_seeds(seeds: tf.Tensor, latent_dim: int) -> tf.Tensor:
    """Standard normal latents float32 [N, latent_dim] for int64 seeds [N], each row from its own seed alone."""
    return tf.map_fn(
        lambda seed: tf.random.stateless_normal([latent_dim], tf.stack([seed, tf.zeros_like(seed)]), alg="philox"),
        seeds,
        fn_output_signature=tf.TensorSpec([latent_dim], tf.float32),
    )
