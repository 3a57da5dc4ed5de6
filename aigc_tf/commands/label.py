"""`python -m aigc_tf label`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf.rollout import labels
from aigc_tf.rollout.server_status import ServerStatus


@dataclasses.dataclass(frozen=True)
class Command:
    """Let a label (stable, canary) name a version of a model, in the steps that a model server accepts."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""
    label: Positional[labels.Label]
    """The label to move."""
    version: int
    """The version that it is to name."""
    server: str | None = None
    """HOST:PORT of the server's REST interface: the label moves once the version is available there. Without it the
    label moves when the command is given a second time."""

    def run(self) -> int:
        server = None if self.server is None else ServerStatus(self.server)
        print(labels.move(self.base, self.label, self.version, server))
        return 0
