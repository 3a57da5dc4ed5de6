"""A process of its own for `test_exact_rows.py`, since TensorFlow chooses its kernels when it is imported."""

from __future__ import annotations

import dataclasses

import numpy as np

from aigc_tf.quiet import import_tensorflow

tf = import_tensorflow()

from aigc_tf.datasets.synthetic import load  # noqa: E402
from aigc_tf.families.gan.networks import NETWORKS  # noqa: E402
from aigc_tf.modalities.image.graph import to_stored  # noqa: E402
from aigc_tf.parts import exact_rows  # noqa: E402

LATENT_DIM, ROWS = 100, 24


def differing_rows(network: str, image_shape: tuple[int, int, int]) -> int:
    """How many of `ROWS` images change, in any bit or level, in other batches or in another order."""
    tf.keras.utils.set_random_seed(0)
    spec = dataclasses.replace(load(None).spec, shape=image_shape)
    generator = NETWORKS[network](spec, LATENT_DIM, False).generator
    # Drawn weights give nearly flat images; stretched, they hold all greys.
    generator.set_weights([2.0 * weight for weight in generator.get_weights()])
    inputs = [tf.TensorSpec([None, LATENT_DIM], tf.float32)]
    make = tf.function(
        lambda rows: exact_rows.apply(lambda row: generator(row, training=False), rows, list(image_shape)), inputs
    )
    latents = tf.random.stateless_normal([ROWS, LATENT_DIM], [0, 0])
    whole = make(latents).numpy()
    levels = to_stored(whole).numpy()
    assert len(np.unique(levels)) > 200, f"{network}: images hold only {len(np.unique(levels))} greys"
    changed = np.zeros(ROWS, bool)
    order = np.random.default_rng(0).permutation(ROWS)
    again = {"reversed": make(latents[::-1]).numpy()[::-1]}
    again["shuffled"] = make(tf.gather(latents, order)).numpy()[np.argsort(order)]
    for size in (1, 2, 5, 8):
        again[f"by {size}"] = np.concatenate([make(latents[at : at + size]) for at in range(0, ROWS, size)])
    for images in again.values():
        changed |= (images != whole).any((1, 2, 3))
    assert make(latents[:0]).shape == (0, *image_shape)
    return int(changed.sum())


if __name__ == "__main__":
    for name in NETWORKS:
        for shape in ((28, 28, 1), (16, 24, 3)):
            print(name, *shape, differing_rows(name, shape))
