"""Points of a latent space, and other numbers, from seeds."""

from __future__ import annotations

import tensorflow as tf


def latents_from_seeds(seeds: tf.Tensor, latent_dim: int) -> tf.Tensor:
    """Standard normal latents float32 [N, latent_dim] for int64 seeds [N], each row from its own seed alone."""
    return tf.map_fn(
        lambda seed: tf.random.stateless_normal([latent_dim], tf.stack([seed, tf.zeros_like(seed)]), alg="philox"),
        seeds,
        fn_output_signature=tf.TensorSpec([latent_dim], tf.float32),
    )


def uniform_from_seeds(seeds: tf.Tensor) -> tf.Tensor:
    """Uniform numbers float32 [N] in [0, 1) for int64 seeds [N], each from its own seed alone, apart from all else that
    is drawn from it."""
    return tf.map_fn(
        lambda seed: tf.random.stateless_uniform([], tf.stack([seed, 2 * tf.ones_like(seed)]), alg="philox"),
        seeds,
        fn_output_signature=tf.TensorSpec([], tf.float32),
    )
