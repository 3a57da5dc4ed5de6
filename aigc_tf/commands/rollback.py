"""`python -m aigc_tf rollback`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction

from aigc_tf.rollout import labels, moves
from aigc_tf.rollout.servers import Servers


@dataclasses.dataclass(frozen=True)
class Command:
    """Move a label back to the version that it named before."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""
    label: str = "stable"
    """The label to move. A model without labels gets it on the version before its newest."""
    version: int | None = None
    """The version to go back to; by default the last one that the label named before and that was not pruned."""
    servers: OmitArgPrefixes[UseAppendAction[Servers]] = Servers()

    def run(self) -> int:
        version = labels.version_before(self.base, self.label) if self.version is None else self.version
        print(moves.move(self.base, self.label, version, self.servers))
        return 0
