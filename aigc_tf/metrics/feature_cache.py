"""What an extractor saw in images that do not change, kept between evaluations.

One .npz of plain arrays a set of images, named by all that decides what is in it. Anything wrong with a file, or with
the place, costs a warning and the time to look again, never the evaluation.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np

from aigc_tf.metrics import weights_file
from aigc_tf.metrics.evidence import Observations

VERSION = 1  # of the code that looks: raise it when the same extractor sees something else in the same images
FIELDS = ("features", "probabilities", "extractor_probabilities")


def path(cache: Path, extractor_hash: str, resizer: str, content: str) -> Path:
    """The file, below `cache`, for what that extractor sees in the images whose content hash is `content`."""
    import tensorflow as tf  # here, as measuring does without it; other versions round other last digits

    decides = f"{VERSION} {tf.__version__} {extractor_hash} {resizer} {content}"
    return cache / "features" / f"{hashlib.sha256(decides.encode()).hexdigest()[:32]}.npz"


def read(path: Path, count: int) -> Observations | None:
    """What was seen of `count` images; None where there is no such file, and, with a warning, for a damaged one."""
    try:
        arrays = weights_file.read_arrays(path)
        if unknown := arrays.keys() - set(FIELDS):
            raise ValueError(f"{path} holds {', '.join(sorted(unknown))}, which nobody sees in images")
        features, probabilities, others = (arrays.get(name) for name in FIELDS)
        seen = Observations(features, probabilities, extractor_probabilities=others)
        if len(seen) != count:
            raise ValueError(f"{path} tells of {len(seen)} images, expected {count}")
        return seen
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        warnings.warn(f"{error}; the images are looked at anew", stacklevel=3)
        return None


def write(path: Path, seen: Observations) -> None:
    """Keep `seen` as `path`, whole or not at all; a warning where that is impossible."""
    arrays: dict[str, np.ndarray] = {field: array for field in FIELDS if (array := getattr(seen, field)) is not None}
    try:
        weights_file.write_arrays(path, arrays)
    except OSError as error:
        warnings.warn(f"features could not be kept, and will be computed again: {error}", stacklevel=3)
