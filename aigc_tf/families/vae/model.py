"""A variational autoencoder (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.contract import Tensor
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import DivergedError
from aigc_tf.families.model import GenerativeModel, Sampler, Served, Weights
from aigc_tf.families.vae import costs, pictures, prior, sampling, scoring
from aigc_tf.families.vae.config import VAEConfig
from aigc_tf.families.vae.likelihoods.likelihood import Likelihood
from aigc_tf.families.vae.networks.networks import Networks
from aigc_tf.families.vae.objectives.terms import Terms
from aigc_tf.families.vae.outside import Outside, inputs
from aigc_tf.families.vae.posterior import Posterior
from aigc_tf.parts import labels, schedules, walks

# Independent streams of noise under one seed.
_LATENTS, _OBSERVED, _HELD_OUT_LATENTS, _HELD_OUT_OBSERVED, _PRIOR_LATENTS, _PRIOR_OBSERVED = range(6)

_TRACKED = (
    "loss/objective",
    *(f"{term}/{split}" for term in ("negative_elbo", "reconstruction", "kl") for split in ("train", "held_out")),
    "units/active",
)
_ACTIVE = 0.01  # variance over images of a unit's posterior mean from which it is active (Burda et al. 2016)
_BATCH = 500


class VAE(GenerativeModel):
    """An encoder and a decoder that are trained together.

    `config` decides the weights of the terms, the moving averages and the prior; networks, likelihood and objective
    come as objects, so that any of them can be one's own. What is sampled is the mean of the likelihood.

    Attributes:
        kl_per_unit: float32 [Z] variable, nats of divergence of each unit in the held-out batch seen last.
    """

    averaged = ("encoder", "decoder")
    trained = {"vae": ("encoder", "decoder")}

    def __init__(
        self,
        spec: DataSpec,
        networks: Networks,
        likelihood: Likelihood,
        objective: Callable[[Terms], tf.Tensor],
        config: TrainConfig,
    ) -> None:
        settings = config.family
        assert isinstance(settings, VAEConfig)
        classes = spec.num_classes if settings.conditional else 1
        parts = networks._asdict()
        if settings.prior_components:
            parts["prior"] = prior.network(settings.prior_components, settings.latent_dim, classes)
        super().__init__(spec, parts, config, _TRACKED)
        self.settings, self.likelihood, self.objective = settings, likelihood, objective
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        zeros = tf.zeros([settings.latent_dim])
        self.kl_per_unit = tf.Variable(zeros, trainable=False, name="kl_per_unit", aggregation=first)

    @property
    def conditions(self) -> Mapping[str, Tensor]:
        """The label, which is any class, drawn from the seed by the training frequencies, where it names none."""
        if not self.settings.conditional:
            return {}
        return {"label": Tensor("int64", (), 0, self.spec.num_classes - 1, default=-1, beyond="default")}

    @property
    def fitted(self) -> tuple[str, ...]:
        return ("prior",) if self.settings.prior_components else ()

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update of both networks, then their moving averages.

        What is observed of the images is drawn anew, and `importance_samples` latents for each of them.
        """
        self.set_learning_rates(schedules.falling(self._images_seen, self.settings.learning_rate_hold))
        classes = self._classes(data["label"])
        observed = self._observed(data["image"], _OBSERVED)
        with tf.GradientTape() as tape:
            posterior = Posterior.of(self.encoder(inputs(observed, classes), training=True))
            normal = self._normal(_LATENTS, self.settings.importance_samples)  # [K, b, Z]
            log_likelihood = self._log_likelihood(posterior.latents(normal), classes, observed)  # [K, b]
            divergence, weight = posterior.divergence(), self._weight()
            terms = Terms(
                log_likelihood, weight * posterior.log_ratio(normal), weight * self._with_free_bits(divergence)
            )
            losses = self.objective(terms)  # [b]
            loss = self.global_mean(losses)
        self.minimise(tape, loss, "vae")
        self._track(log_likelihood, divergence, "train")
        self.track({"loss/objective": losses})
        self.update_moving_averages()
        self.step.assign_add(1)
        return {name: self.trackers[name].result() for name in ("loss/objective", "gradient_norm/vae")}

    def test_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Both terms of the bound on images that it never saw, and how much each unit tells of them."""
        classes = self._classes(data["label"])
        observed = self._observed(data["image"], _HELD_OUT_OBSERVED)
        posterior = Posterior.of(self.encoder(inputs(observed, classes), training=False))
        latents = posterior.latents(self._normal(_HELD_OUT_LATENTS, 1))
        divergence = posterior.divergence()
        self._track(self._log_likelihood(latents, classes, observed), divergence, "held_out")
        means = [divergence, posterior.mean, posterior.mean**2]
        of_units, first, second = (self._mean_over_rows(values) for values in means)
        self.kl_per_unit.assign(of_units)
        self.track({"units/active": tf.math.count_nonzero(second - first**2 > _ACTIVE, dtype=tf.int32)})
        return {}

    def reopen(self) -> None:
        """Back to the standard normal prior, until training ends again."""
        if self.fitted:
            mixture = self.prior.get_layer("mixture")
            mixture.assign(prior.standard(mixture.components, self.settings.latent_dim, mixture.classes), -1)

    @property
    def caution(self) -> str:
        if self.fitted and int(self.prior.get_layer("mixture").step.numpy()) != int(self.step.numpy()):
            return (
                "its prior is not fitted yet, which comes when training ends: it samples from the standard normal one"
            )
        return ""

    def finish(self, data: Dataset) -> bool:
        """Fit the prior to the latents of training images, as the averaged encoder draws them."""
        step = int(self.step.numpy())
        if not self.fitted or int(self.prior.get_layer("mixture").step.numpy()) == step:
            return False
        mixture = self.prior.get_layer("mixture")
        rows = prior.rows_to_fit(data.count("train"), self.config.seed)
        if len(rows) < 2:
            return False
        told = data.labels("train")[rows] if self.settings.conditional else None
        latents = self._latents_of(data, rows)
        if not np.isfinite(latents).all():
            raise DivergedError("latents of training images are not finite, so no prior can be fitted to them")
        mixture.assign(prior.fit(latents, told, mixture.components, mixture.classes, self.config.seed), step)
        return True

    def sampler(self, weights: Weights = "ema") -> Sampler:
        return sampling.sampler(self._outside(weights))

    def extra_signatures(self, weights: Weights = "ema") -> dict[str, Served]:
        """`decode`, `encode` and `reconstruct`, see `sampling.signatures`; `score`, see `scoring.signature`."""
        outside = self._outside(weights)
        return {**sampling.signatures(outside), "score": scoring.signature(outside)}

    def pictures(self, count: int, columns: int) -> dict[str, Callable[[], tf.Tensor]]:
        """Samples, of the averaged networks and of the raw ones, walks between latents and between classes, and what
        each of the most telling units does."""
        seeds, told = labels.in_rows(count, columns, self._num_classes)
        given = {} if told is None else {"label": told}
        to_stored, draw, raw = self.spec.modality.graph.to_stored, self.sampler(), self.sampler("raw")
        outside, rows = self._outside(), min(count // columns, self.settings.latent_dim)
        ways = walks.interpolations(count // columns // 2, columns, self.settings.latent_dim, self._num_classes)

        def traversals() -> tf.Tensor:
            latents, classes = pictures.traversals(self.kl_per_unit, rows, columns, self._num_classes)
            return to_stored(outside.decode(latents, classes))

        return {
            "samples/averaged": tf.function(lambda: to_stored(draw(seeds, **given)), autograph=False),
            "samples/raw": tf.function(lambda: to_stored(raw(seeds, **given)), autograph=False),
            "samples/interpolation": tf.function(lambda: to_stored(outside.decode(*ways)), autograph=False),
            "samples/traversals": tf.function(traversals, autograph=False),
        }

    def comparisons(self, held_out: dict[str, tf.Tensor], columns: int) -> dict[str, Callable[[], tf.Tensor]]:
        """A row of images, below it a row of their reconstructions, and so on."""
        count = columns * (len(held_out["image"]) // columns)
        if not count:
            return {}
        image, classes = held_out["image"][:count], self._classes(held_out["label"][:count])
        outside, to_stored = self._outside(), self.spec.modality.graph.to_stored

        def beside() -> tf.Tensor:
            return to_stored(pictures.in_turns(image, outside.reconstruct(image, classes), columns))

        return {"reconstructions": tf.function(beside, autograph=False)}

    def distributions(self) -> dict[str, np.ndarray]:
        return {"kl_per_unit": self.kl_per_unit.numpy()}

    def step_flops(self, forward: Mapping[str, int]) -> float:
        return costs.step_flops(forward, self.settings.importance_samples)

    def kept_activations(self, activations: Mapping[str, int]) -> int:
        return costs.kept_activations(activations, self.settings.importance_samples)

    def _outside(self, weights: Weights = "ema") -> Outside:
        named = self.settings.likelihood, self.likelihood
        return Outside(self.view(weights), *named, self.settings.latent_dim, self.spec, self._counts, self.conditions)

    @property
    def _counts(self) -> tuple[int, ...] | None:
        return self.spec.class_weights if self.settings.conditional else None

    @property
    def _num_classes(self) -> int:
        return self.spec.num_classes if self.settings.conditional else 0

    @property
    def _images_seen(self) -> tf.Tensor:
        return self.step * self.config.global_batch_size

    def _classes(self, told: tf.Tensor) -> tf.Tensor | None:
        """Labels [b] as shares of the classes [b, K]; None without labels."""
        return None if self._counts is None else labels.shares(told, self._counts)

    def _observed(self, images: tf.Tensor, stream: int) -> tf.Tensor:
        """What the likelihood sees of images [b, H, W, C]."""
        shape = [self.config.global_batch_size, *self.spec.shape]
        return self.likelihood.observe(images, self.noise(stream, self.step, tf.random.stateless_uniform, shape))

    def _normal(self, stream: int, count: int) -> tf.Tensor:
        """Standard normal numbers [count, b, Z]."""
        shape = [self.config.global_batch_size, count, self.settings.latent_dim]
        return tf.transpose(self.noise(stream, self.step, tf.random.stateless_normal, shape), [1, 0, 2])

    def _log_likelihood(self, latents: tf.Tensor, classes: tf.Tensor | None, observed: tf.Tensor) -> tf.Tensor:
        """log p(x | z), float32 [K, b], of latents [K, b, Z] and what was observed [b, H, W, C]."""
        count = latents.shape[0]
        rows = tf.reshape(latents, [-1, self.settings.latent_dim])
        of_rows = None if classes is None else tf.tile(classes, [count, 1])
        given = self.decoder(inputs(rows, of_rows), training=True)
        densities = self.likelihood.log_density(given, tf.tile(observed, [count, 1, 1, 1]))
        return tf.reshape(densities, [count, -1])

    def _weight(self) -> float | tf.Tensor:
        """Of the divergence: beta, less while it warms up."""
        beta, warm_up = self.settings.beta, self.settings.kl_warm_up
        return beta * tf.minimum(1.0, tf.cast(self._images_seen, tf.float32) / warm_up) if warm_up else beta

    def _with_free_bits(self, divergence: tf.Tensor) -> tf.Tensor:
        """The sum over the units of a divergence [b, Z]; units whose mean over the batch is within what is free count
        as that, and are not pushed further."""
        free = self.settings.free_bits
        if not free:
            return tf.reduce_sum(divergence, axis=1)
        beyond = self._mean_over_rows(tf.stop_gradient(divergence)) > free  # [Z]
        return tf.reduce_sum(tf.where(beyond, divergence, free), axis=1)

    def _mean_over_rows(self, values: tf.Tensor) -> tf.Tensor:
        """Mean over the global batch of values [b, Z]."""
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.reduce_mean(values, axis=0))

    def _track(self, log_likelihood: tf.Tensor, divergence: tf.Tensor, split: str) -> None:
        reconstruction = -tf.reduce_mean(log_likelihood, axis=0)
        kl = tf.reduce_sum(divergence, axis=1)
        means = {"reconstruction": reconstruction, "kl": kl, "negative_elbo": reconstruction + kl}
        self.track({f"{name}/{split}": values for name, values in means.items()})

    def _latents_of(self, data: Dataset, rows: np.ndarray) -> np.ndarray:
        """A latent for each of these training examples, float32 [N, Z], drawn from what the averaged encoder says."""
        read, encoder = data.reader("train"), self.view()["encoder"]

        @tf.function(autograph=False, reduce_retracing=True)
        def draw(numbers: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
            batch = read(numbers)

            def noise(stream: int, kind: Callable[..., tf.Tensor], shape: list[int]) -> tf.Tensor:
                seed = tf.random.experimental.stateless_fold_in([self.config.seed, stream], start)
                return kind([tf.shape(numbers)[0], *shape], seed, alg="philox")

            uniform = noise(_PRIOR_OBSERVED, tf.random.stateless_uniform, list(self.spec.shape))
            observed = self.likelihood.observe(batch["image"], uniform)
            posterior = Posterior.of(encoder(inputs(observed, self._classes(batch["label"])), training=False))
            return posterior.latents(noise(_PRIOR_LATENTS, tf.random.stateless_normal, [self.settings.latent_dim]))

        starts = range(0, len(rows), _BATCH)
        return np.concatenate([draw(rows[start : start + _BATCH], tf.constant(start)).numpy() for start in starts])
