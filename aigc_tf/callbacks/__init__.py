"""What happens around the training steps: one file a concern, put together here in the order in which they run."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from aigc_tf.callbacks.curves import Curves
from aigc_tf.callbacks.guard import DivergenceGuard
from aigc_tf.callbacks.held_out import HeldOut
from aigc_tf.callbacks.histograms import Histograms
from aigc_tf.callbacks.judging import Judging
from aigc_tf.callbacks.pictures import Pictures
from aigc_tf.callbacks.progress import Progress
from aigc_tf.callbacks.saving import CheckpointSaver
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.callbacks.stopping import Clock, GracefulStop
from aigc_tf.checkpoints import Checkpoints
from aigc_tf.config import TrainConfig
from aigc_tf.run_folder import RunFolder


def build(
    config: TrainConfig,
    run: RunFolder,
    checkpoints: Checkpoints,
    writer: tf.summary.SummaryWriter,
    real: np.ndarray,
    held_out: tf.data.Dataset,
    last_step: int | None,
    stop: GracefulStop,
    judging: Judging | None,
) -> list[StepCallback]:
    """The callbacks of a run, in order: what finds a broken step comes before what records and saves it.

    `real` are training images uint8 [N,H,W,C] to show, `held_out` a few batches for `test_step`, `last_step` the end
    of training (None where the clock decides), `stop` what turns signals into an orderly end, `judging` what judges
    meanwhile, if that is wanted.
    """
    limit = None if config.minutes is None else config.minutes * 60
    return [
        stop,
        DivergenceGuard(),
        Clock(checkpoints, limit),
        HeldOut(held_out, config.sample_every),
        Curves(writer, run.metrics_file, config.log_every, config.global_batch_size),
        Pictures(writer, run, config.sample_every, real),
        Histograms(writer, config.histogram_every),
        *([judging] if judging else []),
        CheckpointSaver(checkpoints, config.checkpoint_every, writer),
        Progress(last_step, limit, checkpoints, config.global_batch_size),
    ]
