"""Augmentations: images changed by chance, differentiably, each row as its own random numbers say.

Of two kinds, and in this order. A *move* says where pixels come from: `matrix(uniform, by, size) -> float32 [B, 2, 3]`
from places in the result to places in the image, as (x, y, 1) in pixels from the middle, for images of `size` (height,
width). All moves of an image are one matrix, so that it is resampled once. A *change* says what pixels become:
`change(images, uniform, by) -> images`, float32 [B, H, W, C] in model space, where results may lie beyond [-1, 1].

`uniform`, float32 [B, 3] in [0, 1), is the only randomness that either may use, and `by` says how far it goes. To add
one, write `augmentations/<name>.py` with a `matrix` or a `change` and put the name below.

TensorFlow Addons has such operations (`tfa.image.translate`, `rotate`, `random_cutout`), but does not exist beside
TensorFlow 2.16 and later, and ours must. TensorFlow's own operation beneath them (`ImageProjectiveTransformV3`) has a
gradient that is none: it resamples the gradient by the inverse transform, which is no derivative where pixels are mixed
or come from beyond a border. `resampling` is plain TensorFlow with the true gradient, and compiles with XLA.
"""

from aigc_tf.registry import Registry

MOVES = Registry(__name__, "matrix", "flip", "flip_vertical", "shift", "rotate", "zoom", "crop")
CHANGES = Registry(__name__, "change", "colour", "cutout")
