"""`python -m aigc_tf prune`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional, UseAppendAction

from aigc_tf.rollout import labels
from aigc_tf.rollout.servers import Servers


@dataclasses.dataclass(frozen=True)
class Command:
    """Remove old versions of a model, but none that a label names, left last or would go back to."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""
    keep: int = 3
    """Newest versions that stay in any case."""
    server: UseAppendAction[tuple[str, ...]] = ()
    """HOST:PORT of a server's REST interface, once for each: what it has in memory stays too. A name stands for all its
    addresses."""

    def run(self) -> int:
        removed = labels.prune(self.base, self.keep, Servers(self.server))
        print(f"removed: {', '.join(map(str, removed)) or 'none'}")
        return 0
