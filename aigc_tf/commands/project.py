"""`python -m aigc_tf project`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from aigc_tf import opening
from aigc_tf.errors import UserError
from aigc_tf.paths import make_folder
from aigc_tf.serving.client import labels_of


@dataclasses.dataclass(frozen=True)
class Command:
    """Find the vector of which a model makes a given image, as nearly as it can.

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
        opening.check(self.of, self.step, self.seed)

    def run(self) -> int:
        subject = opening.subject(self.of, self.step)
        import tensorflow as tf

        from aigc_tf.exploring import projecting
        from aigc_tf.exploring.decoder import Decoder
        from aigc_tf.reference import progress_bar

        tf.config.experimental.enable_op_determinism()  # the same seed, the same files
        if subject.modality.name != "image":
            raise UserError(f"{subject.modality.name}s cannot be projected: only images can")
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
