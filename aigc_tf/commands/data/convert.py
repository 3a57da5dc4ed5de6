"""`python -m aigc_tf data convert`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aigc_tf import quiet
from aigc_tf.command_line import check_writable
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.sources import ORIGINALS
from aigc_tf.errors import UserError
from aigc_tf.shell import quoted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command(DataConfig):
    """Bring images of your own into one form, in record files: quick to move, to open and to train on.

    `train.py --dataset records:OUT` trains on them as it would on the source with the same settings. The source is
    never changed.
    """

    dataset: Annotated[Positional[str], arg(metavar="SOURCE", help="folder:PATH, npz:FILE or tfds:NAME.")] = (
        dataclasses.field()
    )
    out: Positional[Path]
    """New folder for the records."""
    data_dir: Path | None = None
    """Folder of prepared data sets, for tfds:NAME."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source not in ORIGINALS:
            given = " or ".join(f"{name}:PLACE" for name in ORIGINALS)
            raise UserError(f"{self.dataset[:80]!r} cannot be converted: give {given}")
        self.check_place_is_told_once()
        if self.out.exists():
            raise UserError(f"{self.out} is there already: give a new folder")
        if self.source == "folder" and self.place.resolve() in self.out.resolve().parents:
            raise UserError(f"{self.out} lies in {self.place}, which is not to be changed: give a folder elsewhere")
        check_writable("OUT", self.out)

    def run(self) -> int:
        quiet.import_tensorflow()
        from aigc_tf.datasets.records import preparing, record_dataset, shards
        from aigc_tf.datasets.sources import prepared

        prepared.make(ORIGINALS[self.source or ""](self), self, self.out)
        about = shards.read_about(self.out)
        for line in preparing.told(about):
            print(line)
        spec = record_dataset.load(self.out, self.licence).spec
        print(
            f"{self.out}: {spec.modality.in_words(spec.shape)}, {spec.num_examples:,} to train on and "
            f"{about['figures']['splits']['test']:,} held out"
            + (f", {spec.num_classes:,} classes" if spec.num_classes else "")
            + f"; train on them with --dataset {quoted(Path(f'records:{self.out}'))}"
        )
        return 0
