"""Batches as a pure function of (seed, step), from a uint8 array in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

_FOREVER = 2**62


def batches(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.integer],
    batch_size: int,
    seed: int,
    start_step: int = 0,
    stop_step: int | None = None,
) -> tf.data.Dataset:
    """Shuffled batches number `start_step` to `stop_step - 1` of a stream that only `seed` decides.

    The stream is one permutation of all images after the other, each drawn anew from (seed, epoch); batch s holds its
    positions s * B to s * B + B - 1. So no image is dropped at the end of an epoch, a batch may straddle two epochs,
    and a stream that starts at step k is the stream that starts at 0, from its step k on.

    `tf.random.experimental.index_shuffle` would spare us the permutation (8 bytes an image, a few milliseconds an
    epoch), but TensorFlow 2.15 keeps 8 bits of each seed for data sets of this size: epoch 256 repeats epoch 0, batches
    are visibly not random, and for 65,537 images its result is no permutation.

    Args:
        images: uint8 [N, H, W, C].
        labels: integers [N].
        batch_size: rows of a batch, over all replicas; may exceed N.
        seed: any integer of 64 bits.
        start_step: first batch to give.
        stop_step: the batch to stop before; None for a stream that never ends.

    Returns:
        A data set of {"image": float32 [B, H, W, C] in [-1, 1], "label": int32 [B]}.

    Raises:
        ValueError: `images` is no uint8 array of rank 4, `labels` does not fit it, or a number is out of range.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"got images {images.dtype} {list(images.shape)} and labels {list(labels.shape)}: "
            "expected uint8 [N, H, W, C] and [N], not empty"
        )
    if batch_size < 1 or start_step < 0 or (stop_step is not None and stop_step < start_step):
        raise ValueError(
            f"got batch_size {batch_size}, start_step {start_step}, stop_step {stop_step}: "
            "expected a batch of at least 1 and 0 <= start_step <= stop_step"
        )
    num_examples = len(images)
    first_epoch, offset = divmod(start_step * batch_size, num_examples)
    # Variables, for the graph only refers to them. Constants would be copied into it, once more with every rewriting.
    with tf.device("CPU:0"):
        all_images = tf.Variable(images, trainable=False)
        all_labels = tf.Variable(labels, trainable=False, dtype=tf.int32)

    def order(epoch: tf.Tensor) -> tf.Tensor:
        """int64 [] -> int64 [N], or the rest of it in the epoch that is joined midway."""
        permutation = tf.random.experimental.stateless_shuffle(
            tf.range(num_examples, dtype=tf.int64), seed=tf.stack([tf.constant(seed, tf.int64), epoch]), alg="philox"
        )
        return permutation[tf.where(epoch == first_epoch, offset, 0) :]

    def read(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """int64 [B] -> the batch."""
        image = tf.cast(tf.gather(all_images, rows), tf.float32) / 127.5 - 1.0
        return {"image": image, "label": tf.gather(all_labels, rows)}

    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False  # nothing here is left to tune
    # The rewriting of the graph gains nothing here.
    options.experimental_optimization.apply_default_optimizations = False
    stream = tf.data.Dataset.range(first_epoch, _FOREVER).map(order).rebatch(batch_size, drop_remainder=True)
    if stop_step is not None:
        stream = stream.take(stop_step - start_step)
    return stream.map(read).prefetch(2).with_options(options)
