from __future__ import annotations

import tensorflow as tf


def to_model(stored: tf.Tensor) -> tf.Tensor:
    return tf.cast(stored, tf.float32) / 1000.0


def to_stored(made: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(tf.clip_by_value(made, -1.0, 1.0) * 1000.0), tf.int16)


def to_numbers(made: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(made, -1.0, 1.0)


def from_numbers(numbers: tf.Tensor) -> tf.Tensor:
    return numbers


def encode(stored: tf.Tensor, origin: str) -> tf.Tensor:
    values = tf.strings.reduce_join(tf.strings.as_string(stored), axis=1, separator=",")
    return tf.strings.join([f"{origin}\n", values])


def summarise(name: str, stored: tf.Tensor, columns: int) -> None:
    tf.summary.text(name, tf.strings.as_string(stored[:columns]))
