"""`python -m aigc_tf explore`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from aigc_tf import quiet
from aigc_tf.errors import UserError
from aigc_tf.run_folder import RunFolder
from aigc_tf.serving.client import labels_of


@dataclasses.dataclass(frozen=True)
class Command:
    """Show on one page what a run's model, or an export, can make: walks between seeds and classes, its principal
    directions, sweeps of what steers it, and the training images nearest to its samples.

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
        if not 0 <= self.seed < 2**62:
            raise UserError(f"--seed {self.seed} must be at least 0, and less than 2**62")
        if self.step is not None and not self.is_run:
            raise UserError("--step chooses among what a run keeps: give a run folder")

    @property
    def is_run(self) -> bool:
        return (self.of / "config.json").is_file()

    def run(self) -> int:
        run = RunFolder.open(self.of) if self.is_run else None
        if run is not None:
            run.choose_kernels()
        out = self.out or (Path("exploration") if run is None else run.path / "exploration")
        quiet.import_tensorflow()
        from aigc_tf import subjects
        from aigc_tf.exploring import exploration

        subject = subjects.of_export(self.of) if run is None else subjects.of_run(run, self.step)
        assert subject.contract is not None
        chosen = labels_of(subject.contract, self.of_class)
        print(exploration.make(subject, out, self.seed, chosen, self.data_dir))
        return 0
