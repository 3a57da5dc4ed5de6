"""Kinds of content; each folder has a `MODALITY` (see `modality.py`), which imports no TensorFlow.

To add a kind, write `modalities/<name>/` and put the name below.
"""

from aigc_tf.registry import Registry

MODALITIES = Registry(__name__, "MODALITY", "image")
