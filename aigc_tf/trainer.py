"""The whole way from a configuration to a trained, judged and published model, in reading order."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import tensorflow as tf

from aigc_tf import (
    callbacks,
    devices,
    environment,
    evaluator,
    event_files,
    going_on,
    memory,
    quiet,
)
from aigc_tf.callbacks.judging import Judging
from aigc_tf.callbacks.stopping import GracefulStop, Meeting
from aigc_tf.checkpoints import Checkpoints
from aigc_tf.config import TrainConfig
from aigc_tf.datasets import augmentation, loading
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.pipeline import batches
from aigc_tf.datasets.spec import FEW
from aigc_tf.errors import DivergedError, FaultError, UserError
from aigc_tf.families import FAMILIES
from aigc_tf.families.model import GenerativeModel
from aigc_tf.report import dashboard
from aigc_tf.run_folder import RunFolder
from aigc_tf.session import Session, steps_per_call
from aigc_tf.shell import quoted
from aigc_tf.workers import Workers

_MOST_ROLLBACKS = 3
_FOREVER = 2**62
_logger = logging.getLogger("aigc_tf")


@dataclasses.dataclass(frozen=True)
class Ending:
    """How training ended where it did not fail.

    Attributes:
        signal_name: the signal that ended it early, None where none did.
        collapsed: whether a collapse ended it early.
    """

    signal_name: str | None
    collapsed: bool


def train(
    config: TrainConfig,
    resume: RunFolder | None = None,
    data: Dataset | None = None,
    say: Callable[[str], None] = print,
    profiled: int = 0,
) -> RunFolder | None:
    """Train as `config` says, in a new run folder or on from the last checkpoint of `resume`.

    `data` are the images to learn, by default those that `config.dataset` names; `profiled` steps of the training are
    recorded for TensorBoard's profile.

    Returns the run folder where the budget was spent, None where a signal stopped training (it is then saved).
    Raises UserError for what the person can mend, DivergedError, OSError where the disk does not take the records, and
    UnfinishedError where the model was trained, but not all was made of it.
    """
    config = config.with_budget()
    devices.compute_alike()
    tf.keras.utils.set_random_seed(config.seed)
    workers = Workers.of(config)
    with workers.in_touch():
        return _train(config, workers, resume, data, say, profiled)


def _train(
    config: TrainConfig,
    workers: Workers,
    resume: RunFolder | None,
    data: Dataset | None,
    say: Callable[[str], None],
    profiled: int,
) -> RunFolder | None:
    data = data or loading.load(config, say if workers.is_chief else _unheard)
    augmentation.check(config, data.spec)
    config = dataclasses.replace(config, dataset=data.spec.name or config.dataset)
    if config.evaluate or config.evaluate_every:
        evaluator.check_can_be_judged(data, while_training=bool(config.evaluate_every))
    workers.check_alike(config, data.spec)
    with workers.scope():
        model = FAMILIES[config.model].create(data.spec, config)
    memory.check(model, config, data, workers.cluster.count)
    if not workers.is_chief:
        return _follow(config, workers, resume, model, data, say)

    machine = environment.describe(devices.names(workers.strategy))
    with contextlib.ExitStack() as told, contextlib.ExitStack() as held:
        with workers.leading():
            run = resume or RunFolder.planned(config)
            if resume is None:
                run.create(config, data.spec, machine, _begin(model, say))
            else:
                run.check_same_images(data.spec)
            held.enter_context(run.lock())
            checkpoints = Checkpoints(run.checkpoints, model, config.keep_checkpoints)
            first_step = 0
            if checkpoints.last_step is None:
                run.check_untrained()
                if resume is not None:
                    run.check_same_parent(_begin_again(model, run, say))
                checkpoints.save()
            else:
                first_step = checkpoints.restore()
                run.write_config(config)
                run.write_environment(first_step, machine)
                say(f"going on from step {first_step}")
        workers.lead(run.path, first_step)
        workers.check_same_weights(model, run.path)
        say(f"training on {devices.in_words(workers.strategy, workers.cluster)}")
        say(f"{data.spec.num_examples:,} {data.spec.modality.name}s from {data.spec.source}")
        if data.spec.num_examples < FEW:
            say(f"fewer than {FEW:,} are learned by heart, unless they are much alike: get more, or augment them")
        say(f"run folder: {run.path}   (watch it: python -m aigc_tf board {quoted(run.path.parent)})")
        with dashboard.for_watchers():
            dashboard.tell_of(run, model.networks)
            if checkpoints.last_step == 0:
                dashboard.tell_result(run)
        result: Literal["best"] | None = None
        session = Session(config, model, data, run, checkpoints, workers, profiled)
        if session.is_finished:
            say(f"nothing left to train: step {checkpoints.last_step} is the end of this budget")
        else:
            ending = fit_until_done(session)
            if ending.signal_name:
                step = checkpoints.last_step
                resume_it = f"python train.py --resume {quoted(run.path)}"
                with dashboard.for_watchers():
                    dashboard.tell_result(run)
                say(f"stopped by {ending.signal_name} at step {step}; go on with: {resume_it}")
                return None
            say(f"trained to step {checkpoints.last_step}")
            if ending.collapsed:
                result = "best"
                say(f"the model collapsed: the best checkpoint, of step {checkpoints.best_step}, is the result")
        told.enter_context(workers.finishing())
        with _faults_of_data_told(session):
            changed = model.finish(data)
        if changed:
            checkpoints.save(again=True)
        held.close()  # what follows trains nothing, and others may go on with the run
        # With it come Matplotlib, SciPy and scikit-learn: 70 MB that no step of training has to hold.
        from aigc_tf import finishing

        finishing.finish(config, run, data, result, say)
    return run


def _follow(
    config: TrainConfig,
    workers: Workers,
    resume: RunFolder | None,
    model: GenerativeModel,
    data: Dataset,
    say: Callable[[str], None],
) -> RunFolder | None:
    """The part of a worker that is not the chief: it trains from the chief's checkpoint, and records nothing."""
    run = workers.follow(config, resume)
    checkpoints = Checkpoints(run.checkpoints, model, config.keep_checkpoints, writes=False)
    checkpoints.restore()
    workers.check_same_weights(model, run.path)
    say(f"{workers.cluster.name(workers.cluster.index)} trains with the chief, which records all in {run.path}")
    session = Session(config, model, data, run, checkpoints, workers)
    if not session.is_finished:
        ending = fit_until_done(session)
        if ending.signal_name:
            say(f"stopped by {ending.signal_name} at step {checkpoints.last_step}")
            return None
        say(f"trained to step {checkpoints.last_step}")
    workers.see_finished()
    return run


