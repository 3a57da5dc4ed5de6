"""Families of generative models; each module has `create(spec, config) -> GenerativeModel`, compiled and untrained.

To add a family, write `models/<name>.py` after the contract in `generative_model.py` and put the name below.
"""

from aigc_tf.registry import Registry

MODELS = Registry(__name__, "create", "gan")
