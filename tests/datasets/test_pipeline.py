from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.datasets.pipeline import batches


def numbered(count: int) -> ImageDataset:
    """Images that can be told apart by their label, which is their index."""
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), np.uint8)
    labelled = images, np.arange(count)
    names = tuple(map(str, range(count)))
    return ImageDataset.of(labelled, labelled, class_names=names, source="chance", licence="")


def stream(count: int, batch_size: int, seed: int, start: int, stop: int) -> np.ndarray:
    steps = batches(numbered(count), "train", batch_size, seed, start, stop)
    return np.concatenate([batch["label"] for batch in steps])


def test_batches_hold_scaled_images_beside_their_labels() -> None:
    numbers = numbered(10)
    data = batches(numbers, "train", 4, seed=0)
    assert data.element_spec == {
        "image": tf.TensorSpec([4, 8, 8, 1], tf.float32),
        "label": tf.TensorSpec([4], tf.int32),
    }
    for batch in data.take(5):
        expected = numbers.train_images[batch["label"]] / np.float32(127.5) - np.float32(1)
        np.testing.assert_allclose(batch["image"], expected, atol=1e-6)


@pytest.mark.parametrize(("count", "batch_size"), [(1, 3), (2, 5), (7, 3), (64, 64), (65, 8), (1000, 96)])
def test_each_epoch_is_a_permutation(count: int, batch_size: int) -> None:
    steps = -(-4 * count // batch_size)
    epochs = stream(count, batch_size, 1, 0, steps)[: 4 * count].reshape(4, count)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(count), (4, 1)))
    if count > 60:
        assert len({tuple(epoch) for epoch in epochs}) == 4


@pytest.mark.parametrize("start", [1, 2, 3, 7, 10])
def test_a_stream_can_be_joined_at_any_step(start: int) -> None:
    whole = stream(10, 4, 5, 0, 12)
    np.testing.assert_array_equal(stream(10, 4, 5, start, 12), whole[4 * start :])


def test_a_stream_can_be_joined_after_years() -> None:
    step = 10**12 + 1
    late = stream(100, 7, 0, step, step + 40)
    np.testing.assert_array_equal(stream(100, 7, 0, step + 9, step + 40), late[63:])


def test_seeds_and_distant_epochs_give_other_orders() -> None:
    # 256 apart, since `index_shuffle` would repeat itself there.
    first = stream(50, 50, 0, 0, 1)
    for other in (stream(50, 50, 256, 0, 1), stream(50, 50, -1, 0, 1), stream(50, 50, 0, 256, 257)):
        assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first, stream(50, 50, 0, 0, 1))


def test_batches_are_as_mixed_as_chance_would_have_it() -> None:
    order = stream(6400, 64, 3, 0, 200).reshape(200, 64)
    spread = order.mean(1).var() / (6400**2 / 12 / 64)
    assert 0.7 < spread < 1.35  # 1 expected; its standard deviation is 0.1


def test_a_stream_can_end_or_go_on() -> None:
    numbers = numbered(10)
    assert len(list(batches(numbers, "train", 4, 0, 3, 8))) == 5
    assert len(list(batches(numbers, "train", 4, 0, 3, 3))) == 0
    assert len(list(batches(numbers, "test", 4, 0, 3).take(50))) == 50


def test_bad_arguments_are_refused() -> None:
    for numbers in ((0, 0), (4, 0, -1), (4, 0, 5, 4)):
        with pytest.raises(ValueError, match="expected"):
            batches(numbered(10), "train", *numbers)
