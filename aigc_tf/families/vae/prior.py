"""The prior that latents are drawn from: a mixture of Gaussians, fitted when training ends to where images came to lie.

A decoder learns at the latents of its images, which leave holes in the standard normal prior; what is drawn from those
looks like nothing (Tomczak and Welling 2018, https://arxiv.org/abs/1705.07120; fitted afterwards: Ghosh et al. 2020,
https://arxiv.org/abs/1903.12436). The bound is that of the standard normal prior all the same.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

_MOST_LATENTS = 20_000
_LEAST_LATENTS = 20  # for each Gaussian
_ROUNDS = 20
_LEAST_VARIANCE = 1e-3


class Fitted(NamedTuple):
    """A mixture of M Gaussians in Z dimensions, with shares for each of K classes (K is 1 without labels).

    ends: float32 [K, M], shares of a class summed from the first Gaussian on; the last is 1.
    means: float32 [M, Z].
    deviations: float32 [M, Z], along the axes: many such Gaussians come nearer to where latents lie than a few with
        full covariances do, in a fraction of the time.
    """

    ends: np.ndarray
    means: np.ndarray
    deviations: np.ndarray


def standard(components: int, latent_dim: int, classes: int) -> Fitted:
    """The standard normal distribution, as that many equal Gaussians."""
    ends = np.broadcast_to(np.arange(1, components + 1) / components, (classes, components))
    return _as_float32(ends, np.zeros((components, latent_dim)), np.ones((components, latent_dim)))


def fit(latents: np.ndarray, labels: np.ndarray | None, components: int, classes: int, seed: int) -> Fitted:
    """The mixture that expectation maximisation finds for latents float [N, Z], N at least 2, of labels int [N].

    At most `components` Gaussians, fewer for few latents. A class without latents has the shares of all together. The
    same arguments give the same mixture, bit for bit, on one kind of machine.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    used = min(components, max(1, len(latents) // _LEAST_LATENTS))
    mixture = GaussianMixture(
        used,
        covariance_type="diag",
        reg_covar=_LEAST_VARIANCE,
        max_iter=_ROUNDS,
        init_params="k-means++",
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last rounds change next to nothing
        mixture.fit(latents.astype(np.float64))
    shares = np.broadcast_to(mixture.weights_, (classes, used)).copy()
    if labels is not None:
        belonging = mixture.predict_proba(latents.astype(np.float64))  # [N, M]
        for label in np.unique(labels):
            shares[label] = belonging[labels == label].mean(axis=0)
    ends = np.ones((classes, components))
    ends[:, : used - 1] = np.cumsum(shares, axis=1)[:, :-1]
    _, means, deviations = standard(components, latents.shape[1], classes)
    means[:used], deviations[:used] = mixture.means_, np.sqrt(mixture.covariances_)
    return _as_float32(ends, means, deviations)


def rows_to_fit(num_examples: int, seed: int) -> np.ndarray:
    """The numbers of the training examples, int64 [N], whose latents decide: all, or a random choice of many."""
    rows = np.random.default_rng(seed).permutation(num_examples)[:_MOST_LATENTS]
    return np.sort(rows).astype(np.int64)


def network(components: int, latent_dim: int, classes: int) -> tf.keras.Model:
    """A network from standard normal numbers [B, Z], a uniform one [B, 1] and, for several classes, shares of these
    [B, K] to latents [B, Z]."""
    inputs = [tf.keras.Input([latent_dim], name="normal"), tf.keras.Input([1], name="uniform")]
    if classes > 1:
        inputs.append(tf.keras.Input([classes], name="label"))
    return tf.keras.Model(inputs, Mixture(components, classes, dtype="float32", name="mixture")(inputs), name="prior")


@tf.keras.utils.register_keras_serializable("aigc_tf")
class Mixture(tf.keras.layers.Layer):
    """Draws from a `Fitted`, which is the standard normal distribution until one is assigned."""

    def __init__(self, components: int, classes: int, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.components, self.classes = components, classes

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        for name, value in standard(self.components, input_shape[0][-1], self.classes)._asdict().items():
            setattr(self, name, self.add_weight(name, value.shape, initializer=_constant(value)))
        self.step = self.add_weight("step", [], dtype="int64", initializer=_constant(np.int64(-1)))

    def assign(self, fitted: Fitted, step: int) -> None:
        """Take a mixture that was fitted at this step; -1 for none."""
        for name, value in fitted._asdict().items():
            getattr(self, name).assign(value)
        self.step.assign(step)

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        normal, uniform = inputs[:2]
        ends = tf.matmul(inputs[2], self.ends) if self.classes > 1 else self.ends  # [B or 1, M]
        passed = tf.reduce_sum(tf.cast(uniform >= ends, tf.int32), axis=1)
        chosen = tf.minimum(passed, self.components - 1)  # where rounding leaves the last end below 1
        return tf.gather(self.means, chosen) + normal * tf.gather(self.deviations, chosen)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "components": self.components, "classes": self.classes}


def _constant(value: Any) -> Any:
    return lambda shape, dtype=None, **kwargs: tf.constant(value, dtype)


def _as_float32(*parts: np.ndarray) -> Fitted:
    return Fitted(*(np.ascontiguousarray(part, np.float32) for part in parts))
