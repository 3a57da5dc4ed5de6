"""Every architecture, at awkward image sizes too: what its networks promise to the rest of the house."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.gan.networks import NETWORKS, WITH_WIDTHS
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.parts.layers import SpectralNorm

SHAPES = [(8, 8, 1), (28, 28, 1), (9, 13, 3), (32, 20, 3), (33, 8, 4)]
LATENT_DIM = 6
BATCH = 4


def spec(image_shape) -> DataSpec:
    return DataSpec(image_shape, 0, 100, (), "sha256:0", "a test", "none")


def build(name, image_shape, spectral_norm=False, latent_dim=LATENT_DIM) -> Networks:
    tf.keras.utils.set_random_seed(0)
    return NETWORKS[name](spec(image_shape), latent_dim, spectral_norm)


def latents(scale=1.0) -> tf.Tensor:
    return scale * tf.random.stateless_normal([BATCH, LATENT_DIM], [1, 0])


def images(image_shape) -> tf.Tensor:
    return tf.random.stateless_uniform([BATCH, *image_shape], [2, 0], -1.0, 1.0)


@pytest.fixture(scope="module", params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def image_shape(request):
    return request.param


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "spectral_norm"])
def spectral_norm(request):
    return request.param


@pytest.fixture(scope="module")
def networks(name, image_shape, spectral_norm):
    return build(name, image_shape, spectral_norm)


def test_generator_gives_images(networks, image_shape):
    fakes = networks.generator(latents(), training=True)
    assert fakes.shape == [BATCH, *image_shape] and fakes.dtype == tf.float32
    # Huge latents drive the last activation to its ends.
    wild = networks.generator(latents(1e4), training=False).numpy()
    assert -1.0 <= wild.min() < -0.9 and 0.9 < wild.max() <= 1.0


def test_every_pixel_depends_on_the_latent(networks):
    fakes = networks.generator(latents(), training=True).numpy()
    assert (fakes.std(axis=0) > 0).all()


def test_discriminator_gives_one_logit_a_row(networks, image_shape):
    logits = networks.discriminator(images(image_shape), training=True)
    assert logits.shape == [BATCH, 1] and logits.dtype == tf.float32
    assert np.isfinite(logits).all()


def test_a_logit_sees_every_pixel_of_its_row_and_none_of_another(networks, image_shape):
    """Gradient penalties rest on that, so no batch statistics may enter the discriminator."""
    real = images(image_shape)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(real)
        logits = [networks.discriminator(real, training=training)[0, 0] for training in (False, True)]
    inference, training = (tape.gradient(logit, real).numpy() for logit in logits)
    assert (inference[0] != 0).all()
    assert (inference[1:] == 0).all() and (training[1:] == 0).all()


def test_networks_are_functional_and_rebuilt_from_their_config(networks, image_shape):
    for network, inputs in zip(networks, (latents(), images(image_shape))):
        assert type(network).__name__ == "Functional"  # a subclass could not be pruned, quantised or converted
        copy = tf.keras.Model.from_config(network.get_config())
        assert [weight.shape for weight in copy.weights] == [weight.shape for weight in network.weights]
        copy.set_weights(network.get_weights())
        np.testing.assert_allclose(copy(inputs), network(inputs), atol=1e-6)


def test_spectral_norm_wraps_every_kernel_of_the_discriminator_and_nothing_else(networks, spectral_norm):
    def wrapped(network):
        return [isinstance(layer, SpectralNorm) for layer in network.layers if layer.trainable_weights]

    assert wrapped(networks.discriminator) == [spectral_norm] * len(wrapped(networks.discriminator))
    assert not any(wrapped(networks.generator))


def test_clone_model_gives_the_same_network_with_weights_of_its_own(name):
    discriminator = build(name, (8, 8, 1), spectral_norm=True).discriminator
    clone = tf.keras.models.clone_model(discriminator)
    clone.set_weights(discriminator.get_weights())
    before = clone(images((8, 8, 1)))
    for weight in discriminator.trainable_weights:
        weight.assign_add(tf.ones_like(weight))
    np.testing.assert_array_equal(clone(images((8, 8, 1))), before)
    assert not np.array_equal(discriminator(images((8, 8, 1))), before)


def test_mixed_precision_keeps_weights_and_outputs_in_float32(name, spectral_norm):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        generator, discriminator = build(name, (9, 13, 3), spectral_norm)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    fakes = generator(latents(), training=True)
    logits = discriminator(fakes, training=True)
    assert fakes.dtype == logits.dtype == tf.float32
    for network in (generator, discriminator):
        assert {weight.dtype.name for weight in network.weights} <= {"float32", "int32"}
        assert "bfloat16" in {layer.compute_dtype for layer in network.layers}
    # The same weights in float32 agree within bfloat16's 8 bits, so the lower precision changes no meaning.
    exact = build(name, (9, 13, 3), spectral_norm)
    for network, reference in zip((generator, discriminator), exact):
        reference.set_weights(network.get_weights())
    np.testing.assert_allclose(generator(latents()), exact.generator(latents()), atol=0.05)
    np.testing.assert_allclose(discriminator(fakes), exact.discriminator(fakes), atol=0.05)


def units(network) -> list[int]:
    return [layer.units for layer in network.layers if isinstance(layer, tf.keras.layers.Dense)]


def test_mlp_has_the_widths_of_the_tutorials():
    generator, discriminator = build("mlp", (28, 28, 1), latent_dim=100)
    assert units(generator) == [256, 512, 784]
    assert units(discriminator) == [1024, 512, 1]


@pytest.mark.parametrize("name", WITH_WIDTHS)
def test_widths_are_the_hidden_layers(name):
    widths = {"generator_widths": (7, 5, 3), "discriminator_widths": (4,)}
    generator, discriminator = NETWORKS[name](spec((8, 8, 1)), LATENT_DIM, False, **widths)
    assert units(generator) == [7, 5, 3, 64]
    assert units(discriminator) == [4, 1]


def test_the_networks_with_widths_are_listed(name):
    taken = [each for each in inspect.signature(NETWORKS[name]).parameters if each.endswith("_widths")]
    assert taken == (["generator_widths", "discriminator_widths"] if name in WITH_WIDTHS else [])


def tutorial_generator() -> tf.keras.Model:
    """As in https://www.tensorflow.org/tutorials/generative/dcgan."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Dense(7 * 7 * 256, use_bias=False, input_shape=(100,)),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 256)),
            layers.Conv2DTranspose(128, (5, 5), strides=(1, 1), padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(64, (5, 5), strides=(2, 2), padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, (5, 5), strides=(2, 2), padding="same", use_bias=False, activation="tanh"),
        ]
    )


