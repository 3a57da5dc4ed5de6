"""What happens around the training steps: one file a concern, put together here in the order in which they run."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.callbacks.curves import Curves
from aigc_tf.callbacks.guard import DivergenceGuard
from aigc_tf.callbacks.held_out import HeldOut
from aigc_tf.callbacks.histograms import Histograms
from aigc_tf.callbacks.judging import Judging
from aigc_tf.callbacks.pictures import Pictures
from aigc_tf.callbacks.profiling import Profiling
from aigc_tf.callbacks.progress import ProgressLine
from aigc_tf.callbacks.saving import CheckpointSaver
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.callbacks.stopping import Clock, GracefulStop
from aigc_tf.datasets.pipeline import batches
from aigc_tf.session import Session


def build(
    session: Session, writer: tf.summary.SummaryWriter, stop: GracefulStop, judging: Judging | None
) -> list[StepCallback]:
    """The callbacks of a run, in order: what finds a broken step comes before what records and saves it.

    `writer` writes TensorBoard's events, `stop` turns signals into an orderly end, and `judging` judges meanwhile, if
    that is wanted.
    """
    config, data, run, checkpoints = session.config, session.data, session.run, session.checkpoints
    held_out = batches(data, "test", config.global_batch_size, config.seed, 0, session.held_out_batches)
    return [
        stop,
        DivergenceGuard(),
        Clock(checkpoints, session.last_second),
        HeldOut(held_out, config.sample_every),
        Curves(writer, run.metrics_file, config.log_every, config.global_batch_size),
        Pictures(writer, run, config.sample_every, data),
        Histograms(writer, config.histogram_every),
        *([judging] if judging else []),
        CheckpointSaver(checkpoints, config.checkpoint_every, writer),
        *([Profiling(session.profiled, run.tensorboard)] if session.profiled else []),
        ProgressLine(session.last_step, session.last_second, checkpoints, config.global_batch_size),
    ]
