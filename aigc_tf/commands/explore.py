"""`python -m aigc_tf explore`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from aigc_tf import opening
from aigc_tf.run_folder import RunFolder
from aigc_tf.serving.client import labels_of


@dataclasses.dataclass(frozen=True)
class Command:
    """Show on one page what a model can make: walks, classes, principal directions, sweeps, nearest training images.

    The page needs nothing beside itself; its pictures lie beside it as files, walks as GIF and WebP, and each says what
    made it. What a model cannot do is left out with a sentence.
    """

    of: Annotated[Positional[Path], arg(metavar="RUN|EXPORT")]
    """Run folder, logs/<name>, or an export: a version's folder, or the model's base path for its newest version."""
    out: Path | None = None
    """Folder for the page, index.html, and the pictures; by default RUN/exploration, or exploration for an export."""
    seed: int = 0
    """First seed; the same seeds of the same model give the same pictures."""
    of_class: Annotated[str | None, arg(name="class")] = None
    """Class to keep to: its name, or its number from 0; by default all in turn."""
    step: int | Literal["best"] | None = None
    """Step of a run's checkpoint, or best for the best one that was judged in training; by default the newest."""
    data_dir: Path | None = None
    """Folder that holds the data set's files, if not where the run found them."""

    def __post_init__(self) -> None:
        opening.check(self.of, self.step, self.seed)

    def run(self) -> int:
        subject = opening.subject(self.of, self.step)
        from aigc_tf.exploring import exploration

        assert subject.contract is not None  # as for every run and export
        chosen = labels_of(subject.contract, self.of_class)
        out = self.out or (RunFolder(self.of).exploration if subject.kind == "run" else Path("exploration"))
        print(exploration.make(subject, out, self.seed, chosen, self.data_dir))
        return 0
