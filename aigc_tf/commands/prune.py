"""`python -m aigc_tf prune`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf.rollout import labels


@dataclasses.dataclass(frozen=True)
class Command:
    """Remove old versions of a model, but none that a label names."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""
    keep: int = 3
    """Newest versions that stay in any case."""

    def run(self) -> int:
        removed = labels.prune(self.base, self.keep)
        print(f"removed: {', '.join(map(str, removed)) or 'none'}")
        return 0