def _unheard(line: str) -> None:
    """What the chief says, another worker need not say, too."""


def _begin(model: GenerativeModel, say: Callable[[str], None]) -> dict[str, Any] | None:
    """What a run begins with beside its seed; returns the record of the model that it goes on from, if it does."""
    model.begin()
    parent = model.config.parent
    return None if parent is None else going_on.begin(model, parent, say)


def _begin_again(model: GenerativeModel, run: RunFolder, say: Callable[[str], None]) -> dict[str, Any] | None:
    try:
        return _begin(model, say)
    except UserError as error:
        raise UserError(f"{run.path} has no checkpoint yet, and what it begins with cannot be had: {error}") from None


def fit_until_done(session: Session) -> Ending:
    """Train from the model's step to the last one, going back and trying again where `on_divergence` says so."""
    model, checkpoints, config = session.model, session.checkpoints, session.config
    for rollbacks in range(_MOST_ROLLBACKS + 1):
        try:
            return fit(session)
        except DivergedError as error:
            if config.on_divergence == "stop" or rollbacks == _MOST_ROLLBACKS:
                tried = f" after {rollbacks} rollbacks" if rollbacks else ""
                advice = "Try lower learning rates or another penalty"
                if config.on_divergence == "stop":
                    advice += ", or --on-divergence rollback"
                raise DivergedError(f"{error}{tried}; {checkpoints.describe_last()}. {advice}") from None
            scale = float(model.learning_rate_scale.numpy()) / 2
            step = checkpoints.restore()
            model.learning_rate_scale.assign(scale)
            _logger.warning("%s; back to step %d with %g of the learning rates", error, step, scale)
    raise AssertionError("the loop above returns or raises")


