"""Networks that tell how noise becomes an image, as functional Keras models.

Each module has `build(spec, conditional, channels) -> tf.keras.Model`: from a list of scaled states float32
[B, H, W, C], what tells their times float32 [B, NUM_FEATURES] and, if conditional, shares of the classes float32
[B, K], to float32 [B, H, W, C] (see `flow.velocity`). To add an architecture, write `networks/<name>.py` and put the
name below.
"""

from aigc_tf.registry import Registry

NETWORKS = Registry(__name__, "build", "halves", "ddim_unet")
