"""The classifier's network and training, on images small enough for seconds."""

import numpy as np
import pytest
import tensorflow as tf
from commands import run, succeed

from aigc_tf.metrics import lenet


@pytest.mark.parametrize(
    ("shape", "most_bytes"),
    [
        ((28, 28, 1), 600_000),
        ((32, 32, 3), 1_000_000),
        ((8, 8, 4), 1_000_000),
        ((9, 40, 3), 1_000_000),
        ((256, 96, 3), 1_000_000),
    ],
)
def test_every_image_shape_gives_84_features_from_weights_under_a_megabyte(shape, most_bytes):
    network = lenet.build(shape, 10)
    assert sum(array.nbytes for array in network.get_weights()) < most_bytes
    images = np.random.default_rng(0).integers(0, 256, size=(3, *shape), dtype=np.uint8)
    features, probabilities = lenet.look(network, images)
    assert features.shape == (3, 84) and features.dtype == np.float32
    assert probabilities.shape == (3, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_mixed_precision_policy_around_it_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, size=(5, 16, 16, 1), dtype=np.uint8)
    expected, _ = lenet.look(lenet.build((16, 16, 1), 3), images)
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        features, _ = lenet.look(lenet.build((16, 16, 1), 3), images)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(features, expected)


def test_looking_at_more_images_than_a_batch_agrees_with_looking_at_each():
    network = lenet.build((8, 8, 1), 3)
    images = np.random.default_rng(0).integers(0, 256, size=(1003, 8, 8, 1), dtype=np.uint8)
    features, _ = lenet.look(network, images)
    np.testing.assert_array_equal(features, lenet.look(network, images)[0])
    for row in (0, 499, 500, 1002):
        np.testing.assert_allclose(
            features[row], lenet.look(network, images[row : row + 1])[0][0], rtol=1e-4, atol=1e-4
        )


def test_what_does_not_fit_is_refused():
    network = lenet.build((8, 8, 1), 3)
    with pytest.raises(ValueError, match="quantise"):
        lenet.look(network, np.zeros((1, 8, 8, 1), np.float32))
    with pytest.raises(ValueError, match=r"\(8, 8, 1\), not \(8, 9, 1\)"):
        lenet.look(network, np.zeros((1, 8, 9, 1), np.uint8))
    with pytest.raises(ValueError, match="at least one"):
        lenet.look(network, np.zeros((0, 8, 8, 1), np.uint8))
    images = np.zeros((4, 8, 8, 1), np.uint8)
    with pytest.raises(ValueError, match="0 to 2"):
        lenet.train(images, np.array([0, 1, 2, 3]), 3)
    with pytest.raises(ValueError, match="one integer label"):
        lenet.train(images, np.array([0, 1, 2]), 3)
    with pytest.raises(ValueError, match="labelled"):
        lenet.build((8, 8, 1), 0)


def test_training_tells_left_from_right_and_gives_the_same_weights_twice(monkeypatch):
    monkeypatch.setattr(lenet, "_LEAST_STEPS", 60)
    random = np.random.default_rng(1)
    images = random.integers(0, 100, size=(400, 12, 12, 1), dtype=np.uint8)
    labels = np.arange(400, dtype=np.int32) % 2
    images[labels == 0, :, :4] += 120
    images[labels == 1, :, 8:] += 120
    networks = [lenet.train(images[:300], labels[:300], 2) for _ in range(2)]
    assert lenet.accuracy(networks[0], images[300:], labels[300:]) > 0.97
    first, second = (lenet.get_weights(network) for network in networks)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_tensorflow_complains_of_nothing_while_it_is_trained():
    program = (
        "import numpy as np; from aigc_tf.metrics import lenet; "
        "lenet.train(np.zeros((130, 28, 28, 1), np.uint8), np.arange(130) % 2, 2, steps=2)"
    )
    done = run("-c", program)
    assert (succeed(done), done.stderr) == ("", "")
