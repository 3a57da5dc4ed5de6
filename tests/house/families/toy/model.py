from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.contract import Signature, Tensor
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.model import GenerativeModel, Sampler, Served, Weights
from aigc_tf.parts import exact_rows
from aigc_tf.parts.latents import latents_from_seeds
from aigc_tf.parts.optimizers import adam


class Toy(GenerativeModel):
    averaged = ("maker",)
    trained = {"maker": ("maker",)}
    controls = {"loudness": Tensor("float32", (), 0.0, 2.0, default=1.0, beyond="clipped", fixed_at=0.0)}
    controlled = "louder"

    @classmethod
    def made(cls, spec: DataSpec, config: TrainConfig) -> Toy:
        noise = tf.keras.Input([config.family.noise_dim], name="noise")
        maker = tf.keras.Model(noise, tf.keras.layers.Dense(spec.shape[0], "tanh")(noise), name="maker")
        model = cls(spec, {"maker": maker}, config, ("loss/moments", "loss/held_out"))
        model.compile({"maker": adam(config.family.rate, 0.9, 0.99)})
        return model

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        self.set_learning_rates()
        shape = [self.config.global_batch_size, self.config.family.noise_dim]
        noise = self.noise(0, self.step, tf.random.stateless_normal, shape)
        with tf.GradientTape() as tape:
            losses = self._moments(self.maker(noise, training=True), data)
            loss = self.global_mean(losses)
        self.minimise(tape, loss, "maker")
        self.track({"loss/moments": losses})
        self.update_moving_averages()
        self.step.assign_add(1)
        return {"loss/moments": self.trackers["loss/moments"].result()}

    def test_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        noise = tf.random.stateless_normal([tf.shape(data["signal"])[0], self.config.family.noise_dim], [0, 0])
        self.track({"loss/held_out": self._moments(self.maker(noise, training=False), data)})
        return {}

    def sampler(self, weights: Weights = "ema") -> Sampler:
        maker = self.view(weights)["maker"]

        def draw(seed: tf.Tensor, loudness: tf.Tensor | None = None) -> tf.Tensor:
            noise = latents_from_seeds(seed, self.config.family.noise_dim)
            made = exact_rows.apply(lambda row: maker(row, training=False), noise, list(self.spec.shape))
            return made if loudness is None else made * loudness[:, None]

        return draw

    def extra_signatures(self, weights: Weights = "ema") -> dict[str, Served]:
        signal = {"signal": self.spec.modality.numbers(self.spec.shape)}
        signature = Signature("score", signal, {"energy": Tensor("float32", minimum=0.0)})
        return {"measure": (signature, lambda signal: {"energy": tf.reduce_mean(signal**2, axis=1)})}

    def step_flops(self, forward: Mapping[str, int]) -> float:
        return 3 * forward["maker"]

    def kept_activations(self, activations: Mapping[str, int]) -> int:
        return activations["maker"]

    def _moments(self, made: tf.Tensor, data: dict[str, tf.Tensor]) -> tf.Tensor:
        real = data["signal"]
        apart = tf.reduce_mean(made, 0) - tf.reduce_mean(real, 0)
        wider = tf.math.reduce_std(made, 0) - tf.math.reduce_std(real, 0)
        return tf.fill([tf.shape(real)[0]], tf.reduce_sum(apart**2 + wider**2))
