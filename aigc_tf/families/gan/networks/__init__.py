"""Pairs of generator and discriminator, as functional Keras models.

Each module has `build(spec, latent_dim, spectral_norm, conditional) -> Networks`. To add an architecture, write
`networks/<name>.py` and put the name below; `conditioning` has what takes labels. Where its `build` also takes
`generator_widths` and `discriminator_widths` (tuples of units by layer, each with a default), put the name into
`WITH_WIDTHS` too.
"""

from aigc_tf.registry import Registry

NETWORKS = Registry(__name__, "build", "lean", "dcgan", "mlp", "conv_128")

WITH_WIDTHS = ("mlp",)
