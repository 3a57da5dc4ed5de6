"""A VAE whose decoder is linear and whose likelihood is normal: all that is estimated is known exactly.

With z ~ N(0, I) and x | z ~ N(W z, s² I), x ~ N(0, W Wᵀ + s² I). The columns of W are orthogonal, so the posterior
p(z | x) has independent units: N(Wᵀ x / (|w|² + s²), s² / (|w|² + s²)), and an encoder can be just that. (Images are
rounded to 256 levels; densities are those of the rounded ones.)
"""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal
from small_vaes import config

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families import signatures
from aigc_tf.families.vae.likelihoods.likelihood import Likelihood, as_they_are
from aigc_tf.families.vae.model import VAE
from aigc_tf.families.vae.networks.networks import Networks
from aigc_tf.families.vae.objectives import OBJECTIVES
from aigc_tf.families.vae.objectives.terms import Terms
from aigc_tf.families.vae.posterior import Posterior
from aigc_tf.metrics.likelihood_bound import combined

SHAPE, UNITS, DEVIATION = (8, 8, 1), 3, 0.1
SIZE = int(np.prod(SHAPE))
SPEC = DataSpec(SHAPE, 0, 1000, (), "sha256:0", "a test", "none")
LENGTHS = np.array([1.2, 0.8, 0.05])  # of the columns of W: the last tells next to nothing
W = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, UNITS)))[0] * LENGTHS
VARIANCE = DEVIATION**2 / (LENGTHS**2 + DEVIATION**2)  # of the posterior
TRUTH = multivariate_normal(np.zeros(SIZE), W @ W.T + DEVIATION**2 * np.eye(SIZE))


def log_density(given: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
    squares = tf.reduce_sum((observed - given) ** 2, axis=[1, 2, 3])
    return -0.5 * squares / DEVIATION**2 - SIZE * np.log(DEVIATION * np.sqrt(2 * np.pi))


NORMAL = Likelihood(1, as_they_are, log_density, lambda given: given)


def linear(objective: str = "elbo", wider: float = 1.0, exact: bool = True, **changes) -> VAE:
    """The VAE of these networks, whose posterior has `wider` times the true variance; untrained, if not `exact`."""
    layers = tf.keras.layers
    images = tf.keras.Input(SHAPE)
    x = layers.Flatten()(images)
    mean, log_variance = layers.Dense(UNITS)(x), layers.Dense(UNITS)(x)
    encoder = tf.keras.Model(images, layers.Concatenate()([mean, log_variance]))
    latents = tf.keras.Input([UNITS])
    decoder = tf.keras.Model(latents, layers.Reshape(SHAPE)(layers.Dense(SIZE)(latents)))
    if exact:
        zeros = np.zeros([SIZE, UNITS])
        encoder.set_weights([W / (LENGTHS**2 + DEVIATION**2), zeros[0], zeros, np.log(VARIANCE * wider)])
        decoder.set_weights([W.T, np.zeros(SIZE)])
    settings = config(latent_dim=UNITS, prior_components=0, ema_half_life=0.0, objective=objective, **changes)
    vae = VAE(SPEC, Networks(encoder, decoder), NORMAL, OBJECTIVES[objective], settings)
    vae.compile({"vae": tf.keras.optimizers.Adam(settings.family.learning_rate)})
    return vae


def numbers(count: int) -> np.ndarray:
    """Images float32 [count, 8, 8, 1] as numbers of 256 levels, drawn from the truth."""
    drawn = TRUTH.rvs(count, random_state=1).reshape(count, *SHAPE)
    return (np.round((np.clip(drawn, -1, 1) + 1) * 127.5) / 255).astype(np.float32)


IMAGES = numbers(300)
EXACT = TRUTH.logpdf(IMAGES.reshape(300, -1) * 2.0 - 1)


def scores(vae: VAE, draws: int = 1) -> dict[str, np.ndarray]:
    """What `score` gives of IMAGES, [draws, 300] by name."""
    score = signatures.build(vae)[1]["score"]
    answers = [score(IMAGES, np.full(300, draw, np.int64)) for draw in range(draws)]
    return {name: np.stack([answer[name].numpy() for answer in answers]) for name in answers[0]}


def divergence(wider: float) -> float:
    """KL from a posterior of `wider` times the variance to the true one, of the same mean."""
    return 0.5 * UNITS * (wider - 1 - np.log(wider))


def test_with_the_true_posterior_any_bound_is_the_likelihood():
    found = scores(linear(), draws=4)
    for bound in found["bound_bernoulli"]:
        np.testing.assert_allclose(bound, EXACT, atol=2e-3)
    bits = -found["bound_bernoulli"] / (SIZE * np.log(2))
    np.testing.assert_allclose(found["bits_per_dimension_bernoulli"], bits, rtol=1e-5)
    np.testing.assert_allclose(found["elbo_bernoulli"].mean(), EXACT.mean(), atol=0.1)


@pytest.mark.parametrize("wider", [0.5, 3.0])
def test_the_elbo_lacks_the_divergence_and_more_latents_make_up_for_it(wider):
    found = scores(linear(wider=wider), draws=16)
    gap = EXACT - found["elbo_bernoulli"].mean(axis=0)
    error = gap.std() / np.sqrt(len(gap))
    assert gap.mean() == pytest.approx(divergence(wider), abs=4 * error) and divergence(wider) > 0.25
    few, many = found["bound_bernoulli"], combined(found["bound_bernoulli"])
    assert found["elbo_bernoulli"].mean() < few.mean() < many.mean()
    assert many.mean() == pytest.approx(EXACT.mean(), abs=0.05)


def test_objectives_are_these_bounds():
    """With 4,000 latents for one image, each is what it stands for, and with one latent both estimate the same."""
    vae = linear(wider=3.0)
    x = IMAGES[:1] * 2 - 1
    posterior = Posterior.of(vae.encoder(x))
    normal = tf.random.stateless_normal([4000, 1, UNITS], [0, 0])
    density = log_density(vae.decoder(posterior.latents(normal)[:, 0]), x)[:, None]
    whole = tf.reduce_sum(posterior.divergence(), axis=1)
    terms = Terms(density, posterior.log_ratio(normal), whole)
    np.testing.assert_allclose(OBJECTIVES["elbo"](terms), divergence(3.0) - EXACT[:1], atol=0.25)  # 4 errors
    np.testing.assert_allclose(OBJECTIVES["iwae"](terms), -EXACT[:1], atol=0.05)
    single = Terms(density[:1], terms.log_ratio[:1], whole)
    np.testing.assert_allclose(OBJECTIVES["iwae"](single), terms.log_ratio[0] - density[0], rtol=1e-6)
    np.testing.assert_allclose(tf.reduce_mean(terms.log_ratio), whole[0], atol=0.1)  # what the closed form is of


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
def test_training_from_nothing_comes_near_the_likelihood(objective):
    """The most that any linear VAE of that likelihood can reach is the true one, but for chance in 300 images."""
    samples = 1 if objective == "elbo" else 5
    vae = linear(
        objective,
        exact=False,
        learning_rate=0.02,
        learning_rate_hold=5_000.0,
        importance_samples=samples,
        global_batch_size=50,
    )
    stream = tf.data.Dataset.from_tensor_slices({"image": numbers(4000) * 2 - 1, "label": np.zeros(4000, np.int32)})
    vae.fit(stream.batch(50).repeat(8), verbose=0)
    found = scores(vae, draws=4)
    assert EXACT.mean() - 3 < combined(found["bound_bernoulli"]).mean() < EXACT.mean() + 1
