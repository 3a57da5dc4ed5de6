"""Which classes are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigc_tf.contract import Contract


def in_turn(promised: Contract, rows: int, chosen: Sequence[int]) -> np.ndarray | None:
    """Labels int64 [rows]: those that are chosen, in turn, or all where none is; None for a model that takes none."""
    known = promised.num_classes
    return np.resize(np.array(chosen or range(known), np.int64), rows) if known else None
