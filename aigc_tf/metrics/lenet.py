"""The small classifier behind `fd_lenet` and the classifier score: its network, its training, its eyes.

After LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition"): two 5×5 convolutions with
pooling and a dense layer of 84 features, which are what the Fréchet distance sees. Leaky rectifiers and max pooling
replace the sigmoids and averages of 1998 (with plain rectifiers half of the 84 features were 0 for every digit). Larger
images get more convolutions, so that the dense layer never sees more than 8×8 places and the weights stay small
(28×28×1: 146,000 numbers, 0.6 MB).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from aigc_tf.metrics import weights_file
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor, check_images

FEATURES = 84
LOOK_BATCH = 500  # images looked at in one go
VERSION = 1  # of the network and its training together: raise it when either changes, and make the shipped weights anew

_BATCH = 128
_LEAST_STEPS, _MOST_STEPS = 400, 3000
_SHIFT = 2  # pixels


def build(image_shape: tuple[int, int, int], num_classes: int) -> tf.keras.Model:
    """A functional network: uint8 [N, H, W, C] → (features float32 [N, 84], logits float32 [N, num_classes]).

    `image_shape` is (H, W, C) with H and W from 8 up. Initial weights are always the same ones. Raises ValueError for
    fewer than one class.
    """
    if num_classes < 1:
        raise ValueError(f"a classifier needs labelled images: num_classes is {num_classes}, expected 1 or more")
    # float32 whatever the global mixed-precision policy of a training around it: figures must not depend on that.
    layers, exact = tf.keras.layers, {"dtype": "float32"}

    def weighted(seed: int) -> dict[str, object]:
        return {
            "activation": _leaky_relu,
            "kernel_initializer": tf.keras.initializers.HeUniform(seed=seed),
            **exact,
        }

    images = layers.Input(image_shape, dtype=tf.uint8, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale", **exact)(images)
    block = 0
    while block < 2 or max(x.shape[1:3]) > 8:
        block += 1
        filters, kernel = ((16, 5), (32, 5))[block - 1] if block <= 2 else (32, 3)
        x = layers.Conv2D(filters, kernel, padding="same", name=f"conv{block}", **weighted(block))(x)
        halve = tuple(2 if size > 8 else 1 for size in x.shape[1:3])  # of a long image only the long side
        x = layers.MaxPool2D(halve, padding="same", name=f"pool{block}", **exact)(x)
    x = layers.Flatten(name="flatten", **exact)(x)
    features = layers.Dense(FEATURES, name="features", **weighted(101))(x)
    logits = layers.Dense(
        num_classes, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=102), name="logits", **exact
    )(features)
    return tf.keras.Model(images, [features, logits], name="lenet")


def train(images: np.ndarray, labels: np.ndarray, num_classes: int, steps: int | None = None) -> tf.keras.Model:
    """A trained network for uint8 images [N, H, W, C] with integer labels [N] in [0, num_classes).

    It takes `steps` steps of up to 128 images; by default six passes over the images, but from 400 to 3,000 steps:
    seconds for a few thousand small images, about two minutes on two CPU cores for all of MNIST. Every batch is shifted
    by up to two pixels. Order, shifts and initial weights are fixed: on one machine the same images give the same
    weights, bit for bit. Raises ValueError for images and labels that do not fit together.
    """
    check_images(images)
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"expected one integer label an image, not {labels.dtype} {labels.shape} for {len(images)} images"
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {num_classes - 1}")
    height, width, channels = images.shape[1:]
    network = build((height, width, channels), num_classes)
    batch = min(_BATCH, len(images))
    steps = steps or min(max(6 * len(images) // batch, _LEAST_STEPS), _MOST_STEPS)
    optimizer = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(1e-3, steps))
    optimizer.build(network.trainable_variables)  # variables cannot be made inside the traced step

    @tf.function(autograph=False, reduce_retracing=True)
    def step(batch_images: tf.Tensor, batch_labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            _, logits = network(batch_images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch_labels, logits))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, network.trainable_variables), network.trainable_variables, strict=True)
        )

    random = np.random.default_rng(0)
    order = np.empty(0, np.int64)
    for _ in range(steps):
        while len(order) < batch:
            order = np.concatenate([order, random.permutation(len(images))])
        rows, order = order[:batch], order[batch:]
        down, right = random.integers(-_SHIFT, _SHIFT + 1, size=2)
        step(tf.constant(_shift(images[rows], down, right)), tf.constant(labels[rows].astype(np.int32)))
    return network


def eyes(network: tf.keras.Model) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function from uint8 images [N, H, W, C] to what `network` sees in them, in one go.

    It gives features float32 [N, 84] and probabilities float32 [N, K], and raises ValueError for images of another type
    or shape; floats must go through `quantise` first.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, *network.input_shape[1:]], tf.uint8)], autograph=False)
    def see(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features, logits = network(batch, training=False)
        return features, tf.nn.softmax(logits)

    def look_at(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        check_images(images)
        if images.shape[1:] != network.input_shape[1:]:
            raise ValueError(f"the classifier is for images of {network.input_shape[1:]}, not {images.shape[1:]}")
        features, probabilities = see(tf.constant(images))
        return features.numpy(), probabilities.numpy()

    return look_at


def look(network: tf.keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `network` sees in uint8 images [N, H, W, C]: features float32 [N, 84], probabilities float32 [N, K].

    In batches; raises ValueError as `eyes` does.
    """
    check_images(images)
    see = eyes(network)
    # Batches start at fixed rows, so that an image's last digits never depend on anything but its place in the set.
    seen = [see(images[i : i + LOOK_BATCH]) for i in range(0, len(images), LOOK_BATCH)]
    features, probabilities = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    return features, probabilities


