"""The prior that is fitted when training ends, against mixtures that are known."""

import numpy as np
import tensorflow as tf

from aigc_tf.families.vae import prior

CENTRES = np.array([[-6.0, 0.0], [5.0, 5.0], [4.0, -6.0]])
DEVIATIONS = np.array([[1.0, 0.5], [0.3, 1.0], [1.0, 0.4]])
SHARES = np.array([0.5, 0.2, 0.3])


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents of a known mixture, and the Gaussian that each is of."""
    random = np.random.default_rng(0)
    which = random.choice(3, count, p=SHARES)
    moved = DEVIATIONS[which] * random.standard_normal((count, 2))
    return (CENTRES[which] + moved).astype(np.float32), which


def samples(fitted: prior.Fitted, classes: np.ndarray | None = None, count: int = 6000) -> np.ndarray:
    network = prior.network(len(fitted.means), 2, len(fitted.ends))
    network.get_layer("mixture").assign(fitted, 5)
    normal = tf.random.stateless_normal([count, 2], [0, 1])
    given = [normal, tf.random.stateless_uniform([count, 1], [0, 2])]
    return network(
        given if classes is None else [*given, tf.tile(classes[None].astype(np.float32), [count, 1])]
    ).numpy()


def test_a_known_mixture_is_found():
    fitted = prior.fit(drawn(6000)[0], None, 3, 1, seed=0)
    order = [int(np.linalg.norm(fitted.means - centre, axis=1).argmin()) for centre in CENTRES]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(fitted.means[order], CENTRES, atol=0.1)
    np.testing.assert_allclose(fitted.deviations[order], DEVIATIONS, atol=0.05)
    np.testing.assert_allclose(np.diff(fitted.ends[0], prepend=0)[order], SHARES, atol=0.02)
    assert fitted.ends[0, -1] == 1


def test_what_is_sampled_has_its_moments():
    latents, _ = drawn(6000)
    found = samples(prior.fit(latents, None, 5, 1, seed=0), count=40_000)
    np.testing.assert_allclose(found.mean(0), latents.mean(0), atol=0.12)
    np.testing.assert_allclose(np.cov(found.T), np.cov(latents.T), atol=0.5)


def test_each_class_has_its_own_shares():
    latents, which = drawn(6000)
    labels = np.where(which == 0, 0, 1)
    fitted = prior.fit(latents, labels, 3, 3, seed=0)
    first, second, unseen = (samples(fitted, np.eye(3)[label]) for label in range(3))
    assert (first[:, 0] < 0).mean() > 0.995 and (second[:, 0] > 0).mean() > 0.995
    assert 0.45 < (unseen[:, 0] < 0).mean() < 0.55  # a class without latents has the shares of all
    assert 0.45 < (samples(fitted, np.array([0.5, 0.5, 0.0]))[:, 0] < 0).mean() < 0.55


def test_the_same_latents_give_the_same_prior_bit_for_bit():
    once, again = (prior.fit(drawn(500)[0], None, 4, 1, seed=3) for _ in range(2))
    for one, other in zip(once, again):
        np.testing.assert_array_equal(one, other)


def test_until_then_it_changes_nothing():
    network = prior.network(4, 3, 2)
    normal = tf.random.stateless_normal([9, 3], [1, 1])
    given = [normal, tf.random.stateless_uniform([9, 1], [0, 2]), tf.one_hot(np.arange(9) % 2, 2)]
    np.testing.assert_array_equal(network(given), normal)


def test_few_latents_have_few_gaussians():
    few = prior.fit(np.random.default_rng(0).normal(size=(45, 3)).astype(np.float32), None, 50, 1, seed=0)
    assert few.means.shape == (50, 3) and (few.ends[0, 1:] == 1).all() and 0 < few.ends[0, 0] < 1
    assert (few.deviations[2:] == 1).all()


def test_the_rows_to_fit_are_different_and_the_same_each_time():
    rows = prior.rows_to_fit(70_000, 1)
    assert len(rows) == len(set(rows)) == 20_000 and rows.max() < 70_000
    np.testing.assert_array_equal(rows, prior.rows_to_fit(70_000, 1))
    np.testing.assert_array_equal(prior.rows_to_fit(30, 1), np.arange(30))
