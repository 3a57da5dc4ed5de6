"""Principal directions of a linear map are known; those of a network are those of its first layer."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts import directions

layers = tf.keras.layers
WIDTH, UNITS = 6, 40


@pytest.fixture
def axes() -> np.ndarray:
    """Orthonormal directions [WIDTH, WIDTH], in rows, of which the largest number is positive."""
    found = np.linalg.qr(np.random.default_rng(1).standard_normal((WIDTH, WIDTH)))[0]
    largest = found[np.arange(WIDTH), np.abs(found).argmax(axis=1)]
    return found * np.sign(largest)[:, None]


@pytest.fixture
def kernel(axes) -> np.ndarray:
    """Of a map [WIDTH, UNITS] that makes the first of them six times as long, the second five times, and so on."""
    into = np.linalg.qr(np.random.default_rng(2).standard_normal((UNITS, WIDTH)))[0].T
    return axes.T @ np.diag(np.arange(WIDTH, 0, -1.0)) @ into


def network(kernel: np.ndarray, *behind: tf.keras.layers.Layer, classes: int = 0) -> tf.keras.Model:
    latents = tf.keras.Input([WIDTH])
    labels = tf.keras.Input([classes], name="label") if classes else None
    dense = layers.Dense(UNITS, use_bias=False)
    x = dense(latents if labels is None else layers.Concatenate()([latents, labels]))
    for layer in behind:
        x = layer(x)
    model = tf.keras.Model(latents if labels is None else [latents, labels], layers.ReLU()(x))
    dense.set_weights([kernel])
    return model


def test_the_directions_of_a_linear_map_are_those_it_was_made_of(axes, kernel):
    found = directions.principal(kernel)
    np.testing.assert_allclose(found, axes, atol=1e-12)
    lengths = np.linalg.norm(found @ kernel, axis=1)
    np.testing.assert_allclose(lengths, np.arange(WIDTH, 0, -1.0))


def test_a_network_tells_those_of_its_first_layer(axes, kernel):
    np.testing.assert_allclose(directions.of_network(network(kernel)), axes, atol=1e-5)
    labelled = np.concatenate([kernel, 100 * np.ones((3, UNITS))])  # what classes add is no direction
    np.testing.assert_allclose(directions.of_network(network(labelled, classes=3)), axes, atol=1e-5)


def test_what_a_batch_normalisation_undoes_does_not_count(axes, kernel):
    """Units that training left large are divided by their deviation again."""
    scale = np.random.default_rng(3).uniform(0.1, 10, UNITS)
    norm = layers.BatchNormalization(epsilon=0)
    model = network(kernel * scale, norm)
    gamma = np.linspace(1, 2, UNITS)
    norm.set_weights([gamma, np.zeros(UNITS), np.zeros(UNITS), (scale * gamma) ** 2])
    np.testing.assert_allclose(directions.of_network(model), axes, atol=1e-5)
    plain = directions.of_network(network(kernel * scale))
    assert np.abs(np.array(plain) - axes).max() > 0.1


def test_none_are_told_where_none_are_known(kernel):
    latents = tf.keras.Input([WIDTH], name="latent")
    convolved = layers.Conv1D(3, 2)(layers.Reshape([WIDTH, 1])(latents))
    assert directions.of_network(tf.keras.Model(latents, convolved)) == ()
    assert directions.of_network(network(np.full_like(kernel, np.nan))) == ()

    class Own(tf.keras.Model):
        """No functional one."""

    assert directions.of_network(Own()) == ()


def test_at_most_ten_are_told():
    latents = tf.keras.Input([30], name="latent")
    found = directions.of_network(tf.keras.Model(latents, layers.Dense(50)(latents)))
    assert np.shape(found) == (10, 30)
    np.testing.assert_allclose(np.array(found) @ np.transpose(found), np.eye(10), atol=1e-4)