def tutorial_discriminator() -> tf.keras.Model:
    """As in https://www.tensorflow.org/tutorials/generative/dcgan."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Conv2D(64, (5, 5), strides=(2, 2), padding="same", input_shape=[28, 28, 1]),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Conv2D(128, (5, 5), strides=(2, 2), padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def test_dcgan_is_the_tutorial_weight_for_weight():
    generator, discriminator = build("dcgan", (28, 28, 1), latent_dim=100)
    assert generator.count_params() == 2_330_944
    assert sum(tf.size(weight).numpy() for weight in discriminator.trainable_weights) == 212_865

    inputs = tf.random.stateless_normal([BATCH, 100], [1, 0]), images((28, 28, 1))
    for ours, theirs, data in zip((generator, discriminator), (tutorial_generator(), tutorial_discriminator()), inputs):
        theirs.set_weights(
            [weight.numpy() for weight in ours.weights if weight.dtype.is_floating]
        )  # no dropout's state
        np.testing.assert_allclose(ours(data), theirs(data), atol=1e-5)


def test_dcgan_drops_as_much_as_the_tutorial():
    rates = [layer.rate for layer in build("dcgan", (28, 28, 1)).discriminator.layers if "dropout" in layer.name]
    assert rates == [0.3, 0.3]


def test_conv_128_is_the_tutorial_weight_for_weight():
    layers = tf.keras.layers
    up = [
        layer
        for _ in range(2)
        for layer in (
            layers.Conv2DTranspose(128, (5, 5), strides=(2, 2), padding="same"),
            layers.LeakyReLU(alpha=0.01),
            layers.BatchNormalization(momentum=0.8),
        )
    ]
    down = [
        layer
        for _ in range(2)
        for layer in (layers.Conv2D(128, (5, 5), strides=(2, 2), padding="same"), layers.LeakyReLU(alpha=0.01))
    ]
    theirs = (
        [layers.Dense(7 * 7 * 128), layers.LeakyReLU(alpha=0.01), layers.Reshape((7, 7, 128)), *up]
        + [layers.Conv2D(1, (7, 7), padding="same", activation="tanh")],
        [*down, layers.Flatten(), layers.Dense(1)],
    )
    inputs = tf.random.stateless_normal([BATCH, 100], [1, 0]), images((28, 28, 1))
    for ours, stack, data in zip(build("conv_128", (28, 28, 1), latent_dim=100), theirs, inputs):
        model = tf.keras.Sequential(stack)
        model.build(data.shape)
        model.set_weights(ours.get_weights())
        for training in (True, False):  # moving statistics, which momentum decides, are compared after a step too
            np.testing.assert_allclose(ours(data, training=training), model(data, training=training), atol=1e-5)
        for weight, other in zip(ours.weights, model.weights):
            np.testing.assert_allclose(weight, other, atol=1e-5, err_msg=weight.name)


def test_lean_costs_less_than_dcgan():
    lean, dcgan = (build(name, (28, 28, 1)) for name in ("lean", "dcgan"))
    assert lean.generator.count_params() < dcgan.generator.count_params() / 2


@pytest.mark.parametrize("size", [64, 100])
def test_lean_halves_until_eight_pixels_and_caps_its_channels(size):
    generator, _ = build("lean", (size, size, 3))
    start = next(layer for layer in generator.layers if isinstance(layer, tf.keras.layers.Reshape)).output_shape[1:]
    assert max(start[:2]) <= 8 and start[2] == 256
    assert generator.output_shape == (None, size, size, 3)
