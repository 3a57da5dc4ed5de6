"""`python -m aigc_tf report`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Command:
    """Write RUN/report.html, as a training does when it ends: curves, how the samples came to be, figures, settings,
    data, and how to use the model, on one page that needs nothing beside itself. For a run that was stopped, and for
    what was judged or published since."""

    run_folder: Positional[Path]
    """Folder of a run."""

    def run(self) -> int:
        run = RunFolder.open(self.run_folder)
        from aigc_tf.report import run_page

        run_page.write(run)
        print(run.page_file)
        return 0
