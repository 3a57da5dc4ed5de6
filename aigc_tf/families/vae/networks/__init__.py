"""Pairs of encoder and decoder, as functional Keras models.

Each module has `build(spec, latent_dim, parameters, conditional) -> Networks`. To add an architecture, write
`networks/<name>.py` and put the name below; `networks.py` has what takes labels.
"""

from aigc_tf.registry import Registry

NETWORKS = Registry(__name__, "build", "lean", "keras")
