"""Arrays as the files of MNIST and its kin hold them: a few bytes of header, then the values."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_tf.errors import UserError


def find(folder: Path, name: str) -> Path | None:
    """The file `name` in `folder`, packed (`name.gz`) or plain; None where there is neither."""
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def read(path: Path, rank: int) -> npt.NDArray[np.uint8]:
    """The array uint8 of an idx file, [N] for rank 1 and [N, H, W] for rank 3; what ends in `.gz` is unpacked first.

    No more is unpacked than the header announces. Raises UserError, naming the file, for anything else.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            start, *shape = struct.unpack(f">{1 + rank}I", file.read(4 + 4 * rank))
            count = math.prod(shape)
            values = file.read(count + 1)
    except (OSError, EOFError, zlib.error, struct.error, OverflowError, MemoryError) as error:
        raise UserError(f"{path} cannot be read as an idx file ({error})") from None
    if start != 0x800 + rank or len(values) != count:  # 8: the values are unsigned bytes
        raise UserError(f"{path} is damaged, or no idx file of {rank} dimensions")
    return np.frombuffer(values, np.uint8).reshape(shape)
