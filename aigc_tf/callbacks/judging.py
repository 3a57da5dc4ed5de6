"""Judges the model while it trains: keeps the best checkpoint and notices a collapse."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from aigc_tf import json_lines
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.checkpoints import Checkpoints
from aigc_tf.errors import CollapsedError
from aigc_tf.metrics.collapse import distance, symptoms

_logger = logging.getLogger("aigc_tf")


class Judging(StepCallback):
    """Every `every` steps: figures to TensorBoard (under `evaluation/`) and to `file`, the best checkpoint kept.

    Attributes:
        collapsed: whether training was ended because of a collapse, with `on_collapse` "best".
    """

    def __init__(
        self,
        judge: Callable[[], dict[str, Any]],
        every: int,
        on_collapse: str,
        writer: tf.summary.SummaryWriter,
        file: Path,
        checkpoints: Checkpoints,
    ) -> None:
        super().__init__()
        self._judge, self._every, self._on_collapse = judge, every, on_collapse
        self._writer, self._file, self._checkpoints = writer, file, checkpoints
        self.collapsed = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._before = {line["step"]: line["measures"] for _, line in json_lines.read(self._file) if "measures" in line}

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if step % self._every:
            return
        self._checkpoints.check_finite()  # else a judge would find NaN first, and call it a person's mistake
        record = self._judge()
        now = {name: figure["value"] for name, figure in record["measures"].items()}
        with self._writer.as_default(step=step):
            for name, value in now.items():
                tf.summary.scalar(f"evaluation/{name}", value)
        # Held against the one that is kept, which need not be the best so far: going back can take that away.
        kept = self._before.get(self._checkpoints.best_step)
        if kept is None or distance(now) < distance(kept):
            self._checkpoints.save_best()
        with open(self._file, "a") as file:
            file.write(json.dumps({"step": step, "measures": now, "warnings": record["warnings"]}) + "\n")
        num_classes = int(record["measures"]["class_coverage"]["reference"]) if "class_coverage" in now else 0
        found = symptoms(now, list(self._before.values()), num_classes)
        self._before[step] = now
        if found:
            self._tell(step, "; ".join(found))

    def _tell(self, step: int, found: str) -> None:
        message = f"the model seems to have collapsed at step {step}: {found}"
        if self._on_collapse == "stop":
            self._checkpoints.save()
            raise CollapsedError(f"{message}. The best checkpoint is of step {self._checkpoints.best_step}")
        _logger.warning("%s (the best checkpoint is of step %s)", message, self._checkpoints.best_step)
        if self._on_collapse == "best":
            self.collapsed = self.model.stop_training = True
