"""The eyes for images of any kind: moments of random filters, which need no labels, no training and no download.

Networks whose weights were never trained see enough to tell sets of images apart (Saxe et al. 2011, "On Random Weights
and Unsupervised Feature Learning"; Naeem et al. 2020, arXiv:2002.09797, on random embeddings for images unlike
ImageNet's). Four levels of 3×3 filters and rectifiers follow one another, each at half the size. The first two see an
image at its own size, whatever that is; what they saw is then brought to 8×8 places, so the last two see it whole. Each
level gives the mean and the standard deviation of every filter, the last one also its means in the four quarters: 704
numbers. A fixed matrix takes them to 128 features, between which distances mean something: it whitens what the numbers
are on drawings made by chance, where most of them say the same, then projects them at random.

Filters and matrix travel with the package (`weights/filters.npz`, 0.7 MB), so figures compare between machines. No
image of any data set helped to make them (`make_filters`); benchmarks/results/unlabelled_judge.md tells what they see.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from aigc_tf.metrics import weights_file
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor, check_images

NAME = "filters"
HASH = "sha256:5efbdebf2e5306fcda95d9ce82d1ca28f82db714982d6d771912c60a855a94b8"
WEIGHTS = Path(__file__).parent / "weights" / "filters.npz"
FEATURES = 128
LEVELS = (32, 64, 64, 64)  # filters of each

_WHOLE = 8  # places a side at which the last two levels look
_PIXELS = 2**18  # looked at in one go


def load(image_shape: tuple[int, int, int]) -> Extractor:
    """The extractor of features float32 [N, 128] for images uint8 [N, H, W, C] of `image_shape`, C of 1, 3 or 4.

    Grey images are seen as colour ones of three like channels, and those without transparency as opaque, so the same
    picture is the same whichever way it is stored. Raises ValueError for weights that are not what was shipped.
    """
    weights = weights_file.read_arrays(WEIGHTS)
    found = weights_file.weights_hash(weights)
    if found != HASH:
        raise ValueError(f"{WEIGHTS} has the hash {found}, expected {HASH}: install the package again")
    filters = [weights[f"filters{level}"] for level in range(len(LEVELS))]

    @tf.function(input_signature=[tf.TensorSpec([None, *image_shape], tf.uint8)], autograph=False)
    def see(images: tf.Tensor) -> tf.Tensor:
        return tf.matmul(moments(images, filters) - weights["mean"], weights["matrix"])

    def look(images: np.ndarray) -> Observations:
        check_images(images)
        return Observations(see(tf.constant(images)).numpy())

    height, width, _ = image_shape
    return Extractor(
        name=NAME,
        short=NAME,
        hash=found,
        resizer="none",
        held_out_accuracy=None,
        num_features=FEATURES,
        look=look,
        batch_size=max(_PIXELS // (height * width), 1),
    )


def moments(images: tf.Tensor, filters: list[np.ndarray]) -> tf.Tensor:
    """What `filters` (each float32 [3, 3, channels, count]) see in uint8 images [N, H, W, C]: float32 [N, 704]."""
    seen = []
    maps = 2.0 * _red_green_blue_alpha(images) - 1.0
    for level, kernel in enumerate(filters):
        if level == len(filters) - 2:
            maps = tf.image.resize(maps, (_WHOLE, _WHOLE), "bilinear", antialias=True)
        # The border is mirrored: zeros around an image would be an edge that it has not.
        maps = tf.pad(maps, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        maps = tf.nn.relu(tf.nn.conv2d(maps, kernel, 1, "VALID"))
        seen += [tf.reduce_mean(maps, [1, 2]), tf.math.reduce_std(maps, [1, 2])]
        if level < len(filters) - 1:
            maps = tf.nn.avg_pool2d(maps, 2, 2, "SAME")
    quarters = tf.nn.avg_pool2d(maps, _WHOLE // 4, _WHOLE // 4, "VALID")
    return tf.concat([*seen, tf.reshape(quarters, [-1, 4 * quarters.shape[-1]])], axis=1)


def _red_green_blue_alpha(images: tf.Tensor) -> tf.Tensor:
    """Images [N, H, W, 1, 3 or 4] as float32 [N, H, W, 4] in [0, 1]: what is transparent lies on white, and says so."""
    scaled = tf.cast(images, tf.float32) / 255.0
    if images.shape[-1] == 4:
        colours, alpha = scaled[..., :3], scaled[..., 3:]
        return tf.concat([colours * alpha + (1.0 - alpha), alpha], axis=-1)
    colours = tf.repeat(scaled, 3 // images.shape[-1], axis=-1)
    return tf.concat([colours, tf.ones_like(colours[..., :1])], axis=-1)
