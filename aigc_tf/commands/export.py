"""`python -m aigc_tf export`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf import quiet
from aigc_tf.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Command:
    """Publish a run's generator as the next version of a model for TensorFlow Serving."""

    run_folder: Positional[Path]
    """Run folder, logs/<name>."""
    to: Path | None = None
    """Base path of the model, such as models/digits; by default export/<dataset> in the run folder."""
    step: int | None = None
    """Step of the checkpoint to publish; by default the newest."""

    def run(self) -> int:
        run = RunFolder.open(self.run_folder)
        quiet.import_tensorflow()
        from aigc_tf import export

        print(export.publish(run, self.to, self.step))
        return 0
