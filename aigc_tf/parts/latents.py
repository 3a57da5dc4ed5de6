"""Points of a latent space, and other numbers, from seeds."""

from __future__ import annotations

import math

import tensorflow as tf


def latents_from_seeds(seeds: tf.Tensor, latent_dim: int) -> tf.Tensor:
    """Standard normal latents float32 [N, latent_dim] for int64 seeds [N], each row from its own seed alone."""
    return tf.map_fn(
        lambda seed: tf.random.stateless_normal([latent_dim], tf.stack([seed, tf.zeros_like(seed)]), alg="philox"),
        seeds,
        fn_output_signature=tf.TensorSpec([latent_dim], tf.float32),
    )


def uniform_from_seeds(seeds: tf.Tensor, stream: int) -> tf.Tensor:
    """Uniform numbers float32 [N] in [0, 1) for int64 seeds [N], each from its own seed alone; those of a `stream` (1
    and up) are apart from those of others and from `latents_from_seeds`."""
    return tf.map_fn(
        lambda seed: tf.random.stateless_uniform([], tf.stack([seed, stream * tf.ones_like(seed)]), alg="philox"),
        seeds,
        fn_output_signature=tf.TensorSpec([], tf.float32),
    )


def seeds_of_content(stored: tf.Tensor) -> tf.Tensor:
    """Seeds int64 [N] that the levels of content uint8 [N, ...] decide: their sum, each times a number of its own,
    modulo 2^64; another for almost every other content."""
    levels = tf.cast(tf.reshape(stored, [tf.shape(stored)[0], math.prod(stored.shape[1:])]), tf.int64)
    factors = tf.random.stateless_uniform([levels.shape[1]], [0, 0], None, None, tf.int64, alg="philox")
    return tf.reduce_sum(levels * factors, axis=1)
