"""Replicas on the processor's logical devices, of which every test has two."""

from __future__ import annotations

import tensorflow as tf


def strategy(replicas: int) -> tf.distribute.MirroredStrategy:
    """As `aigc_tf.devices` makes one of processors."""
    devices = [f"CPU:{number}" for number in range(replicas)]
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=tf.distribute.ReductionToOneDevice())
