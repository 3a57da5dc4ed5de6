"""`python -m aigc_tf label`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction

from aigc_tf.rollout import moves
from aigc_tf.rollout.servers import Servers


@dataclasses.dataclass(frozen=True)
class Command:
    """Let a label (stable, canary, any name) name a version of a model, in the steps that model servers accept."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""
    label: Positional[str]
    """The label to move."""
    version: int
    """The version that it is to name."""
    servers: OmitArgPrefixes[UseAppendAction[Servers]] = Servers()

    def run(self) -> int:
        print(moves.move(self.base, self.label, self.version, self.servers))
        return 0
