"""`python -m aigc_tf project`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from aigc_tf import quiet
from aigc_tf.errors import UserError
from aigc_tf.paths import make_folder
from aigc_tf.run_folder import RunFolder
from aigc_tf.serving.client import labels_of


@dataclasses.dataclass(frozen=True)
class Command:
    """Find the vector that a run's model, or an export, makes a given image of, as nearly as it can.

    It writes what the model makes of the vector, that beside the image and their difference, and both the vector and
    the distance as JSON: the signature of the model that decodes takes the vector as it stands there.
    """

    image: Positional[Path]
    """An image file of the model's size."""
    of: Annotated[Path, arg(metavar="RUN|EXPORT")] = dataclasses.field(kw_only=True)
    """Run folder, logs/<name>, or an export: a version's folder, or the model's base path for its newest version."""
    out: Path | None = None
    """Folder for the files; by default one beside the image, named after it."""
    of_class: Annotated[str | None, arg(name="class")] = None
    """Class of the image: its name, or its number from 0; by default the one that comes nearest."""
    seed: int = 0
    """The first of the seeds that the search begins with; the same ones give the same files."""
    step: int | Literal["best"] | None = None
    """Step of a run's checkpoint, or best for the best one that was judged in training; by default the newest."""

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
        tf = quiet.import_tensorflow()
        tf.config.experimental.enable_op_determinism()  # the same seed, the same files
        from aigc_tf import subjects
        from aigc_tf.exploring import projecting
        from aigc_tf.exploring.decoder import Decoder
        from aigc_tf.reference import progress_bar

        subject = subjects.of_export(self.of) if run is None else subjects.of_run(run, self.step)
        decoder = Decoder.of(subject)
        if decoder is None:
            raise UserError(f"{self.of} makes nothing of vectors, so no image has one there: give a model that decodes")
        numbers = subject.modality.read_one(self.image, decoder.shape)
        chosen = labels_of(decoder.promised, self.of_class)
        out = self.out or self.image.with_name(f"{self.image.stem}-projected")
        make_folder(out)
        with progress_bar("searching", projecting.STEPS, unit=" steps") as progress:
            found = projecting.project(decoder, numbers, self.seed, chosen, progress)
        *_, told = projecting.write(out, decoder, self.image, numbers, self.seed, found)
        print(f"distance {found.distance:.3g}, of random vectors {found.typical:.3g} ({projecting.UNIT})")
        print(told)
        return 0