@contextmanager
def _faults_of_data_told(session: Session) -> Iterator[None]:
    """What TensorFlow makes of a row that could not be read becomes the sentence of whoever should have read it."""
    try:
        yield
    except tf.errors.OpError:
        if not session.data.faults:
            raise
        safe = f"the checkpoints are safe, {session.checkpoints.describe_last()}"
        resume_it = f"go on with --resume {quoted(session.run.path)}"
        raise FaultError(f"{session.data.faults[0]}; {safe}: {resume_it}") from None


def fit(session: Session) -> Ending:
    """One call of Keras' `fit`, as a single epoch over a stream of batches that begins at the model's step."""
    config, model, data, run = session.config, session.model, session.data, session.run
    checkpoints = session.checkpoints
    first_step = int(model.step.numpy())
    model.reopen()
    writer = _begin_record(session, first_step) if session.workers.is_chief else tf.summary.create_noop_writer()

    rows = config.global_batch_size * config.family.batches_per_step

    def stream(part: tuple[int, int]) -> tf.data.Dataset:
        change = augmentation.change_of(config, data.spec, config.seed, part)
        return batches(data, "train", rows, config.seed, first_step, change=change, part=part)

    # The stream has no end: at an end, the parts of a step that need no data would still run once more.
    steps = _FOREVER if session.last_step is None else session.last_step - first_step
    stop = GracefulStop()
    meeting = Meeting(session.workers, stop)
    judging = None
    if config.evaluate_every and session.workers.is_chief:
        judge = evaluator.during_training(model, run, data)
        judging = Judging(judge, config.evaluate_every, config.on_collapse, writer, run.judgements_file, checkpoints)
    watchers = callbacks.build(session, writer, stop, meeting, judging)
    model.steps_per_execution = steps_per_call(config, first_step)
    model.make_train_function(force=True)  # the one of a fit before this may be for single steps
    try:
        with _faults_of_data_told(session), meeting.told():
            training = session.workers.distribute(stream)
            with contextlib.ExitStack() as hidden:
                hidden.enter_context(quiet.absent("scipy"))  # Keras would import it to ask whether the data are sparse
                begun = tf.keras.callbacks.LambdaCallback(on_train_begin=lambda logs: hidden.close())
                model.fit(training, steps_per_epoch=steps, callbacks=[begun, *watchers], verbose=0)
            # Here, too: Keras takes a file that grew too large for an end of the data, and the others wait for a step.
            if meeting.signal_name is None:
                for watcher in watchers:
                    watcher.finish()
            else:
                writer.flush()
                checkpoints.save()
    finally:
        for watcher in watchers:
            watcher.close()
        writer.close()
    return Ending(meeting.signal_name, judging is not None and judging.collapsed)


def _begin_record(session: Session, first_step: int) -> tf.summary.SummaryWriter:
    """Take back what was recorded behind the step that training goes on from, and open the writer of what comes."""
    run, config = session.run, session.config
    run.trim(first_step, config)
    event_files.trim(run.tensorboard, first_step, config)
    session.checkpoints.trim_best(first_step)
    writer = event_files.open_writer(run.tensorboard)
    event_files.tell_start(writer, first_step)
    if first_step == 0:
        with writer.as_default(step=0):
            tf.summary.text("config", f"```json\n{config.to_json()}```")
    return writer
