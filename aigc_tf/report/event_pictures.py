"""The pictures that TensorBoard's event files hold, read without TensorFlow."""

from __future__ import annotations

import io
import logging
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event

_logger = logging.getLogger("aigc_tf")


def newest(folder: Path) -> dict[str, tuple[int, Image.Image]]:
    """Step and picture, by name, of the last that was shown under each name in the files of `folder`.

    Records that are cut short or damaged end the file that they are in, with a warning where it is damage.
    """
    found: dict[str, tuple[int, bytes]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        try:
            for record in _records(file):
                event = Event.FromString(record)
                for value in event.summary.value:
                    shown = value.metadata.plugin_data.plugin_name == "images" and len(value.tensor.string_val) > 2
                    if shown and event.step >= found.get(value.tag, (0, b""))[0]:
                        found[value.tag] = event.step, value.tensor.string_val[2]  # behind width and height
        except (OSError, DecodeError) as error:
            _logger.warning("%s: what comes behind the damage is left out (%s)", file, error)
    return {name: (step, image) for name, (step, held) in found.items() if (image := _opened(held)) is not None}


def _records(file: Path) -> Iterator[bytes]:
    """The records of a TFRecord file: each has 8 bytes of length and 4 of check sum before it, and 4 behind it."""
    left = os.path.getsize(file)
    with file.open("rb") as stream:
        while len(head := stream.read(12)) == 12:
            (length,) = struct.unpack("<Q4x", head)
            left -= 16 + length
            if left < 0:  # cut short by a kill
                return
            yield stream.read(length)
            stream.read(4)


def _opened(file: bytes) -> Image.Image | None:
    try:
        image = Image.open(io.BytesIO(file), formats=["PNG"])
        image.load()
    except Exception as error:  # a decoder fails in whatever way damaged bytes lead it to
        _logger.warning("a picture in TensorBoard's events is left out: %s", error)
        return None
    return image
