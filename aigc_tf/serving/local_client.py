"""Asks a model in this process, without a server: a run's, or that of an export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from aigc_tf import crew
from aigc_tf.crew import Crew
from aigc_tf.serving.client import Row, asked
from aigc_tf.side_by_side import Opened
from aigc_tf.subjects import Subject


class LocalClient:
    """Calls functions of a model by the names of their signatures; see `aigc_tf.serving.target.Predictor`."""

    def __init__(self, path: Path, functions: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
        self.target = path
        self._functions = functions

    def predict(self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default") -> dict[str, np.ndarray]:
        rows = {name: tf.constant(values) for name, values in inputs.items()}
        return {name: output.numpy() for name, output in self._functions[signature](**rows).items()}


def made(
    several: Crew[Opened] | None, subject: Subject, name: str, rows: Iterator[Row], batch: int
) -> Iterator[tuple[Row, bytes]]:
    """Rows and their files of a signature, as `client.asked`, from the processes that have opened `subject`."""
    if several is None:
        yield from _made(subject, name, rows, batch)
        return
    for part in several.each(partial(_part, name), crew.in_parts(rows, batch)):
        yield from part


def _part(name: str, opened: Opened, rows: list[Row]) -> list[tuple[Row, bytes]]:
    return list(_made(opened.subject, name, iter(rows), len(rows)))


def _made(subject: Subject, name: str, rows: Iterator[Row], batch: int) -> Iterator[tuple[Row, bytes]]:
    assert subject.contract is not None
    return asked(LocalClient(subject.path, subject.signatures), subject.contract, name, rows, batch)
