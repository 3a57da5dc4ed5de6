"""Pairs of generator and discriminator, as functional Keras models.

Each module has `build(spec, latent_dim, spectral_norm, conditional) -> Networks`. To add an architecture, write
`networks/<name>.py` and put the name below; `conditioning` has what takes labels.
"""

from aigc_tf.registry import Registry

NETWORKS = Registry(__name__, "build", "lean", "dcgan", "mlp")
