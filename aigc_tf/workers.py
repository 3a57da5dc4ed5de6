"""Those who train together, as one of them sees the others; who trains alone meets nobody, and waits for nobody.

What goes between them are TensorFlow's own collectives. Each joins in all of them, in the same order: what the chief
alone does (records, pictures, judging) lies between two meetings, at which the others wait.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

import aigc_tf
from aigc_tf import cluster, devices
from aigc_tf.cluster import Cluster
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import FaultError, UserError
from aigc_tf.families.model import GenerativeModel
from aigc_tf.paths import LONGEST_NAME
from aigc_tf.run_folder import RunFolder

_OF_A_MACHINE = ("logs", "name", "data_dir", "dataset", "parent", "strategy", "replicas", "worker_timeout")
_GAVE_UP = -1  # in the place of a step
_OF_A_LOSS = re.compile(r"heartbeat|remote target|[Cc]onnection|Socket closed")
_TASK = re.compile(r"/job:(chief|worker)(?:/replica:\d+)?/task:(\d+)")


@dataclasses.dataclass(frozen=True)
class Workers:
    """A strategy, and whom it joins. To be made before TensorFlow computes anything."""

    strategy: tf.distribute.Strategy
    cluster: Cluster

    @classmethod
    def of(cls, config: TrainConfig) -> Workers:
        """Those that `config` asks for, once all of them are there.

        Raises UserError for what does not fit the devices or the environment, FaultError where somebody stays away.
        """
        if config.strategy == "mirrored":
            return cls(devices.strategy(config), Cluster())
        here = cluster.read()
        return cls(devices.workers_strategy(config, here), here)

    @property
    def alone(self) -> bool:
        return self.cluster.count == 1

    @property
    def is_chief(self) -> bool:
        """Whether this one keeps the record."""
        return self.cluster.is_chief

    @property
    def part(self) -> tuple[int, int]:
        """Which part of each batch is its own, of how many."""
        return self.cluster.index, self.cluster.count

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Within it models are made, so that each worker can read all of theirs by itself.

        What replicas keep by themselves (statistics of batch normalisation) is the same on all, since it is computed
        from the global batch; Keras' way to read it, the mean over replicas, would have to wait for the others.
        """

        def readable(make: Callable[..., tf.Variable], **kind: Any) -> tf.Variable:
            if kind.get("synchronization") == tf.VariableSynchronization.ON_READ:
                kind["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
            return make(**kind)

        with self.strategy.scope():
            if self.alone:
                yield
                return
            with tf.variable_creator_scope(readable):
                yield

    def distribute(self, stream: Callable[[tuple[int, int]], tf.data.Dataset]) -> Any:
        """What Keras' `fit` takes: the endless batches of `stream`, which is given the part that this worker reads."""
        if self.alone:
            return stream((0, 1))
        replicas = self.strategy.num_replicas_in_sync // self.cluster.count

        def mine(context: tf.distribute.InputContext) -> tf.data.Dataset:
            rows = stream(self.part)
            if replicas > 1:
                size = next(iter(tf.nest.flatten(rows.element_spec))).shape[0]
                rows = rows.rebatch(size // replicas, drop_remainder=True)
            return rows.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

        return self.strategy.distribute_datasets_from_function(mine)

    def meet(self, numbers: Sequence[int]) -> list[list[int]]:
        """Wait for all others, who must come with as many numbers (of 64 bits); returns those of each, by worker."""
        if self.alone:
            return [list(numbers)]
        table = [[0] * len(numbers) for _ in range(self.cluster.count)]
        table[self.cluster.index] = list(numbers)
        return self._sum(tf.constant(table, tf.int64)).numpy().tolist()

    @functools.cached_property
    def _sum(self) -> Callable[[tf.Tensor], tf.Tensor]:
        signature = [tf.TensorSpec([None, None], tf.int64)]  # traced once, however many numbers there are
        total = functools.partial(self.strategy.reduce, tf.distribute.ReduceOp.SUM, axis=None)
        return tf.function(total, signature, autograph=False)

    def hear_out(self) -> None:
        """Wait until all know what they last met about: who ends at once could be gone before the others heard it."""
        with contextlib.suppress(tf.errors.OpError):  # they are gone already
            self.meet([0])

    def check_alike(self, config: TrainConfig, spec: DataSpec) -> None:
        """Raise UserError on all of them unless all have the same versions, the same data and the same settings."""
        versions = {"aigc_tf": aigc_tf.__version__, "TensorFlow": tf.__version__}
        self._check("versions of", versions, ", ".join(f"{name} {version}" for name, version in versions.items()))
        here = f"here: {spec.num_examples:,} from {spec.source}"
        self._check("", {"data": spec.fingerprint, "model": config.model}, here)
        settings = {name: value for name, value in config.flat().items() if name not in _OF_A_MACHINE}
        self._check("settings:", settings, "give all of them the same command")

    def _check(self, what: str, told: Mapping[str, Any], advice: str) -> None:
        table = self.meet([_number(value) for value in told.values()])
        for index, numbers in enumerate(table):
            differing = [name for name, mine, chiefs in zip(told, numbers, table[0]) if mine != chiefs]
            if differing:
                self.hear_out()
                kind = f"other {what} {', '.join(differing)}".replace("  ", " ")
                raise UserError(f"{self.cluster.name(index)} has {kind} than the chief ({advice})")

    @contextmanager
    def leading(self) -> Iterator[None]:
        """Within it the chief makes ready what the others wait for; where that fails, they are told."""
        try:
            yield
        except BaseException:
            if not self.alone:
                with contextlib.suppress(tf.errors.OpError):  # the others are gone already
                    self.meet([_GAVE_UP, *[0] * LONGEST_NAME])
                self.hear_out()
            raise

    def lead(self, path: Path, step: int) -> None:
        """Tell the others of a run folder that is ready, and the step from which it goes on."""
        name = os.fsencode(path.name)
        self.meet([step, *name, *[0] * (LONGEST_NAME - len(name))])

    def follow(self, config: TrainConfig, resume: RunFolder | None) -> RunFolder:
        """The chief's run folder, once it is ready. Raises UserError where it is not to be seen from here, FaultError
        where the chief gave up."""
        step, *letters = self.meet([0] * (1 + LONGEST_NAME))[0]
        if step == _GAVE_UP:
            self.hear_out()
            raise FaultError(f"{self.cluster.name(0)} gave up before training; what it says there tells why")
        name = os.fsdecode(bytes(letter for letter in letters if letter))
        run = resume or RunFolder(config.logs / name)
        if run.path.name != name:
            raise UserError(f"{run.path} is not what the chief goes on with, which is {name}")
        if not run.checkpoints.joinpath(f"step-{step}.index").is_file():
            raise UserError(
                f"{run.path} has no checkpoint of step {step}, which the chief trains on from: the run folder must lie "
                "in one file system that all workers share"
            )
        return run

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Within it the chief makes of a trained run what there is to make; the others are told whether that failed.
        Where it did not, and one of them is gone, neither does this one succeed (see `in_touch`)."""
        try:
            yield
        except BaseException:
            if not self.alone:
                with contextlib.suppress(tf.errors.OpError):  # the others are gone already
                    self.meet([False])
                self.hear_out()
            raise
        self.meet([True])
        self.hear_out()

    def see_finished(self) -> None:
        """Wait until the chief has made all of the run, so that all of them succeed or none does: what starts anew only
        those that failed would let the chief wait for the others in vain. Raises FaultError where the chief failed."""
        done = self.meet([True])[0][0]
        self.hear_out()
        if not done:
            raise FaultError(f"{self.cluster.name(0)} could not make all of the run; what it says there tells why")

    def check_same_weights(self, model: GenerativeModel, path: Path) -> None:
        """Raise UserError on all of them unless all begin with the same weights at the same step."""
        table = self.meet([int(model.step.numpy()), _number(model.fingerprint())])
        for index, numbers in enumerate(table):
            if numbers != table[0]:
                self.hear_out()
                raise UserError(
                    f"{self.cluster.name(index)} has another checkpoint in {path} than the chief, which is at step "
                    f"{table[0][0]}: the run folder must lie in one file system that all workers share"
                )

    @contextmanager
    def in_touch(self) -> Iterator[None]:
        """What TensorFlow makes of a worker that is gone becomes a sentence (FaultError)."""
        try:
            yield
        except tf.errors.OpError as error:
            if self.alone or not _OF_A_LOSS.search(str(error)):
                raise
            raise FaultError(
                f"{self._lost(str(error))}: start the same command on all of them again, with --resume"
            ) from None

    def _lost(self, error: str) -> str:
        for job, task in _TASK.findall(error):
            index = self.cluster.number(job, int(task))
            if index != self.cluster.index and index < self.cluster.count:
                return f"{self.cluster.name(index)} is gone"
        return f"another worker is gone ({' '.join(error.split())[:300]})"


def _number(value: Any) -> int:
    """63 bits that stand for it."""
    text = json.dumps(value, default=str, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
