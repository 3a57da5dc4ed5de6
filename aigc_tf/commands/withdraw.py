"""`python -m aigc_tf withdraw`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf.rollout import labels


@dataclasses.dataclass(frozen=True)
class Command:
    """Take a model and its labels out of the model config; its versions stay on the disk."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""

    def run(self) -> int:
        labels.withdraw(self.base)
        print(f"{self.base} is no longer in {labels.config_file(self.base)}: servers let go of it once they read that")
        return 0
