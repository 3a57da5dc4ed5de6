"""How networks take labels: the closed forms of its parts, and what every conditional pair promises."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.gan.networks import NETWORKS, conditioning
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.parts.conditioning import label_input
from aigc_tf.parts.layers import SpectralNorm

CLASSES, LATENT_DIM, SHAPE, BATCH = 3, 6, (9, 13, 3), 4
SPEC = DataSpec(SHAPE, CLASSES, 100, ("a", "b", "c"), "sha256:0", "a test", "none")
LABELS = tf.one_hot([0, 2, 2, 1], CLASSES)
LATENTS = tf.random.stateless_normal([BATCH, LATENT_DIM], [1, 0])
IMAGES = tf.random.stateless_uniform([BATCH, *SHAPE], [2, 0], -1.0, 1.0)


def built(part, *shapes) -> tf.keras.Model:
    """A network of this part alone, of inputs of these shapes and of labels."""
    inputs = [tf.keras.Input(shape) for shape in (*shapes, [CLASSES])]
    return tf.keras.Model(inputs, part(*inputs))


# The parts


@pytest.mark.parametrize("shape", [(5,), (4, 7, 5)], ids=len)
def test_normalisation_by_class_begins_as_normalisation_without(shape):
    x = tf.random.stateless_normal([BATCH, *shape], [3, 0], 2.0, 3.0)
    plain = tf.keras.layers.BatchNormalization()
    network = built(conditioning.normalised, shape)
    np.testing.assert_allclose(network([x, LABELS], training=True), plain(x, training=True), atol=1e-6)
    np.testing.assert_allclose(network([x, LABELS]), plain(x), atol=1e-6)


def test_each_channel_is_scaled_and_shifted_by_its_class():
    x = tf.random.stateless_normal([BATCH, 4, 7, 5], [3, 0])
    network = built(conditioning.scaled_and_shifted, (4, 7, 5))
    assert [weight.shape for weight in network.weights] == [[CLASSES, 5], [CLASSES, 5]]
    gains, offsets = np.arange(15.0).reshape(CLASSES, 5), -0.1 * np.arange(15.0).reshape(CLASSES, 5)
    network.set_weights([gains, offsets])
    expected = x.numpy() * gains[[0, 2, 2, 1], None, None] + offsets[[0, 2, 2, 1], None, None]
    np.testing.assert_allclose(network([x, LABELS]), expected, atol=1e-5)


@pytest.mark.parametrize("latent_dim, units", [(2, 2), (6, CLASSES)])
def test_an_embedding_as_large_as_the_latent_stands_behind_it(latent_dim, units):
    latents = LATENTS[:, :latent_dim]
    network = built(conditioning.joined, [latent_dim])
    (embedding,) = network.get_weights()
    assert embedding.shape == (CLASSES, units)
    np.testing.assert_allclose(network([latents, LABELS]), np.hstack([latents, embedding[[0, 2, 2, 1]]]), atol=1e-6)


def test_first_embeddings_are_as_large_as_latents():
    spec = dataclasses.replace(SPEC, num_classes=400)
    tf.keras.utils.set_random_seed(0)
    inputs = [tf.keras.Input([50]), label_input(spec, True)]
    (embedding,) = tf.keras.Model(inputs, conditioning.joined(*inputs)).get_weights()
    assert embedding.std() == pytest.approx(1.0, abs=0.05)


def test_a_logit_is_dense_plus_the_inner_product_of_features_and_embedding():
    features = tf.random.stateless_normal([BATCH, 7], [4, 0]).numpy()
    network = built(lambda x, labels: conditioning.logit(x, labels, spectral_norm=False), [7])
    weights = [np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(network.get_weights())]
    network.set_weights(weights)
    by_shape = {weight.shape: weight for weight in weights}
    embedding, kernel, bias = by_shape[CLASSES, 7], by_shape[7, 1], by_shape[(1,)]
    projection = (embedding[[0, 2, 2, 1]] * features).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network([features, LABELS]), features @ kernel + bias + projection, atol=1e-5)


def test_spectral_normalisation_is_of_the_embedding_too():
    features = tf.random.stateless_normal([BATCH, 7], [4, 0]).numpy()
    network = built(lambda x, labels: conditioning.logit(x, labels, spectral_norm=True), [7])
    iterate = tf.function(lambda: network([features, LABELS], training=True))
    for _ in range(100):  # until the largest singular values are known
        iterate()
    normed = [layer for layer in network.layers if isinstance(layer, SpectralNorm)]
    kernels = {layer.layer.kernel.shape[0]: layer.layer.kernel.numpy() for layer in normed}
    dense, embedding = (kernels[rows] / np.linalg.norm(kernels[rows], 2) for rows in (7, CLASSES))
    expected = features @ dense + (embedding[[0, 2, 2, 1]] * features).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network([features, LABELS]), expected, atol=1e-4)


# Every pair


@pytest.fixture(scope="module", params=NETWORKS)
def name(request):
    return request.param


def build(name, spectral_norm=False) -> Networks:
    tf.keras.utils.set_random_seed(0)
    return NETWORKS[name](SPEC, LATENT_DIM, spectral_norm, conditional=True)


@pytest.fixture(scope="module")
def networks(name):
    """With random weights everywhere: gains and offsets are the same for all classes at first."""
    pair = build(name)
    for network in pair:
        for i, weight in enumerate(network.trainable_weights):
            weight.assign_add(tf.random.stateless_normal(weight.shape, [5, i], 0.0, 0.03))
    return pair


def test_every_pixel_depends_on_the_label(networks):
    same = tf.repeat(LATENTS[:1], CLASSES, axis=0)
    images = networks.generator([same, tf.eye(CLASSES)], training=False).numpy()
    assert images.shape == (CLASSES, *SHAPE)
    assert (images.std(axis=0) > 0).all()


def test_a_logit_depends_on_the_label_of_its_own_row(networks):
    labels = tf.Variable(LABELS)
    with tf.GradientTape() as tape:
        logits = networks.discriminator([IMAGES, labels], training=False)
        first = logits[0, 0]
    gradient = tape.gradient(first, labels).numpy()
    assert logits.shape == [BATCH, 1]
    assert len(np.unique(gradient[0])) == CLASSES and (gradient[1:] == 0).all()


def test_the_mean_over_classes_is_the_logit_of_their_shares(networks):
    of_each = [networks.discriminator([IMAGES, tf.one_hot([k] * BATCH, CLASSES)]) for k in range(CLASSES)]
    shares = np.array([0.5, 0.2, 0.3], np.float32)
    mixed = networks.discriminator([IMAGES, tf.repeat(shares[None], BATCH, axis=0)])
    np.testing.assert_allclose(mixed, np.tensordot(shares, of_each, 1), atol=1e-5)


def test_networks_are_functional_and_rebuilt_from_their_config(name):
    for network, given in zip(build(name, spectral_norm=True), (LATENTS, IMAGES)):
        assert type(network).__name__ == "Functional"
        copy = tf.keras.Model.from_config(network.get_config())
        copy.set_weights(network.get_weights())
        np.testing.assert_allclose(copy([given, LABELS]), network([given, LABELS]), atol=1e-6)


def test_spectral_norm_wraps_every_kernel_of_the_discriminator_and_nothing_else(name):
    generator, discriminator = build(name, spectral_norm=True)
    assert all(isinstance(layer, SpectralNorm) for layer in discriminator.layers if layer.trainable_weights)
    assert not any(isinstance(layer, SpectralNorm) for layer in generator.layers)
