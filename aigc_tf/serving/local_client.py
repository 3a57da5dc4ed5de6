"""Asks a model in this process, without a server: a run's, or that of an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


class LocalClient:
    """Calls functions of a model by the names of their signatures; see `aigc_tf.serving.target.Predictor`."""

    def __init__(self, path: Path, functions: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
        self.target = path
        self._functions = functions

    def predict(self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default") -> dict[str, np.ndarray]:
        rows = {name: tf.constant(values) for name, values in inputs.items()}
        return {name: output.numpy() for name, output in self._functions[signature](**rows).items()}
