"""TensorBoard's event files: writers, folders made whole, and taking back what came after a checkpoint."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from aigc_tf.config import TrainConfig
from aigc_tf.errors import StorageError

# As TensorFlow names them: seconds, host, process, number. Copies that a file manager made are named otherwise.
_OURS = re.compile(r"events\.out\.tfevents\.\d+\..*\.\d+\.\d+\.v2", re.ASCII)


def trim(folder: Path, step: int, config: TrainConfig) -> None:
    """Remove what going on from `step` would not find: events after it (for step 0: all), and the last ones of a budget
    that ended between two regular ones.

    A run that goes on writes them again; without this TensorBoard would draw both. Files that a kill cut short lose
    their broken last record; files that TensorFlow did not name so are left alone. Raises OSError where the disk
    does not take the rest.
    """

    intervals = {"scalars": config.log_every, "images": config.sample_every}

    def interval(value: Any) -> int:
        if value.tag.startswith("evaluation/"):
            return config.evaluate_every or 1
        return intervals.get(value.metadata.plugin_data.plugin_name, 1)

    def keep(event: Any) -> bool:
        if event.HasField("file_version"):
            return True
        regular = all(event.step % interval(value) == 0 for value in event.summary.value)
        return regular and event.step <= step and step > 0

    for path in sorted(path for path in folder.glob("events.*") if _OURS.fullmatch(path.name)):
        kept = []
        dropped = False
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                if keep(tf.compat.v1.Event.FromString(record)):
                    kept.append(record)
                else:
                    dropped = True
        except (tf.errors.DataLossError, DecodeError):
            dropped = True
        except tf.errors.OpError as error:
            raise StorageError(f"{path} could not be read: {error.message}") from None
        if dropped:
            part = folder / f".{path.name}.part"
            try:
                with tf.io.TFRecordWriter(str(part)) as writer:
                    for record in kept:
                        writer.write(record)
            except tf.errors.OpError as error:
                raise StorageError(f"{path} could not be written anew: {error.message}") from None
            os.replace(part, path)


@contextlib.contextmanager
def made_anew(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `folder` once the block ends; never half of it is there.

    Where several processes do so at once, the folder of one of them stays. Raises OSError where the disk does not
    take it.
    """
    building, old = (folder.with_name(f".{folder.name}.{os.getpid()}{end}") for end in ("", ".old"))
    for left in (building, old):  # of a killed process that had our number
        shutil.rmtree(left, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        try:
            if folder.exists():
                os.rename(folder, old)
            os.rename(building, folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise  # these tell of another process that was faster
    except tf.errors.OpError as error:
        raise StorageError(f"{folder} could not be written: {error.message}") from None
    finally:
        for left in (building, old):
            shutil.rmtree(left, ignore_errors=True)


def open_writer(folder: Path) -> tf.summary.SummaryWriter:
    """A writer of events into `folder`; it holds them in memory until flushed or for ten seconds."""
    return tf.summary.create_file_writer(str(folder), flush_millis=10_000)


def tell_start(writer: tf.summary.SummaryWriter, step: int) -> None:
    """Tell a TensorBoard that is open already that the run goes on from `step`, so that it forgets what it read of
    later ones."""
    start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
    event = tf.compat.v1.Event(wall_time=time.time(), step=step + 1, session_log=start)
    tf.raw_ops.ImportEvent(writer=writer._resource, event=event.SerializeToString())
