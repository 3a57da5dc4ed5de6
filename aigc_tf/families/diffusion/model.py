"""Diffusion by flow matching (Lipman et al. 2023, https://arxiv.org/abs/2210.02747)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping

import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.contract import Signature, Tensor
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.diffusion import distillation, flow, inpainting, likelihood, sampling
from aigc_tf.families.diffusion.config import MOST_GUIDANCE, DiffusionConfig
from aigc_tf.families.model import GenerativeModel, Inpainter, Sampler, Served, Weights
from aigc_tf.parts import blocks, labels, schedules, walks

# Independent streams of noise under one seed.
_NOISE, _TIMES, _DROPOUT = range(3)


class Diffusion(GenerativeModel):
    """A network that tells of a mixture of noise and content where it comes from.

    Samples, evaluation and exports use `ema_flow`, its moving average. With `conditional` it takes labels too, and
    sampling can be led to them by more or less than was learned (`guidance`). With a `teacher` it learns that one's
    images in few steps (see `distillation`).
    """

    averaged = ("flow",)
    trained = {"flow": ("flow",)}
    controlled = "guided"

    def __init__(
        self, spec: DataSpec, network: tf.keras.Model, teacher: tf.keras.Model | None = None, *, config: TrainConfig
    ) -> None:
        super().__init__(spec, {"flow": network}, config, ("loss/flow", "loss/held_out"))
        assert isinstance(config.family, DiffusionConfig)
        self.settings = config.family
        self.teacher = teacher  # a part of checkpoints: a run goes on without the one that it came from

    def begin(self) -> None:
        if self.settings.distil is not None:
            for network in (self.teacher, self.flow, self.ema_flow):
                distillation.load(self.settings.distil, network)
            distillation.check_teacher(self.settings.distil, self.settings.data_std)

    def fingerprint(self, weights: Weights = "ema") -> str:
        """Hash of the weights and of how they are sampled, which decides an image as much."""
        settings = self.settings
        how = f"{super().fingerprint(weights)} {settings.sampler} {settings.sampling_steps} {settings.guidance}"
        return f"sha256:{hashlib.sha256(how.encode()).hexdigest()}"

    @property
    def conditions(self) -> Mapping[str, Tensor]:
        """The label, which is any class, drawn from the seed by the training frequencies, where it names none."""
        if not self.settings.conditional:
            return {}
        return {"label": Tensor("int64", (), 0, self.spec.num_classes - 1, default=-1, beyond="default")}

    @property
    def controls(self) -> Mapping[str, Tensor]:  # type: ignore[override]
        """How strongly a sample is led to its class, where there are classes."""
        if not self.settings.conditional:
            return {}
        default = self.settings.guidance
        return {"guidance": Tensor("float32", (), 0.0, MOST_GUIDANCE, default=default, beyond="clipped")}

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update, and one of the moving average.

        `data["image"]` is float32 [b, H, W, C], `data["label"]` int32 [b]. Each image is mixed with noise of its own at
        a time of its own.
        """
        self.set_learning_rates(schedules.falling(self.step * self._rows, self.settings.learning_rate_hold))
        noise = self.noise(_NOISE, self.step, tf.random.stateless_normal, [self._rows, *self.spec.shape])
        evenly = self.noise(_TIMES, self.step, _spread_evenly, [self._rows])
        classes = self._classes(data, drop=True)
        lesson = self._lesson(data[self.spec.modality.name], noise, evenly, classes)
        with tf.GradientTape() as tape:
            losses = self._errors(*lesson, classes, training=True)
            loss = self.global_mean(losses)
        self.minimise(tape, loss, "flow")
        self.track({"loss/flow": losses})
        self.update_moving_averages()
        self.step.assign_add(1)
        return {name: self.trackers[name].result() for name in ("loss/flow", "gradient_norm/flow")}

    def test_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The loss on content that it never saw, always with the same noise and times."""
        content = data[self.spec.modality.name]
        rows = content.shape[0] * tf.distribute.get_replica_context().num_replicas_in_sync
        noise = tf.random.stateless_normal([rows, *self.spec.shape], [0, 0], alg="philox")
        evenly = tf.random.stateless_uniform([rows], [0, 1], 1e-6, 1 - 1e-6, alg="philox")
        noise, evenly = self.replica_rows(noise), self.replica_rows(evenly)
        classes = self._classes(data, drop=False)
        lesson = self._lesson(content, noise, evenly, classes)
        self.track({"loss/held_out": self._errors(*lesson, classes, training=False)})
        return {}

    def sampler(self, weights: Weights = "ema") -> Sampler:
        return sampling.sampler(self.view(weights)["flow"], self.spec.shape, self.settings, self._counts)

    def bulk_sampler(self, weights: Weights = "ema") -> Sampler:
        """A network that sees one row at a time spends most of its time beside the arithmetic."""
        network = self.view(weights)["flow"]
        return sampling.sampler(network, self.spec.shape, self.settings, self._counts, blocks.apply)

    def inpainter(self, weights: Weights = "ema") -> Inpainter | None:
        """None after distilling, whose steps are no flow."""
        if self.settings.distil is not None:
            return None
        return inpainting.inpainter(self.view(weights)["flow"], self.spec.shape, self.settings, self._counts)

    def extra_signatures(self, weights: Weights = "ema") -> dict[str, Served]:
        """score: image float32 [N, H, W, C] as numbers -> bits_per_dimension float32 [N] (see `likelihood`).

        With labels it takes these, int64 [N], as well; any class is what the network learned where they were kept back.
        The steps of what was distilled are no flow, which has a density.
        """
        if self.settings.distil is not None:
            return {}
        modality, counts, network = self.spec.modality, self._counts, self.view(weights)["flow"]

        def score(label: tf.Tensor | None = None, **content: tf.Tensor) -> dict[str, tf.Tensor]:
            (numbers,) = content.values()
            stored = modality.graph.to_stored(modality.graph.from_numbers(numbers))
            classes = None if counts is None or label is None else labels.shares(label, counts)

            def bits(rows: list[tf.Tensor]) -> tf.Tensor:
                shares = rows[1] if len(rows) > 1 else None
                told = sampling.guided(network, shares, 1.0, self.settings.data_std, counts)
                return likelihood.bits_per_dimension(told, rows[0])

            rows = [stored, *([] if classes is None else [classes])]
            return {"bits_per_dimension": blocks.apply(bits, rows, [])}

        inputs = {modality.name: modality.numbers(self.spec.shape), **self.conditions}
        outputs = {"bits_per_dimension": Tensor("float32")}
        return {"score": (Signature("score", inputs, outputs), score)}

    def pictures(self, count: int, columns: int) -> dict[str, Callable[[], tf.Tensor]]:
        """Samples, with classes each row of one of them, and walks between noises and between classes."""
        to_stored = self.spec.modality.graph.to_stored
        seeds, told = labels.in_rows(count, columns, self.spec.num_classes if self.settings.conditional else 0)
        draw = self.bulk_sampler()
        return {
            "samples/averaged": tf.function(lambda: to_stored(draw(seeds, told)), autograph=False),
            **self._walks(count, columns),
        }

    def _walks(self, count: int, columns: int) -> dict[str, Callable[[], tf.Tensor]]:
        to_stored, network = self.spec.modality.graph.to_stored, self.view()["flow"]
        kind = math.prod(self.spec.shape), self.spec.num_classes if self.settings.conditional else 0
        noise, classes = walks.interpolations(count // columns // 2, columns, *kind)
        made_of = tf.reshape(noise, [-1, *self.spec.shape]), classes, self.settings, self._counts
        return {
            "samples/interpolation": tf.function(
                lambda: to_stored(sampling.of_noise(network, *made_of)), autograph=False
            )
        }

    def step_flops(self, forward: Mapping[str, int]) -> float:
        return forward["flow"] * (3 if self.teacher is None else 3 + distillation.EVALUATIONS)

    def kept_activations(self, activations: Mapping[str, int]) -> int:
        return activations["flow"]

    @property
    def _rows(self) -> int:
        return self.config.global_batch_size

    @property
    def _counts(self) -> tuple[int, ...] | None:
        return self.spec.class_weights if self.settings.conditional else None

    def _classes(self, data: dict[str, tf.Tensor], drop: bool) -> tf.Tensor | None:
        """The labels of a batch as shares of the classes, float32 [b, K], some of them any class if `drop`; None
        without labels."""
        if not self.settings.conditional:
            return None
        told = data["label"]
        if drop:
            uniform = self.noise(_DROPOUT, self.step, tf.random.stateless_uniform, [self._rows])
            told = tf.where(uniform < self.settings.label_dropout, -1, told)
        return labels.shares(told, self.spec.class_weights)

    def _lesson(
        self, content: tf.Tensor, noise: tf.Tensor, evenly: tf.Tensor, classes: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """States [b, ...] between content and noise, their times [b], and the velocities that the network should tell,
        for numbers [b] spread evenly in (0, 1)."""
        settings = self.settings
        if self.teacher is None:
            times = flow.trained_times(evenly, settings.time_median, settings.time_std)
            return flow.between(content, noise, times), times, content - noise
        times = distillation.begins(evenly, settings.sampling_steps)
        states = flow.between(content, noise, times)
        asked = self.teacher, states, times, classes, settings.data_std, settings.sampling_steps
        return states, times, distillation.wanted(*asked)

    def _errors(
        self, states: tf.Tensor, times: tf.Tensor, velocities: tf.Tensor, classes: tf.Tensor | None, training: bool
    ) -> tf.Tensor:
        """How far the network is from what it should answer, squared, float32 [b]: 1 or so where it answers 0."""
        scale = flow.Scales(*(flow.like(each, states) for each in flow.scales(times, self.settings.data_std)))
        wanted = (velocities - scale.known * states) / scale.learned
        told = self.flow(flow.inputs(scale.given * states, times, classes), training=training)
        return tf.reduce_mean((told - wanted) ** 2, axis=list(range(1, len(told.shape))))


def _spread_evenly(shape: list[int], seed: tf.Tensor, alg: str) -> tf.Tensor:
    return flow.spread_evenly(tf.random.stateless_uniform(shape, seed, alg=alg))
