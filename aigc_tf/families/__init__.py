"""Families of generative models; each folder has a `FAMILY` (see `family.py`), which imports no TensorFlow.

To add a family, write `families/<name>/` and put the name below.
"""

from aigc_tf.registry import Registry

FAMILIES = Registry(__name__, "FAMILY", "gan", "vae", "diffusion")
