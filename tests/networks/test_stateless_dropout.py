"""Dropout that a resumed run repeats exactly."""

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.networks.layers import StatelessDropout

ONES = tf.ones([200, 500])


def masks(layer, count):
    """What the next `count` training calls keep, bool [count, 200, 500]."""
    return np.stack([layer(ONES, training=True).numpy() > 0 for _ in range(count)])


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.8])
def test_it_drops_at_its_rate_and_keeps_the_mean(rate):
    outputs = StatelessDropout(rate, seed=0)(ONES, training=True).numpy()
    assert np.mean(outputs == 0) == pytest.approx(rate, abs=0.01)
    np.testing.assert_allclose(outputs[outputs > 0], 1 / (1 - rate), rtol=1e-6)


def test_noise_is_a_function_of_seed_and_number_of_calls():
    layer, twin, other = (StatelessDropout(0.5, seed=seed) for seed in (1, 1, 2))
    drawn = masks(layer, 2)
    np.testing.assert_array_equal(masks(twin, 2), drawn)
    for unlike in (drawn[1], masks(other, 1)[0]):
        assert np.mean(drawn[0] == unlike) == pytest.approx(0.5, abs=0.02)


def test_inference_is_the_identity_and_does_not_count():
    layer, twin = StatelessDropout(0.5, seed=1), StatelessDropout(0.5, seed=1)
    np.testing.assert_array_equal(layer(ONES, training=False), ONES)
    np.testing.assert_array_equal(layer(ONES), ONES)
    assert layer.calls.numpy() == 0
    np.testing.assert_array_equal(masks(layer, 1), masks(twin, 1))


def test_a_compiled_function_draws_anew_at_each_call():
    layer, twin = StatelessDropout(0.5, seed=1), StatelessDropout(0.5, seed=1)
    layer.build(ONES.shape)
    call = tf.function(lambda x: layer(x, training=True))
    np.testing.assert_array_equal(np.stack([call(ONES).numpy() > 0 for _ in range(3)]), masks(twin, 3))


def test_a_checkpoint_goes_on_with_the_next_mask(tmp_path):
    layer = StatelessDropout(0.5, seed=1)
    masks(layer, 3)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "step"))
    expected = masks(layer, 2)

    fresh = StatelessDropout(0.5, seed=1)
    fresh.build(ONES.shape)
    tf.train.Checkpoint(layer=fresh).restore(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(masks(fresh, 2), expected)


def test_replicas_draw_differently_and_the_first_as_one_device():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
    with strategy.scope():
        layer = StatelessDropout(0.5, seed=1)
        layer.build(ONES.shape)
    first, second = strategy.experimental_local_results(strategy.run(lambda: layer(ONES, training=True) > 0))
    np.testing.assert_array_equal(first, masks(StatelessDropout(0.5, seed=1), 1)[0])
    assert np.mean(first.numpy() == second.numpy()) == pytest.approx(0.5, abs=0.02)


def test_it_is_rebuilt_from_its_config():
    config = StatelessDropout(0.3, seed=5, name="drop").get_config()
    assert StatelessDropout.from_config(config).get_config() == config
    assert (config["rate"], config["seed"]) == (0.3, 5)