def get_weights(network: tf.keras.Model) -> dict[str, np.ndarray]:
    """Weights by "<layer>/<kernel or bias>"."""
    return {variable.name.removesuffix(":0"): variable.numpy() for variable in network.weights}


def as_extractor(
    dataset: str, network: tf.keras.Model, weights: Mapping[str, np.ndarray], held_out_accuracy: float
) -> Extractor:
    """What looks at images of `dataset` by `network`, which takes these weights (as of `get_weights`)."""
    network.set_weights([weights[name] for name in get_weights(network)])
    see = eyes(network)
    return Extractor(
        name=f"lenet-{dataset}",
        short="lenet",
        hash=weights_file.weights_hash(weights),
        resizer="none",
        held_out_accuracy=held_out_accuracy,
        num_features=FEATURES,
        look=lambda images: Observations(*see(images)),
        batch_size=LOOK_BATCH,
    )


def accuracy(network: tf.keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Share in [0, 1] of uint8 images [N, H, W, C] that `network` tells right; integer labels [N]."""
    _, probabilities = look(network, images)
    return float(np.mean(probabilities.argmax(axis=1) == labels))


@tf.custom_gradient
def _leaky_relu(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    # The gradient is TensorFlow's own, in one pass over the numbers instead of six: a quarter less CPU time for a step
    # on two cores with AVX2. It looks at y, which has the signs of x: a gradient that needs x, as that of
    # tf.nn.leaky_relu does, makes TensorFlow 2.15 log "remapper failed" behind a convolution.
    y = tf.maximum(0.2 * x, x)
    return y, lambda upstream: tf.raw_ops.LeakyReluGrad(gradients=upstream, features=y, alpha=0.2)


def _shift(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images [N, H, W, C] moved by whole pixels; the border is repeated where nothing moves in."""
    rows = np.clip(np.arange(images.shape[1]) - down, 0, images.shape[1] - 1)
    columns = np.clip(np.arange(images.shape[2]) - right, 0, images.shape[2] - 1)
    return images[:, rows][:, :, columns]
