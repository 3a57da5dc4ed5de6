"""What happens around the training steps: one file a concern, put together here in the order in which they run."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.callbacks.apart import Apart
from aigc_tf.callbacks.curves import Curves, FreshMeans
from aigc_tf.callbacks.giving_back import GivingBack
from aigc_tf.callbacks.guard import DivergenceGuard, WeightGuard
from aigc_tf.callbacks.held_out import HeldOut
from aigc_tf.callbacks.histograms import Histograms
from aigc_tf.callbacks.judging import Judging
from aigc_tf.callbacks.pictures import Pictures
from aigc_tf.callbacks.profiling import Profiling
from aigc_tf.callbacks.progress import ProgressLine
from aigc_tf.callbacks.saving import CheckpointSaver
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.callbacks.stopping import Clock, GracefulStop, Meeting
from aigc_tf.datasets.pipeline import batches
from aigc_tf.session import Session


def build(
    session: Session,
    writer: tf.summary.SummaryWriter,
    stop: GracefulStop,
    meeting: Meeting,
    judging: Judging | None,
) -> list[StepCallback]:
    """The callbacks of a run, in order: what finds a broken step comes before what records and saves it.

    `writer` writes TensorBoard's events, `stop` turns signals into an orderly end, at which all workers arrive by
    `meeting`, and `judging` judges meanwhile, if that is wanted. Of several workers the chief alone records; what
    computes with all, or may end training, is in everybody's list.
    """
    config, data, run, checkpoints = session.config, session.data, session.run, session.checkpoints
    held_out = session.workers.distribute(
        lambda part: batches(data, "test", config.global_batch_size, config.seed, part=part)
    )
    seen = HeldOut(held_out, session.held_out_batches, config.sample_every)
    saver = CheckpointSaver(checkpoints, config.checkpoint_every, writer)
    giving_back = GivingBack(config.checkpoint_every)
    if not session.workers.is_chief:
        weights = [WeightGuard(checkpoints, config.evaluate_every)] if config.evaluate_every else []
        return [stop, DivergenceGuard(), seen, FreshMeans(config.log_every), *weights, saver, giving_back, meeting]
    record: list[StepCallback] = [
        Curves(writer, run.metrics_file, config.log_every, config.global_batch_size),
        FreshMeans(config.log_every),
        Pictures(writer, run, config.sample_every, data),
        Histograms(writer, config.histogram_every),
        *([judging] if judging else []),
        saver,
        *([Profiling(session.profiled, run.tensorboard)] if session.profiled else []),
        ProgressLine(session.last_step, session.last_second, checkpoints, config.global_batch_size),
    ]
    if not session.workers.alone:
        record = [Apart(record)]
    return [stop, DivergenceGuard(), Clock(checkpoints, session.last_second), seen, *record, giving_back, meeting]
