"""What a VAE makes outside of training."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.contract import Signature, Tensor
from aigc_tf.families import morphing
from aigc_tf.families.model import Sampler, Served
from aigc_tf.families.vae.outside import Outside
from aigc_tf.parts import directions, exact_rows, labels
from aigc_tf.parts.latents import latents_from_seeds, uniform_from_seeds

_WHICH_GAUSSIAN = labels.STREAM + 1  # of what is drawn from a seed


def sampler(model: Outside) -> Sampler:
    """See `GenerativeModel.sampler`; any class is one drawn from the seed."""
    counts, prior = model.counts, model.networks.get("prior")

    def draw(seed: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        classes = None if counts is None else labels.asked(seed, label, counts)
        normal = latents_from_seeds(seed, model.latent_dim)
        if prior is None:
            return model.decode(normal, classes)
        given = [normal, uniform_from_seeds(seed, _WHICH_GAUSSIAN)[:, None]]
        if counts is not None and len(counts) > 1:
            given.append(classes)
        return model.decode(exact_rows.apply(prior, given, [model.latent_dim]), classes)

    return draw


def signatures(model: Outside) -> dict[str, Served]:
    """decode: latent float32 [N, Z] -> image float32 [N, H, W, C], by the standard normal prior; encode: image ->
    latent and deviation, float32 [N, Z], the posterior; reconstruct: image -> image, from the mean of the posterior.

    With labels all take these, int64 [N], as well, and there is a `morph` between classes (see `morphing`). Any class
    is, for these and for `decode`, one that the latent decides (`labels.of_latents`), and for the others the shares of
    the classes.
    """
    images, counts = model.spec.modality.graph, model.counts
    image, latent = {"image": model.spec.modality.numbers(model.spec.shape)}, Tensor("float32", (model.latent_dim,))
    posterior = {"latent": latent, "deviation": Tensor("float32", (model.latent_dim,), minimum=0.0)}

    def decode(latent: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        if counts is not None and label is not None:
            label = labels.told(label, labels.of_latents(latent, counts), counts)
        return {"image": images.to_numbers(model.decode(latent, model.shares(label)))}

    def encode(image: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        found = model.posterior(images.from_numbers(image), model.shares(label))
        return {"latent": found.mean, "deviation": found.deviation}

    def reconstruct(image: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        again = model.reconstruct(images.from_numbers(image), model.shares(label))
        return {"image": images.to_numbers(again)}

    taken, known = {"latent": latent, **model.conditions}, directions.of_network(model.networks["decoder"])
    between = {} if counts is None else morphing.signatures(model.decode, counts, taken, image, model.spec)
    return {
        "decode": (Signature("decode", taken, image, directions=known), decode),
        **between,
        "encode": (Signature("encode", {**image, **model.conditions}, posterior), encode),
        "reconstruct": (Signature("reconstruct", {**image, **model.conditions}, image), reconstruct),
    }
