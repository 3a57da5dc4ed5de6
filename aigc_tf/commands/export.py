"""`python -m aigc_tf export`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Literal

from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction

from aigc_tf import quiet
from aigc_tf.errors import UserError
from aigc_tf.paths import is_pattern
from aigc_tf.rollout import labels, model_config, moves
from aigc_tf.rollout.servers import Servers
from aigc_tf.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Command:
    """Publish a run's model as the next version of a model for TensorFlow Serving."""

    run_folder: Positional[Path]
    """Run folder, logs/<name>."""
    to: Path | None = None
    """Base path of the model, such as models/digits, whose entry in models/models.config is kept in step; by default
    export/<dataset> in the run folder, without such a file."""
    step: int | Literal["best"] | None = None
    """Step of the checkpoint to publish, or best for the best one that was judged in training; by default the
    newest."""
    label: str | None = None
    """Label that is to name the new version."""
    servers: OmitArgPrefixes[UseAppendAction[Servers]] = Servers()
    server_path: str | None = None
    """Folder of the base paths as the server sees it, such as /models in a container; by default as it is here."""

    def run(self) -> int:
        run = RunFolder.open(self.run_folder)
        if self.to is None and (self.label or self.server_path):
            raise UserError("--label and --server-path go with --to: only a base path of your own has a model config")
        if self.servers.server and self.label is None:
            raise UserError("--server goes with --label: it is asked before a label moves")
        if self.to is not None:
            labels.check_assignable(self.to, self.label)
            _check_loadable(self.to, self.server_path)
            self.servers.look({self.to.resolve().name: []})  # who is down is told now, not after the work
        run.choose_kernels()
        quiet.import_tensorflow()
        from aigc_tf import export

        version = export.publish(run, self.to, self.step)
        if self.to is not None:
            labels.register(self.to, self.server_path)
            if self.label is not None:
                print(moves.move(self.to, self.label, int(version.name), self.servers))
            elif labels.labels(self.to):
                print(f"no label names it yet: {moves.command(self.to, 'canary', int(version.name))}")
            if warning := labels.unreadable(self.to):
                print(f"warning: {warning}", file=sys.stderr)
        print(version)
        return 0


def _check_loadable(base: Path, server_path: str | None) -> None:
    """Raise UserError where TensorFlow Serving would find the versions, and could load none of them."""
    entry = model_config.enter(model_config.read(labels.config_file(base)), base, server_path)
    if is_pattern(entry.base_path):
        raise UserError(
            f"TensorFlow Serving takes the path {entry.base_path} for a pattern and could load nothing from it: choose "
            "one without * ? [ \\, or say with --server-path under which it sees the folder"
        )
