"""TensorBoard's event files: opening a writer in the right place, and taking back what came after a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

import tensorflow as tf


def trim(folder: Path, step: int) -> None:
    """Remove all events after `step` from the files in `folder` (for step 0: those of step 0 too).

    A run that goes on from a checkpoint writes them again; without this TensorBoard would draw both. Files that a kill
    cut short lose their broken last record.
    """
    for path in sorted(folder.glob("events.out.tfevents.*")):
        kept = []
        dropped = False
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                keep = event.HasField("file_version") or (event.step <= step and step > 0)
                kept.append(record) if keep else None
                dropped |= not keep
        except tf.errors.DataLossError:
            dropped = True
        if dropped:
            part = folder / f".{path.name}.part"
            with tf.io.TFRecordWriter(str(part)) as writer:
                for record in kept:
                    writer.write(record)
            os.replace(part, path)


def open_writer(folder: Path) -> tf.summary.SummaryWriter:
    """A writer of events into `folder`; it holds them in memory until flushed or for ten seconds."""
    return tf.summary.create_file_writer(str(folder), flush_millis=10_000)
