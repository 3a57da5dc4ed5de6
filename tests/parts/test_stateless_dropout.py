"""Dropout that a resumed run repeats exactly."""

import cpus
import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts.layers import StatelessDropout

ONES = tf.ones([200, 500])


def dropout(seed: int, rate: float = 0.5) -> StatelessDropout:
    """A layer as it is made in a run of this seed."""
    tf.keras.utils.set_random_seed(seed)
    layer = StatelessDropout(rate)
    layer.build(ONES.shape)
    return layer


def masks(layer, count):
    """What the next `count` training calls keep, bool [count, 200, 500]."""
    return np.stack([layer(ONES, training=True).numpy() > 0 for _ in range(count)])


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.8])
def test_it_drops_at_its_rate_and_keeps_the_mean(rate):
    outputs = dropout(0, rate)(ONES, training=True).numpy()
    assert np.mean(outputs == 0) == pytest.approx(rate, abs=0.01)
    np.testing.assert_allclose(outputs[outputs > 0], 1 / (1 - rate), rtol=1e-6)


def test_noise_is_a_function_of_the_runs_seed_and_the_number_of_calls():
    layer, twin, other = (dropout(seed) for seed in (1, 1, 2))
    drawn = masks(layer, 2)
    np.testing.assert_array_equal(masks(twin, 2), drawn)
    for unlike in (drawn[1], masks(other, 1)[0]):
        assert np.mean(drawn[0] == unlike) == pytest.approx(0.5, abs=0.02)


def test_two_layers_of_a_network_draw_differently():
    tf.keras.utils.set_random_seed(0)
    one, other = StatelessDropout(0.5), StatelessDropout(0.5)
    assert np.mean(masks(one, 1) == masks(other, 1)) == pytest.approx(0.5, abs=0.02)


def test_inference_is_the_identity_and_does_not_count():
    layer, twin = dropout(1), dropout(1)
    np.testing.assert_array_equal(layer(ONES, training=False), ONES)
    np.testing.assert_array_equal(layer(ONES), ONES)
    assert layer.calls.numpy() == 0
    np.testing.assert_array_equal(masks(layer, 1), masks(twin, 1))


def test_a_compiled_function_draws_anew_at_each_call():
    layer, twin = dropout(1), dropout(1)
    call = tf.function(lambda x: layer(x, training=True))
    np.testing.assert_array_equal(np.stack([call(ONES).numpy() > 0 for _ in range(3)]), masks(twin, 3))


def test_a_checkpoint_goes_on_with_the_next_mask(tmp_path):
    layer = dropout(1)
    masks(layer, 3)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "step"))
    expected = masks(layer, 2)

    fresh = dropout(2)
    tf.train.Checkpoint(layer=fresh).restore(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(masks(fresh, 2), expected)


def test_replicas_share_the_mask_of_one_device():
    strategy = cpus.strategy(2)
    with strategy.scope():
        layer = dropout(1)
    half = ONES[:100]
    parts = strategy.experimental_local_results(strategy.run(lambda: layer(half, training=True) > 0))
    np.testing.assert_array_equal(np.concatenate(parts), masks(dropout(1), 1)[0])


def test_it_is_rebuilt_from_its_config():
    config = StatelessDropout(0.3, name="drop").get_config()
    assert StatelessDropout.from_config(config).get_config() == config
    assert config["rate"] == 0.3
