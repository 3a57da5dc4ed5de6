"""`python -m aigc_tf export`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from shlex import quote
from typing import Literal

from tyro.conf import Positional

from aigc_tf import quiet
from aigc_tf.errors import UserError
from aigc_tf.rollout import labels
from aigc_tf.rollout.server_status import ServerStatus
from aigc_tf.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Command:
    """Publish a run's generator as the next version of a model for TensorFlow Serving."""

    run_folder: Positional[Path]
    """Run folder, logs/<name>."""
    to: Path | None = None
    """Base path of the model, such as models/digits, whose entry in models/models.config is kept in step; by default
    export/<dataset> in the run folder, without such a file."""
    step: int | Literal["best"] | None = None
    """Step of the checkpoint to publish, or best for the best one that was judged in training; by default the
    newest."""
    label: labels.Label | None = None
    """Label that is to name the new version."""
    server: str | None = None
    """HOST:PORT of the server's REST interface: the label moves once the version is available there."""
    server_path: str | None = None
    """Folder of the base paths as the server sees it, such as /models in a container; by default as it is here."""

    def run(self) -> int:
        run = RunFolder.open(self.run_folder)
        if self.to is None and (self.label or self.server_path):
            raise UserError("--label and --server-path go with --to: only a base path of your own has a model config")
        if self.server is not None and self.label is None:
            raise UserError("--server goes with --label: it is asked before a label moves")
        server = None if self.server is None else ServerStatus(self.server)
        if self.to is not None:
            labels.check_assignable(self.to, self.label)
        quiet.import_tensorflow()
        from aigc_tf import export

        version = export.publish(run, self.to, self.step)
        if self.to is not None:
            labels.register(self.to, self.server_path)
            if self.label is not None:
                print(labels.move(self.to, self.label, int(version.name), server))
            elif labels.labels(self.to):
                base = quote(str(self.to))
                print(f"no label names it yet: python -m aigc_tf label {base} canary --version {version.name}")
        print(version)
        return 0
