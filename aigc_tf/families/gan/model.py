"""A generative adversarial network (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.contract import Tensor
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.gan import augmentation, costs, pictures, sampling
from aigc_tf.families.gan.config import GANConfig
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.families.model import GenerativeModel, Sampler, Served, Weights
from aigc_tf.parts import directions, labels, loss_scaling, schedules, walks
from aigc_tf.parts.augmentations import applying
from aigc_tf.parts.conditioning import inputs
from aigc_tf.parts.losses.adversarial_loss import AdversarialLoss

Critic = Callable[..., tf.Tensor]
"""Logits float32 [b, 1] of images float32 [b, H, W, C], and of `training`."""

# Independent streams of noise under one seed.
_LATENTS, _PENALTIES, _REAL, _FAKE, _HELD_OUT = range(5)

_TRACKED = (
    "loss/generator",
    "loss/discriminator",
    "loss/discriminator_adversarial",
    "logits/real",
    "logits/fake",
    "logits/held_out",
    "accuracy/real",
    "accuracy/fake",
    "accuracy/held_out",
)


class _Told(NamedTuple):
    """What the discriminator said of real images and fakes before it learned from them, logits float32 [b], and the
    gradient of its loss by the fakes, float32 [b, H, W, C]."""

    real_logits: tf.Tensor
    fake_logits: tf.Tensor
    slopes: tf.Tensor


class GAN(GenerativeModel):
    """A generator and a discriminator that train against each other.

    `config` decides the objective and the moving average; networks, loss and penalties come as objects, so that any
    of them can be one's own. `ema_generator` is the moving average of the generator: samples, evaluation and exports
    use it. With `conditional` both networks take labels too (see `Networks`).
    """

    averaged = ("generator",)
    trained = {"generator": ("generator",), "discriminator": ("discriminator",)}
    # The scale of the latents: 1 for all the variety, 0 for one typical image.
    controls = {"truncation": Tensor("float32", (), 0.0, 1.0, default=1.0, beyond="clipped", fixed_at=0.0)}
    controlled = "truncated"

    def __init__(
        self,
        spec: DataSpec,
        networks: Networks,
        loss: AdversarialLoss,
        penalties: Mapping[str, Callable[..., tf.Tensor]],
        config: TrainConfig,
    ) -> None:
        assert isinstance(config.family, GANConfig)
        adapts = config.family.augment == "ada"
        tracked = (*_TRACKED, *(f"penalty/{name}" for name in penalties), *(augmentation.TRACKED if adapts else ()))
        super().__init__(spec, networks._asdict(), config, tracked)
        self.settings = config.family
        self.adaptive = augmentation.Adaptive(config.family, config.global_batch_size) if adapts else None
        self.loss_functions = loss
        self.slope_ratio = loss.slope_ratio if self.settings.one_stage else None
        self.penalty_functions = dict(penalties)

    @property
    def conditions(self) -> Mapping[str, Tensor]:
        """The label, which is any class, drawn from the seed by the training frequencies, where it names none."""
        if not self.settings.conditional:
            return {}
        return {"label": Tensor("int64", (), 0, self.spec.num_classes - 1, default=-1, beyond="default")}

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """`critic_steps` discriminator updates, then one of the generator, then its moving average.

        `data["image"]` is float32 [critic_steps * b, H, W, C]: every discriminator update gets images of its own,
        taken with a stride, so that replicas together see the rows that one device would see. The last fakes serve
        the generator's update too, and in one stage so does what the discriminator said of them before it learned. With
        labels, `data["label"]` int32, the fakes of an update are of the classes of its real images, row by row: classes
        then come in their proportions, and points between real and fake have a class.

        With `augment` the discriminator sees nothing but augmented images, and the penalties are slopes at these.
        """
        self.set_learning_rates(self._falling())
        critic_steps = self.settings.critic_steps
        for i in range(critic_steps - 1):
            update = self.step * critic_steps + i
            classes = self._classes(data, i)
            real = self._seen(data["image"][i::critic_steps], _REAL, update)
            fake = self._seen(self.generator(inputs(self._latents(update), classes), training=True), _FAKE, update)
            self._train_discriminator(self._critic(classes), real, fake, update)

        update = (self.step + 1) * critic_steps - 1
        real = self._seen(data["image"][critic_steps - 1 :: critic_steps], _REAL, update)  # [b, H, W, C]
        classes = self._classes(data, critic_steps - 1)  # [b, K] or None
        critic = self._critic(classes)
        with tf.GradientTape() as tape:
            fake = self.generator(inputs(self._latents(update), classes), training=True)  # [b, H, W, C]
            fake = self._seen(fake, _FAKE, update)
            with tape.stop_recording():
                told = self._train_discriminator(critic, real, fake, update)
            if self.slope_ratio is None:
                # Losses that do not compare with real images drop the first of these when the graph is pruned.
                losses = self.loss_functions.generator(_logits(critic, real), _logits(critic, fake))  # [b]
                loss = self.global_mean(losses)
            else:
                losses = self.loss_functions.generator(told.real_logits, told.fake_logits)  # [b]
                slopes = told.slopes * tf.reshape(self.slope_ratio(told.fake_logits), [-1, 1, 1, 1])
                loss = tf.reduce_sum(slopes * fake)  # whose gradient by the fakes these slopes are
        self.minimise(tape, loss, "generator")
        self.track({"loss/generator": losses})
        self.update_moving_averages()
        self.step.assign_add(1)
        shown = ("loss/generator", "loss/discriminator", "gradient_norm/generator", "gradient_norm/discriminator")
        return {name: self.trackers[name].result() for name in shown}

    def test_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """How the discriminator takes real images that it never saw: far from `logits/real`, it has memorised."""
        classes = labels.shares(data["label"], self.spec.class_weights) if self.settings.conditional else None
        seen = self._seen(data["image"], _HELD_OUT, self.step)
        logits = tf.squeeze(self.discriminator(inputs(seen, classes), training=False), -1)
        self.track({"logits/held_out": logits, "accuracy/held_out": tf.cast(logits > 0, tf.float32)})
        return {}

    @property
    def _counts(self) -> tuple[int, ...] | None:
        return self.spec.class_weights if self.settings.conditional else None

    def sampler(self, weights: Weights = "ema") -> Sampler:
        return sampling.sampler(self.decoder(weights), self.settings.latent_dim, self._counts)

    def decoder(self, weights: Weights = "ema") -> sampling.Decoder:
        """From latents to images; as for `sampler`, call this outside of graphs."""
        return sampling.decoder(self.view(weights)["generator"], self.spec.shape)

    def extra_signatures(self, weights: Weights = "ema") -> dict[str, Served]:
        """`decode`, `discriminate` and, with labels, `morph`, see `sampling.signatures`."""
        known = directions.of_network(self.view(weights)["generator"])
        made_of = self.spec, self.settings.latent_dim, self._counts, self.conditions, known
        return sampling.signatures(self.decoder(weights), self.discriminator, *made_of)

    def pictures(self, count: int, columns: int) -> dict[str, Callable[[], tf.Tensor]]:
        """Samples of the averaged generator and of the raw one, and walks between latents, and between classes."""
        kind = columns, self.settings.latent_dim, self.spec.num_classes if self.settings.conditional else 0
        samples, ways = pictures.samples(count, *kind), walks.interpolations(count // columns // 2, *kind)
        to_stored, decode = self.spec.modality.graph.to_stored, self.decoder()
        averaged = tf.function(lambda latents, classes: to_stored(decode(latents, classes)), autograph=False)
        raw = tf.function(lambda: to_stored(self.generator(inputs(*samples), training=False)), autograph=False)
        return {
            "samples/averaged": lambda: averaged(*samples),
            "samples/raw": raw,
            "samples/interpolation": lambda: averaged(*ways),
        }

    def step_flops(self, forward: Mapping[str, int]) -> float:
        return costs.step_flops(forward, self.settings)

    def kept_activations(self, activations: Mapping[str, int]) -> int:
        return costs.kept_activations(activations, self.settings)

    def _classes(self, data: dict[str, tf.Tensor], i: int) -> tf.Tensor | None:
        """The labels of update i of a step as shares of the classes, float32 [b, K]; None without labels."""
        if not self.settings.conditional:
            return None
        return labels.shares(data["label"][i :: self.settings.critic_steps], self.spec.class_weights)

    def _critic(self, classes: tf.Tensor | None) -> Critic:
        """The discriminator of images [b, H, W, C] of these classes."""
        if classes is None:
            return self.discriminator
        return lambda images, training=True: self.discriminator([images, classes], training=training)

    def _seen(self, images: tf.Tensor, stream: int, update: tf.Tensor) -> tf.Tensor:
        """What the discriminator sees of images [b, H, W, C]: these themselves, unless they are to be augmented."""
        if self.settings.augment == "none":
            return images
        uniform = self.noise(stream, update, applying.draw, [self.config.global_batch_size])
        probability = 1.0 if self.adaptive is None else self.adaptive.probability
        return applying.apply(images, augmentation.chosen(self.settings.augment, probability), uniform)

    def _train_discriminator(self, critic: Critic, real: tf.Tensor, fake: tf.Tensor, update: tf.Tensor) -> _Told:
        with tf.GradientTape() as tape:
            tape.watch(fake)
            real_logits, fake_logits = _logits(critic, real), _logits(critic, fake)  # [b]
            adversarial = self.loss_functions.discriminator(real_logits, fake_logits)  # [b]
            # A penalty at the fakes is the discriminator's alone.
            losses = adversarial + self._penalties(critic, real, tf.stop_gradient(fake), update)  # [b]
            loss = self.global_mean(losses)
        (slopes,) = self.minimise(tape, loss, "discriminator", [fake])  # left out of a graph that does not use it
        if self.adaptive is not None:
            self.track(self.adaptive.follow(real_logits, fake_logits, self.loss_functions.boundary))
        self.track(
            {
                "loss/discriminator": losses,
                "loss/discriminator_adversarial": adversarial,
                "logits/real": real_logits,
                "logits/fake": fake_logits,
                "accuracy/real": tf.cast(real_logits > 0, tf.float32),
                "accuracy/fake": tf.cast(fake_logits < 0, tf.float32),
            }
        )
        return _Told(real_logits, fake_logits, slopes)

    def _penalties(self, critic: Critic, real: tf.Tensor, fake: tf.Tensor, update: tf.Tensor) -> tf.Tensor:
        """Weighted sum of the penalties, float32 [b]; zero in the updates between two lazy ones.

        Their weight rises as the learning rates fall.
        """
        if self.config.precision == "float16":
            critic = loss_scaling.with_scaled_slopes(critic)
        interval = self.settings.penalty_interval
        due = tf.equal(update % interval, 0)
        uniform = self.noise(_PENALTIES, update, tf.random.stateless_uniform, [self.config.global_batch_size])
        total = tf.zeros_like(uniform)
        for name, penalty in self.penalty_functions.items():
            values = tf.cond(
                due,
                lambda penalty=penalty: penalty(critic, real, fake, uniform),
                lambda: tf.zeros_like(uniform),
            )
            self.trackers[f"penalty/{name}"].update_state(values, sample_weight=tf.cast(due, tf.float32))
            total += values
        weight = self.settings.weight_of_penalties(self.spec.shape, self.spec.num_examples)
        return total * weight * interval / self._falling()

    def _falling(self) -> tf.Tensor:
        """Share of the full learning rates that this step takes; see `schedules.falling`. In a game, constant rates end
        in a walk around the equilibrium rather than in it; the walk narrows as they fall, and as the discriminator gets
        smoother."""
        return schedules.falling(self.step * self.config.global_batch_size, self.settings.images_at_full_rates)

    def _latents(self, update: tf.Tensor) -> tf.Tensor:
        shape = [self.config.global_batch_size, self.settings.latent_dim]
        return self.noise(_LATENTS, update, tf.random.stateless_normal, shape)


def _logits(critic: Critic, images: Any, training: bool = True) -> tf.Tensor:
    return tf.squeeze(critic(images, training=training), -1)
