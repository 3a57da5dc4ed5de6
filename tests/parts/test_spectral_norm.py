"""Spectral normalisation against NumPy's singular values and finite differences."""

import cpus
import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts.layers import SpectralNorm

MANY = 100  # power iterations, enough for any small kernel
LAYERS = {
    "dense": (lambda **kwargs: tf.keras.layers.Dense(7, **kwargs), [11]),
    "conv": (lambda **kwargs: tf.keras.layers.Conv2D(5, 3, **kwargs), [3, 3, 2]),
    "one_unit": (lambda **kwargs: tf.keras.layers.Dense(1, **kwargs), [11]),
}


@pytest.fixture(params=LAYERS)
def layer_and_inputs(request):
    """A layer, trained to know its sigma, and inputs that pick one row of its kernel each."""
    make, shape = LAYERS[request.param]
    tf.keras.utils.set_random_seed(0)
    layer = SpectralNorm(make())
    fan_in = int(np.prod(shape))
    inputs = tf.reshape(tf.eye(fan_in), [fan_in, *shape])
    for _ in range(MANY):
        layer(inputs, training=True)
    return layer, inputs


def matrix_of(layer) -> np.ndarray:
    kernel = layer.layer.kernel.numpy().astype(np.float64)
    return kernel.reshape(-1, kernel.shape[-1])


def largest_singular_value(matrix) -> float:
    return np.linalg.svd(matrix, compute_uv=False)[0]


def test_the_effective_kernel_is_the_stored_one_over_its_largest_singular_value(layer_and_inputs):
    layer, inputs = layer_and_inputs
    effective = layer(inputs).numpy().reshape(len(inputs), -1)
    assert largest_singular_value(effective) == pytest.approx(1.0, abs=1e-4)
    stored = matrix_of(layer)
    assert largest_singular_value(stored) != pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(effective, stored / largest_singular_value(stored), atol=1e-5)


def test_the_gradient_passes_through_sigma(layer_and_inputs):
    layer, inputs = layer_and_inputs
    stored = matrix_of(layer)
    weighting = np.random.default_rng(0).normal(size=stored.shape)

    def objective(matrix):
        return np.sum(weighting * matrix / largest_singular_value(matrix))

    expected = np.zeros_like(stored)
    for index in np.ndindex(*stored.shape):
        change = np.zeros_like(stored)
        change[index] = 1e-5
        expected[index] = (objective(stored + change) - objective(stored - change)) / 2e-5

    with tf.GradientTape() as tape:
        outputs = tf.reshape(layer(inputs, training=True), stored.shape)
        value = tf.reduce_sum(tf.cast(weighting, tf.float32) * outputs)
    gradient = tape.gradient(value, layer.layer.kernel).numpy().reshape(stored.shape)
    np.testing.assert_allclose(gradient, expected, atol=1e-3)
    without_sigma = weighting / largest_singular_value(stored)
    assert np.abs(gradient - without_sigma).max() > 0.1


def test_the_bias_is_added_undivided():
    layer = SpectralNorm(tf.keras.layers.Dense(3))
    zeros = tf.zeros([1, 4])
    np.testing.assert_array_equal(layer(zeros), [[0.0, 0.0, 0.0]])
    layer.bias.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(layer(zeros), [[1.0, 2.0, 3.0]])


def test_a_layer_without_bias_gets_none():
    layer = SpectralNorm(tf.keras.layers.Dense(3, use_bias=False))
    assert SpectralNorm.from_config(layer.get_config()).get_config() == layer.get_config()
    layer.build([None, 4])
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(4, 3)]


def test_a_training_call_changes_u_and_not_the_kernel(layer_and_inputs):
    layer, inputs = layer_and_inputs
    layer.u.assign(tf.reverse(layer.u, [-1]) + 0.5)  # away from its fixed point
    kernel, u = layer.layer.kernel.numpy(), layer.u.numpy()
    with tf.GradientTape() as tape:  # as the generator's step does: the gradient for the inputs alone
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
    assert np.abs(tape.gradient(outputs, inputs)).max() > 0
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), kernel)
    assert not np.array_equal(layer.u.numpy(), u)


def test_an_inference_call_changes_nothing(layer_and_inputs):
    layer, inputs = layer_and_inputs
    layer.u.assign(tf.reverse(layer.u, [-1]) + 0.5)
    before = layer.get_weights()
    first, second = layer(inputs), layer(inputs, training=False)
    np.testing.assert_array_equal(first, second)
    for old, new in zip(before, layer.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_sigma_follows_a_kernel_that_moves(layer_and_inputs):
    """One power iteration a call is enough while the kernel changes slowly, as in training."""
    layer, inputs = layer_and_inputs
    for step in range(30):
        layer.layer.kernel.assign_add(0.01 * tf.random.stateless_normal(layer.layer.kernel.shape, [step, 0]))
        outputs = layer(inputs, training=True)
    assert largest_singular_value(outputs.numpy().reshape(len(inputs), -1)) == pytest.approx(1.0, abs=0.05)


def test_both_replicas_keep_the_same_u_as_one_device():
    def u_after_three_calls(replicas):
        strategy = cpus.strategy(replicas)
        tf.keras.utils.set_random_seed(0)
        with strategy.scope():
            layer = SpectralNorm(tf.keras.layers.Dense(3))
            layer.build([None, 4])
        for _ in range(3):
            strategy.run(lambda: layer(tf.ones([2, 4]), training=True))
        return [value.numpy() for value in strategy.experimental_local_results(layer.u)]

    (alone,), (first, second) = u_after_three_calls(1), u_after_three_calls(2)
    np.testing.assert_array_equal(first, alone)
    np.testing.assert_array_equal(second, alone)


def test_it_travels_in_a_saved_model(tmp_path):
    network = tf.keras.Sequential(
        [
            tf.keras.Input([6, 6, 1]),
            SpectralNorm(tf.keras.layers.Conv2D(4, 3)),
            tf.keras.layers.Flatten(),
            SpectralNorm(tf.keras.layers.Dense(1)),
        ]
    )
    images = tf.random.stateless_normal([2, 6, 6, 1], [0, 0])
    for _ in range(MANY):
        network(images, training=True)
    serve = tf.function(lambda image: {"logit": network(image)}, input_signature=[tf.TensorSpec([None, 6, 6, 1])])
    tf.saved_model.save(network, str(tmp_path), signatures={"serving_default": serve})
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(loaded.signatures["serving_default"](images)["logit"], network(images), rtol=1e-5)


def test_mixed_precision_keeps_u_and_a_float32_layer_in_float32():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        low, full = SpectralNorm(tf.keras.layers.Dense(3)), SpectralNorm(tf.keras.layers.Dense(3, dtype="float32"))
        inputs = tf.constant([[1.0, 1.0 + 2**-12]])  # the second is 1 in bfloat16
        assert low(inputs, training=True).dtype == tf.bfloat16
        assert full(inputs, training=True).dtype == tf.float32
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert low.u.dtype == full.u.dtype == tf.float32
    assert not np.array_equal(full(inputs), full(tf.ones([1, 2])))


def test_an_activation_inside_is_refused():
    with pytest.raises(ValueError, match="activation behind it"):
        SpectralNorm(tf.keras.layers.Dense(3, activation="relu"))
