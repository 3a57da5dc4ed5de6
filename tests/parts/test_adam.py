"""Our Adam does what Keras' own does, to the bit."""

import cpus
import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts.adam import Adam
from aigc_tf.parts.optimizers import make_slots

SHAPES = ([5], [3, 4], [2, 2, 3, 8])
RECIPES = {"the default GAN's": (2e-3, 0.0, 0.99), "Keras'": (1e-3, 0.9, 0.999), "the tutorials'": (2e-4, 0.5, 0.999)}


def trained(kind, recipe, replicas: int, sparse: bool = False) -> list[np.ndarray]:
    """Weights, and all that the optimizer keeps, after five steps; their rates fall as ours do."""
    rate, beta_1, beta_2 = recipe
    strategy = cpus.strategy(replicas)
    with strategy.scope():
        random = np.random.default_rng(0)
        weights = [tf.Variable(random.normal(size=shape).astype(np.float32)) for shape in SHAPES]
        optimizer = kind(rate, beta_1=beta_1, beta_2=beta_2)
        make_slots(optimizer, weights)

    def step(number: tf.Tensor) -> None:
        gradients = [tf.random.stateless_normal(shape, [number, 0]) * 10.0**power for power, shape in enumerate(SHAPES)]
        if sparse:
            gradients[1] = tf.IndexedSlices(gradients[1][:2], tf.constant([2, 0]), tf.constant([3, 4]))
        optimizer.learning_rate.assign(rate / tf.sqrt(tf.cast(number + 1, tf.float32)))
        optimizer.apply_gradients(zip(gradients, weights), experimental_aggregate_gradients=False)

    run = tf.function(lambda number: strategy.run(step, (number,)), autograph=False)
    for number in range(5):
        run(tf.constant(number))
    return [variable.numpy() for variable in (*weights, *optimizer.variables)]


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("name", RECIPES)
def test_the_same_bits_as_of_keras(name, replicas):
    ours, theirs = (trained(kind, RECIPES[name], replicas) for kind in (Adam, tf.keras.optimizers.Adam))
    assert len(ours) == len(theirs) > 3 * len(SHAPES)  # two slots a weight, a rate, and how many steps
    for one, other in zip(ours, theirs):
        np.testing.assert_array_equal(one, other)


def test_sparse_gradients_are_taken_as_keras_takes_them():
    ours, theirs = (trained(kind, RECIPES["Keras'"], 1, sparse=True) for kind in (Adam, tf.keras.optimizers.Adam))
    for one, other in zip(ours, theirs):
        np.testing.assert_array_equal(one, other)
