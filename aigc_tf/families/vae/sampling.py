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
    counts = model.counts

    def draw(seed: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        classes = None if counts is None else labels.asked(seed, label, counts)
        return model.decode(_latents(model, seed, classes), classes)

    return draw


def _latents(model: Outside, seed: tf.Tensor, classes: tf.Tensor | None) -> tf.Tensor:
    """Latents float32 [N, Z] by the prior, which may depend on the classes, float32 [N, K]."""
    normal, prior = latents_from_seeds(seed, model.latent_dim), model.networks.get("prior")
    if prior is None:
        return normal
    given = [normal, uniform_from_seeds(seed, _WHICH_GAUSSIAN)[:, None]]
    if model.counts is not None and len(model.counts) > 1:
        given.append(classes)
    return exact_rows.apply(prior, given, [model.latent_dim])


def signatures(model: Outside) -> dict[str, Served]:
    """latent: seed int64 [N] -> latent float32 [N, Z], by the model's prior; decode: latent -> image float32 [N, H, W,
    C]; encode: image -> latent and deviation, float32 [N, Z], the posterior; reconstruct: image -> image, from the mean
    of the posterior.

    With labels all take these, int64 [N], as well, `latent` gives them, too, and there is a `morph` between classes
    (see `morphing`). Any class is, for `latent`, the one that the seed's sample has, for `decode` and `morph` one that
    the latent decides (`labels.of_latents`), and for the others the shares of the classes.
    """
    images, counts = model.spec.modality.graph, model.counts
    image, latent = {"image": model.spec.modality.numbers(model.spec.shape)}, Tensor("float32", (model.latent_dim,))
    posterior = {"latent": latent, "deviation": Tensor("float32", (model.latent_dim,), minimum=0.0)}

    def draw(seed: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        if counts is None:
            return {"latent": _latents(model, seed, None)}
        told = labels.drawn(seed, label, counts)
        return {"latent": _latents(model, seed, labels.shares(told, counts)), "label": told}

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
        "latent": (Signature("draw", {"seed": Tensor("int64"), **model.conditions}, taken), draw),
        "decode": (Signature("decode", taken, image, directions=known), decode),
        **between,
        "encode": (Signature("encode", {**image, **model.conditions}, posterior), encode),
        "reconstruct": (Signature("reconstruct", {**image, **model.conditions}, image), reconstruct),
    }
