"""The contract between a family of models and the rest of the house (training, judging, publishing)."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.contract import Signature, Tensor
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families import freezing, several_steps
from aigc_tf.parts import loss_scaling, minimising, moving_average
from aigc_tf.parts.global_mean import GlobalMean
from aigc_tf.parts.layers import in_float32
from aigc_tf.parts.optimizers import make_slots

Weights = Literal["ema", "raw"]
Sampler = Callable[..., tf.Tensor]
Inpainter = Callable[..., tf.Tensor]
Served = tuple[Signature, Callable[..., dict[str, tf.Tensor]]]
"""A signature of an export, and the function on tensors, by the names of the inputs, that keeps it."""


class GenerativeModel(tf.keras.Model, abc.ABC):
    """A Keras model that learns to sample.

    A subclass gives `train_step`, `test_step` and `sampler`. Everything that a resumed run needs is a
    tracked variable of the model, so that one `tf.train.Checkpoint(model=model)` holds it.

    In all that a subclass gives, `if` and `for` are Python's own: AutoGraph converts nothing, so what depends on a
    tensor's value is `tf.cond`, `tf.where`, `tf.map_fn` or `tf.while_loop`.

    Attributes:
        averaged: names of the networks that have a moving average, with which the model samples.
        trained: names of the optimizers, and of the networks that each of them trains.
        controls: numbers that steer sampling, by name, which one signature takes; each has a default and bounds, too.
        controlled: the name of the signature that takes them.
        spec: what it learns.
        config: the settings of the run.
        step: int64 variable, the number of finished training steps.
        learning_rate_scale: float32 variable that all learning rates are multiplied by; a rollback halves it.
        trackers: means by name since the last `reset_trackers`; "gradient_norm/<optimizer>" is among them.
    """

    averaged: tuple[str, ...] = ()
    trained: Mapping[str, tuple[str, ...]] = {}
    controls: Mapping[str, Tensor] = {}
    controlled = "controlled"
    train_function: Any  # Keras' attribute

    def __init__(
        self, spec: DataSpec, networks: Mapping[str, tf.keras.Model], config: TrainConfig, tracked: Iterable[str]
    ) -> None:
        super().__init__()
        self.spec = spec
        self.config = config
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64, name="step", aggregation=first)
        self.learning_rate_scale = tf.Variable(1.0, trainable=False, name="learning_rate_scale", aggregation=first)
        names = (*tracked, *(f"gradient_norm/{name}" for name in self.trained))
        self.trackers = {name: GlobalMean(name=name) for name in names}
        freezing.freeze(networks, self.trained, config.freeze)
        # Each under an attribute of its own name, which checkpoints know it by.
        self._network_names = tuple(networks)
        for name, network in networks.items():
            setattr(self, name, network)
        for name in self.averaged:
            setattr(self, f"ema_{name}", in_float32(networks[name]))

    def compile(self, optimizers: Mapping[str, Any], **kwargs: Any) -> None:
        """Take an optimizer for each name in `trained`, which has its learning rate at the full. Keras' own slot gets
        the first, since it would invent one otherwise; `kwargs` are Keras' own.

        In float16 each gets a scale for its losses."""
        if self.config.precision == "float16":
            with self.distribute_strategy.scope():
                optimizers = {name: loss_scaling.wrapped(optimizer) for name, optimizer in optimizers.items()}
        super().compile(optimizer=next(iter(optimizers.values())), **kwargs)
        for name, optimizer in optimizers.items():
            setattr(self, f"{name}_optimizer", optimizer)
        self._full_rates = {name: float(optimizer.learning_rate.numpy()) for name, optimizer in self.optimizers.items()}
        with self.distribute_strategy.scope():
            for name, optimizer in self.optimizers.items():
                make_slots(optimizer, self._variables(name))

    @property
    def optimizers(self) -> dict[str, Any]:
        """The optimizers, by the names in `trained`; each has a `learning_rate` variable."""
        return {name: getattr(self, f"{name}_optimizer") for name in self.trained}

    @property
    def loss_scales(self) -> dict[str, tf.Tensor]:
        """What the loss is multiplied by, float32 scalar, by optimizer; none but in float16."""
        scales = {name: loss_scaling.scale(optimizer) for name, optimizer in self.optimizers.items()}
        return {name: scale for name, scale in scales.items() if scale is not None}

    def _variables(self, optimizer: str) -> list[tf.Variable]:
        return [variable for name in self.trained[optimizer] for variable in self.networks[name].trainable_variables]

    @property
    def conditions(self) -> Mapping[str, Tensor]:
        """What each sampling signature takes beside the seed, by name (a label); each has a default, and bounds."""
        return {}

    @property
    def fitted(self) -> tuple[str, ...]:
        """Names of networks that it samples with as `finish` leaves them: they are neither trained nor averaged."""
        return ()

    @property
    def networks(self) -> dict[str, tf.keras.Model]:
        """The networks that are trained or fitted, by name."""
        return {name: getattr(self, name) for name in self._network_names}

    def view(self, weights: Weights = "ema") -> dict[str, tf.keras.Model]:
        """The networks by name, for sampling: "ema" with the moving averages in the place of those that have one,
        "raw" as they are trained; either way in float32, also under mixed precision, since bfloat16 would round
        differently in the export and in batches of other sizes."""
        if weights == "ema":
            return {**self.networks, **{name: getattr(self, f"ema_{name}") for name in self.averaged}}
        if not self.config.mixed_precision:
            return self.networks
        return {**self.networks, **{name: in_float32(self.networks[name]) for name in self.averaged}}

    def fingerprint(self, weights: Weights = "ema") -> str:
        """Hash of the weights that it samples with, "sha256:<64 hex digits>": it names the model that made an image."""
        digest, networks = hashlib.sha256(), self.view(weights)
        for name in (*self.averaged, *self.fitted):
            for variable in networks[name].variables:
                digest.update(variable.numpy().tobytes())
        return f"sha256:{digest.hexdigest()}"

    def update_moving_averages(self) -> None:
        """Move the averages towards the networks, from inside a training step, before `step` counts it."""
        batch_size, settings = self.config.global_batch_size, self.config.family
        images_seen = (self.step + 1) * batch_size
        keep = moving_average.decay(batch_size, images_seen, settings.ema_half_life, settings.ema_ramp_up)
        for name in self.averaged:
            moving_average.update(getattr(self, f"ema_{name}"), self.networks[name], keep)

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """None for Keras, which would reset them at its epochs: after a resume half an interval would be lost."""
        return []

    def track(self, values: dict[str, tf.Tensor]) -> None:
        """Add per-example values (or scalars) to the means of these names."""
        for name, value in values.items():
            self.trackers[name].update_state(value)

    def tracked(self) -> dict[str, float]:
        """The means since the last reset, without those that nothing was added to."""
        means, counts = self._read_trackers()
        shown = zip(self.trackers, means.numpy(), counts.numpy())
        return {name: float(mean) for name, mean, count in shown if count > 0}

    @tf.function(autograph=False)
    def _read_trackers(self) -> tuple[tf.Tensor, tf.Tensor]:
        """All at once: a variable read by itself takes a tenth of a millisecond and more."""
        trackers = self.trackers.values()
        return tf.stack([mean.result() for mean in trackers]), tf.stack([mean.count.read_value() for mean in trackers])

    @tf.function(autograph=False)
    def reset_trackers(self) -> None:
        """Start the means anew."""
        for tracker in self.trackers.values():
            tracker.reset_state()

    def replica_rows(self, global_rows: tf.Tensor) -> tf.Tensor:
        """This replica's share of a tensor made for the global batch: [B, ...] -> [B / replicas, ...].

        Noise is drawn for the global batch on every replica and then cut, so that a step does not depend on how
        many replicas share it.
        """
        context = tf.distribute.get_replica_context()
        rows = global_rows.shape[0] // context.num_replicas_in_sync
        first = context.replica_id_in_sync_group * rows
        return global_rows[first : first + rows]

    def noise(self, stream: int, update: tf.Tensor, draw: Callable[..., tf.Tensor], shape: list[int]) -> tf.Tensor:
        """This replica's rows of noise for the global batch, `draw(shape, seed)`, which depends on nothing but the
        run's seed, `stream` (the number of a use of noise) and `update` (int64, the number of a draw)."""
        seed = tf.random.experimental.stateless_fold_in([self.config.seed, stream], update)
        return self.replica_rows(draw(shape, seed, alg="philox"))

    def global_mean(self, losses: tf.Tensor) -> tf.Tensor:
        """This replica's part of the mean over the global batch, of float32 [b]; gradients are summed over replicas."""
        return tf.nn.compute_average_loss(losses, global_batch_size=self.config.global_batch_size)

    def set_learning_rates(self, share: float | tf.Tensor = 1.0) -> None:
        """This share of their full rates for all optimizers, times `learning_rate_scale`; for each training step."""
        for name, optimizer in self.optimizers.items():
            optimizer.learning_rate.assign(self._full_rates[name] * self.learning_rate_scale * share)

    def minimise(
        self, tape: tf.GradientTape, loss: tf.Tensor, name: str, tensors: Sequence[tf.Tensor] = ()
    ) -> list[tf.Tensor]:
        """One update by the optimizer `name` of what it trains, as `minimising` has it; tracks the norm of the
        gradient. Returns the gradient by each of `tensors`, which the tape watches."""
        update = minimising.minimise(tape, loss, self._variables(name), self.optimizers[name], tensors)
        self.trackers[f"gradient_norm/{name}"].update_state(update.norm, update.counts)
        return update.slopes

    def make_train_function(self, force: bool = False) -> Callable[..., Any]:
        """What Keras' `fit` calls; see `several_steps`."""
        if self.train_function is not None and not force:
            return self.train_function
        if self.run_eagerly:
            return super().make_train_function(force)
        self.train_function = self.train_tf_function = several_steps.compiled(self)
        return self.train_function

    def begin(self) -> None:
        """Called once, before a run's first checkpoint: for what starts from more than its seed, such as another run.
        Raises UserError where that cannot be had."""

    @abc.abstractmethod
    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update from a batch (see `Dataset.reader`), a pure function of (weights, data, seed, step). Returns
        tracker results; raw tensors would be summed over replicas."""

    @abc.abstractmethod
    def test_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Measure the model on a held-out batch of the same form; changes no weight."""

    def reopen(self) -> None:
        """Undo what `finish` made, since training begins or goes on."""

    def finish(self, data: Dataset) -> bool:
        """Make, once training has spent its budget, what needs the finished weights: a pure function of (weights, data,
        seed), and nothing where that was done at this step already. Returns whether anything changed."""
        return False

    @property
    def caution(self) -> str:
        """What a person should know before judging or publishing it as it is, in a sentence; mostly empty."""
        return ""

    @abc.abstractmethod
    def sampler(self, weights: Weights = "ema") -> Sampler:
        """A function `(seed, **inputs)` that makes content float32 [N, ...] in model space for int64 seeds [N]; row i
        depends on row i of the inputs only. Any of `conditions` and `controls` may be left out; else it has [N] values.

        Call this outside of graphs: the networks of a view may be copies, whose variables cannot be made inside of one.
        """

    def bulk_sampler(self, weights: Weights = "ema") -> Sampler:
        """Makes what `sampler` makes but for rounding, many rows sooner where a family knows a way to: for content as
        numbers, which judges take by the thousand, while files promise that each seed has bytes of its own."""
        return self.sampler(weights)

    def inpainter(self, weights: Weights = "ema") -> Inpainter | None:
        """A function `(seed, content, mask, **conditions)` that makes a part of content float32 [N, ...] in model space
        anew, for int64 seeds [N]: what `mask` float32 [N, ..., 1] is 1 for; where it is 0, content stays as it is. Row
        i depends on row i of the inputs only. None where the model cannot do that. Call this outside of graphs."""
        return None

    def sample(self, seeds: tf.Tensor, *, weights: Weights = "ema", **inputs: float | tf.Tensor) -> tf.Tensor:
        """What `sampler` makes; an input may be one number for all rows."""
        kinds = {**self.conditions, **self.controls}
        rows = {
            name: tf.broadcast_to(tf.cast(value, kinds[name].dtype), tf.shape(seeds)) for name, value in inputs.items()
        }
        return self.sampler(weights)(seeds, **rows)

    def extra_signatures(self, weights: Weights = "ema") -> dict[str, Served]:
        """What an export offers beside sampling, by name: other ways in, or scores of given content. Content among
        their inputs and outputs is in the form of numbers (see `Modality`)."""
        return {}

    def pictures(self, count: int, columns: int) -> dict[str, Callable[[], tf.Tensor]]:
        """What to show of it while it trains, by name: functions that make stored content [N, ...], always of the same
        seeds, to be laid out in rows of `columns`. "samples/averaged" holds `count` samples, seeds 0 and up."""
        seeds = tf.range(count, dtype=tf.int64)
        return {
            "samples/averaged": tf.function(
                lambda: self.spec.modality.graph.to_stored(self.sample(seeds)), autograph=False
            )
        }

    def comparisons(self, held_out: dict[str, tf.Tensor], columns: int) -> dict[str, Callable[[], tf.Tensor]]:
        """What to show of it beside held-out examples, a batch as `test_step` takes it, in the form of `pictures`."""
        return {}

    def distributions(self) -> dict[str, np.ndarray]:
        """Numbers, by name, whose histogram is shown beside those of the weights."""
        return {}

    @abc.abstractmethod
    def step_flops(self, forward: Mapping[str, int]) -> float:
        """Floating-point operations of a training step for each example of its batch, reckoned from those of one
        forward pass of each network for one example, a backward pass counting twice a forward one."""

    @abc.abstractmethod
    def kept_activations(self, activations: Mapping[str, int]) -> int:
        """Numbers for each example of a batch that a step keeps for its backward passes, reckoned from those that the
        layers of each network give for one example."""
