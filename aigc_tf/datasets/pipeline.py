"""Batches as a pure function of (seed, step), from rows that are read by number."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from aigc_tf.datasets.dataset import Dataset, Split

_FOREVER = 2**62
# AutoGraph would look through the sources of all modules that are loaded, and find no control flow to translate.
_as_written = tf.autograph.experimental.do_not_convert


def batches(
    data: Dataset,
    split: Split,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    stop_step: int | None = None,
    change: Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]] | None = None,
    part: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Shuffled batches number `start_step` to `stop_step - 1` of a stream that only `seed` decides.

    The stream is one permutation of all examples after the other, each drawn anew from (seed, epoch); batch s holds its
    positions s * B to s * B + B - 1. So no example is dropped at the end of an epoch, a batch may straddle two epochs,
    and a stream that starts at step k is the stream that starts at 0, from its step k on.

    `tf.random.experimental.index_shuffle` would spare us the permutation (8 bytes an image, a few milliseconds an
    epoch), but TensorFlow 2.15 keeps 8 bits of each seed for data sets of this size: epoch 256 repeats epoch 0, batches
    are visibly not random, and for 65,537 images its result is no permutation.

    Args:
        data: what to read.
        split: which of its splits.
        batch_size: rows of a batch, over all replicas; may exceed N.
        seed: any integer of 64 bits.
        start_step: first batch to give.
        stop_step: the batch to stop before; None for a stream that never ends.
        change: what becomes of a batch, given its number int64 too (see `augmentation`).
        part: which of how many equal parts of each batch to give; the others are not even read.

    Returns:
        A data set of batches as `Dataset.reader` gives them.

    Raises:
        ValueError: a number is out of range, or the parts of a batch are not equal.
    """
    if batch_size < 1 or start_step < 0 or (stop_step is not None and stop_step < start_step):
        raise ValueError(
            f"got batch_size {batch_size}, start_step {start_step}, stop_step {stop_step}: "
            "expected a batch of at least 1 and 0 <= start_step <= stop_step"
        )
    if batch_size % part[1] or not 0 <= part[0] < part[1]:
        raise ValueError(f"got part {part} of a batch of {batch_size}: expected (number, count) of equal parts")
    num_examples = data.count(split)
    first_epoch, offset = divmod(start_step * batch_size, num_examples)

    @_as_written
    def order(epoch: tf.Tensor) -> tf.Tensor:
        """int64 [] -> int64 [N], or the rest of it in the epoch that is joined midway."""
        permutation = tf.random.experimental.stateless_shuffle(
            tf.range(num_examples, dtype=tf.int64), seed=tf.stack([tf.constant(seed, tf.int64), epoch]), alg="philox"
        )
        return permutation[tf.where(epoch == first_epoch, offset, 0) :]

    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False  # nothing here is left to tune
    # The rewriting of the graph gains nothing here.
    options.experimental_optimization.apply_default_optimizations = False
    stream = tf.data.Dataset.range(first_epoch, _FOREVER).map(order).rebatch(batch_size, drop_remainder=True)
    if stop_step is not None:
        stream = stream.take(stop_step - start_step)
    if part[1] > 1:
        count = batch_size // part[1]
        stream = stream.map(_as_written(lambda rows: rows[part[0] * count : (part[0] + 1) * count]))
    stream = stream.map(_as_written(data.reader(split)))
    if change is not None:
        stream = stream.enumerate(start_step).map(_as_written(lambda number, batch: change(batch, number)))
    return stream.prefetch(2).with_options(options)
