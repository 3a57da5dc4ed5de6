"""What families have in common where they make their models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError


def check_labels(spec: DataSpec, config: TrainConfig) -> None:
    """Raise UserError for a model that is to learn from labels where the data have none."""
    if not spec.num_classes:
        raise UserError(f"conditional needs labels, and {config.dataset} has none: learn it with --no-conditional")


@contextmanager
def making_networks(config: TrainConfig) -> Iterator[None]:
    """Networks that are made within it compute as `config` says, and Keras names their layers as in a fresh process,
    so that these names stand for the same layers in every one."""
    tf.keras.backend.reset_uids()
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(
        "float32" if config.precision == "float32" else f"mixed_{config.precision}"
    )
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
