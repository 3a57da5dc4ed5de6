"""Weights of a classifier, and other arrays, on disk: a plain .npz, which runs no code when it is read."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from aigc_tf.atomic_files import write_atomically

T = TypeVar("T")

# What NumPy raises for files that are no archive of plain arrays, by their first bytes.
_NOT_OURS = (ValueError, TypeError, AttributeError, NotImplementedError)
_ACCURACY = "held_out_accuracy"  # lies in the file beside the weights


def weights_hash(weights: Mapping[str, np.ndarray]) -> str:
    """ "sha256:<64 hex digits>" of names, shapes and little-endian float32 bytes, in whatever order they come."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], dtype="<f4")
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.tobytes())
    return f"sha256:{digest.hexdigest()}"


def save(path: Path, weights: Mapping[str, np.ndarray], held_out_accuracy: float) -> None:
    """Write float32 arrays and the accuracy to `path`, as `write_arrays` does."""
    described = {_ACCURACY: np.float64(held_out_accuracy), "hash": np.array(weights_hash(weights))}
    write_arrays(path, {**weights, **described})


def load(path: Path) -> tuple[dict[str, np.ndarray], float]:
    """The weights (float32, by name) and the held-out accuracy in [0, 1] of a file that `save` wrote.

    Raises FileNotFoundError or NotADirectoryError where there is none, and ValueError for a file that is damaged or
    none of ours.
    """
    arrays = read_arrays(path)
    try:
        held_out_accuracy, recorded = float(arrays.pop(_ACCURACY)), str(arrays.pop("hash"))
        found = weights_hash(arrays)
    except (KeyError, *_NOT_OURS) as error:
        raise ValueError(f"{path} holds no readable classifier weights ({type(error).__name__}: {error})") from error
    if found != recorded:
        raise ValueError(f"{path} is damaged: its weights have the hash {found}, it was written with {recorded}")
    return arrays, held_out_accuracy


def kept(
    path: Path,
    read: Callable[[Path], T],
    make: Callable[[], T],
    write: Callable[[Path, T], None],
    anew: str,
    lost: str,
) -> T:
    """What `read` finds at `path`, else what `make` makes, which `write` then keeps there.

    A damaged file (ValueError) is made anew with a warning that ends in `anew`; where nothing can be written (OSError)
    a warning begins with `lost`.
    """
    try:
        return read(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except ValueError as error:
        warnings.warn(f"{error}; {anew}", stacklevel=3)
    made = make()
    try:
        write(path, made)
    except OSError as error:
        warnings.warn(f"{lost}: {error}", stacklevel=3)
    return made


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name to the .npz `path`, whole or not at all; folders are made. Raises OSError."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_atomically(path, content.getvalue(), shared=True)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name; no code in it is run.

    Raises FileNotFoundError or NotADirectoryError where there is none, and ValueError for a file that is damaged (the
    archive carries a checksum of each array) or no archive of plain arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, *_NOT_OURS) as error:
        raise ValueError(f"{path} holds no readable arrays ({type(error).__name__}: {error})") from error
