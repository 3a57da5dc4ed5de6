"""What a VAE says of given images: bounds on their likelihood, the same each time that it is asked.

Nothing is left to chance: what is observed of an image, and the latents drawn for it, come from a number that its own
256 levels decide. So the error of the drawing differs from image to image, and falls in a mean over many.
"""

from __future__ import annotations

import math

import tensorflow as tf

from aigc_tf.contract import Signature, Tensor
from aigc_tf.families.model import Served
from aigc_tf.families.vae.outside import Outside
from aigc_tf.parts.latents import seeds_of_content

SAMPLES = 16
"""Latents drawn for an image in one go."""
_OBSERVED, _LATENTS = range(2)


def signature(model: Outside) -> Served:
    """score: image float32 [N, H, W, C] and `draw` int64 [N] -> float32 [N] each, and how many latents they are of:

    elbo_<likelihood>: the evidence lower bound in nats, its divergence in closed form.
    bound_<likelihood>: the bound of Burda et al. 2016, tighter. Other draws give independent ones, of the same that was
        observed, so the log of the mean of their exponentials is the bound of so many more latents.
    bits_per_dimension_<likelihood>: what that says for each value of an image; high for what is unlike the training
        data, so long as it is not simpler than they are.
    reconstruction_error: mean squared difference of an image's numbers from those of its reconstruction, of all draws.

    With labels these are of images of a class, and any class means the shares of the classes.
    """
    spec, likelihood, name = model.spec, model.likelihood, model.likelihood_name
    images, size = spec.modality.graph, math.prod(spec.shape)
    of_image = {
        f"elbo_{name}": Tensor("float32"),
        f"bound_{name}": Tensor("float32"),
        f"bits_per_dimension_{name}": Tensor("float32"),
        "reconstruction_error": Tensor("float32", minimum=0.0),
        "samples": Tensor("int64", minimum=1),
    }

    def score(image: tf.Tensor, draw: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        classes = model.shares(label)
        stored = images.to_stored(images.from_numbers(image))
        real = images.to_model(stored)
        uniform, normal = _noise(seeds_of_content(stored), draw, list(spec.shape), model.latent_dim)
        observed = likelihood.observe(real, uniform)
        posterior = model.posterior(observed, classes)

        def of_draw(normal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            given = model.given(posterior.latents(normal), classes)
            density = likelihood.log_density(given, observed)
            apart = images.to_numbers(likelihood.mean(given)) - images.to_numbers(real)
            error = tf.reduce_mean(apart**2, axis=list(range(1, len(spec.shape) + 1)))
            return density, density - posterior.log_ratio(normal), error

        kind = (tf.TensorSpec([None], tf.float32),) * 3
        densities, weights, errors = tf.map_fn(of_draw, normal, fn_output_signature=kind)  # [K, N] each
        bound = tf.reduce_logsumexp(weights, axis=0) - math.log(SAMPLES)
        found = (
            tf.reduce_mean(densities, axis=0) - tf.reduce_sum(posterior.divergence(), axis=1),
            bound,
            -bound / (size * math.log(2.0)),
            tf.reduce_mean(errors, axis=0),
            tf.fill(tf.shape(draw), tf.constant(SAMPLES, tf.int64)),
        )
        return dict(zip(of_image, found))

    given = {"image": spec.modality.numbers(spec.shape), "draw": Tensor("int64", default=0), **model.conditions}
    return Signature("score", given, of_image), score


def _noise(numbers: tf.Tensor, draws: tf.Tensor, shape: list[int], latent_dim: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Uniform numbers [N, *shape] and standard normal ones [K, N, Z] from int64 `numbers` [N], the latter from `draws`
    [N] too."""

    def of_row(row: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        number, draw = row
        uniform = tf.random.stateless_uniform(shape, tf.stack([number, _as_int64(_OBSERVED)]), alg="philox")
        seed = tf.random.experimental.stateless_fold_in(tf.stack([number, _as_int64(_LATENTS)]), draw)
        return uniform, tf.random.stateless_normal([SAMPLES, latent_dim], seed, alg="philox")

    kinds = (tf.TensorSpec(shape, tf.float32), tf.TensorSpec([SAMPLES, latent_dim], tf.float32))
    uniform, normal = tf.map_fn(of_row, (numbers, draws), fn_output_signature=kinds)
    return uniform, tf.transpose(normal, [1, 0, 2])


def _as_int64(number: int) -> tf.Tensor:
    return tf.constant(number, tf.int64)
