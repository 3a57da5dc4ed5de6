"""`python -m aigc_tf rollback`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf.rollout import labels
from aigc_tf.rollout.server_status import ServerStatus


@dataclasses.dataclass(frozen=True)
class Command:
    """Move a label back to the version that it named before."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""
    label: labels.Label = "stable"
    """The label to move. A model without labels gets it on the version before its newest."""
    version: int | None = None
    """The version to go back to; by default the last one that the label named before and that was not pruned."""
    server: str | None = None
    """HOST:PORT of the server's REST interface: the label moves once the version is available there. Without it the
    label moves when the printed command is given."""

    def run(self) -> int:
        server = None if self.server is None else ServerStatus(self.server)
        version = labels.version_before(self.base, self.label) if self.version is None else self.version
        print(labels.move(self.base, self.label, version, server))
        return 0
