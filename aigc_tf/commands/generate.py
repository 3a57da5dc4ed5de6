"""`python -m aigc_tf generate`."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from tqdm import tqdm
from tyro.conf import Positional, arg

from aigc_tf import crew, opening, quiet, terminal
from aigc_tf.command_line import check_writable
from aigc_tf.contract import Contract
from aigc_tf.errors import UserError, unknown
from aigc_tf.modalities import MODALITIES
from aigc_tf.serving.client import (
    Inpainted,
    ProtocolName,
    Row,
    asked,
    connect,
    contract_of,
    rows_of,
    wait_until_available,
)
from aigc_tf.serving.target import ServingError

Make = Callable[[str, Iterator[Row]], Iterator[tuple[Row, bytes]]]
"""Files of rows of the signature that is named, in their order."""

_A_DAY = 86_400
_FILES = [modality.file for modality in MODALITIES.values()]
_FORMATS = (*_FILES, "npz", "grid", "records")
_ABOUT = (
    "a file each (the default), one file of arrays, one sheet for the eye, or record files to train on, with "
    "--dataset records:OUT."
)


@dataclasses.dataclass(frozen=True)
class Command:
    """Make images with a run's model, with an export, or with what a model server serves, and save them.

    The same seed of the same model is the same file, byte for byte, however often and over whichever protocol it is
    asked for, from any server on one kind of processor. A server is TensorFlow Serving, or `python -m aigc_tf serve`.
    """

    of: Annotated[Positional[Path | None], arg(metavar="RUN|EXPORT")] = None
    """Run folder, logs/<name>, or an export: a version's folder, or the model's base path for its newest version."""
    server: str | None = None
    """Address of a server instead, HOST:PORT: its REST port (usually 8501), or with --protocol grpc its gRPC one."""
    model: str | None = None
    """Name of the model on the server, such as digits."""
    out: Path = dataclasses.field(kw_only=True)
    """A folder, for a file each (named by seeds, and by classes with --class) and for records; else a file."""
    format: Annotated[str | None, arg(help=f"{', '.join(_FORMATS)}: {_ABOUT}")] = None
    count: int = 64
    """Images to make."""
    seed: int = 0
    """Seed of the first image; the following images have the following seeds."""
    truncation: float | None = None
    """How varied: from 0 (all alike, and typical) to 1; by default 1. Not every model takes it."""
    guidance: float | None = None
    """How closely led to the class: 1 as learned, more for clearer and less varied images. Not every model takes it."""
    of_class: Annotated[str | None, arg(name="class")] = None
    """Class of the images: its name, its number from 0, or each for all in turn."""
    image: Path | None = None
    """An image file of the model's size, for --inpaint."""
    inpaint: Path | None = None
    """Mask, an image file of that size: where it is white, --image is made anew, and elsewhere kept. Not every model
    can."""
    step: int | Literal["best"] | None = None
    """Step of a run's checkpoint, or best for the best one that was judged in training; by default the newest."""
    protocol: ProtocolName = "rest"
    """How to speak to the server."""
    version: int | None = None
    """Version of the model on the server; by default the newest."""
    label: str | None = None
    """Of a server, the label of a version, such as stable or canary; of a run or an export the same as --class."""
    batch: int | None = None
    """Images that are asked for at once; by default 32 of a server, else 256."""
    workers: int = 1
    """Processes that make them side by side, of a run or an export: the same files, sooner where one leaves processors
    idle. Each opens the model for itself, in some seconds and half a gigabyte."""
    timeout: float = 30.0
    """Seconds that a request may take."""
    wait: float = 10.0
    """Seconds to wait for the model on the server to be AVAILABLE."""

    def __post_init__(self) -> None:
        if (self.of is None) == (self.server is None) or (self.server is None) != (self.model is None):
            raise UserError("give one of: a run folder, an export, or --server HOST:PORT with --model NAME")
        if self.of is not None and (self.version, self.protocol) != (None, "rest"):
            raise UserError("--version and --protocol choose on a server: give --server with them")
        crew.check(self.workers)
        if self.of is None and self.workers > 1:
            raise UserError("--workers share a run or an export: a server divides the work itself")
        if self.of is not None and None not in (self.label, self.of_class):
            raise UserError("--label and --class mean the same of a run or an export: give one of them")
        if (self.image is None) != (self.inpaint is None):
            raise UserError("give both: --inpaint MASK tells which part of --image FILE is made anew")
        opening.check_step(self.of, self.step)
        if self.format is not None and self.format not in _FORMATS:
            raise UserError(unknown(self.format, "formats", _FORMATS))
        if self.format in ("npz", "grid"):
            check_writable("--out", self.out)
        if self.count < 1 or (self.batch is not None and self.batch < 1):
            raise UserError(f"--count {self.count} and --batch {self.batch} must be at least 1")
        if not 0 <= self.seed <= 2**63 - self.count:
            raise UserError(f"--seed {self.seed} must be from 0 to {2**63 - self.count}, so that all seeds are int64")
        if not 0 < self.timeout < _A_DAY or not 0 <= self.wait < _A_DAY:
            raise UserError(f"--timeout {self.timeout:g} and --wait {self.wait:g} must be seconds, less than a day")

    @property
    def _class(self) -> str | None:
        return self.of_class if self.of is None else self.of_class or self.label

    def run(self) -> int:
        with self._opened() as (make, promised):
            seeds = range(self.seed, self.seed + self.count)
            painted = self._inpainted(promised)
            name, rows = rows_of(promised, seeds, self.truncation, self._class, self.guidance, painted)
            kind = MODALITIES[promised.content].file
            if self.format in _FILES and self.format != kind:
                raise UserError(f"--format {self.format} is not what {promised.content}s are kept in: that is {kind}")
            from aigc_tf.serving import outputs

            with tqdm(total=self.count, unit=f" {promised.content}s", leave=False, disable=terminal.no_bar()) as bar:
                order = outputs.Order(
                    promised=promised,
                    rows=rows,
                    count=self.count,
                    make=partial(make, name),
                    done=bar.update,
                )
                outputs.FORMATS[self.format or kind](order, self.out)
        print(f"{self.count} {promised.content}s in {self.out}", file=sys.stderr)
        return 0

    def _inpainted(self, promised: Contract) -> Inpainted | None:
        """What is given of an image, if anything is."""
        if self.image is None or self.inpaint is None:
            return None
        if not promised.named("inpaint"):
            raise UserError(f"this model cannot make a part of a given {promised.content} anew")
        shape = promised.signatures["sample"].outputs[promised.made].row
        modality = MODALITIES[promised.content]
        content, mask = modality.read_one(self.image, shape), modality.read_one(self.inpaint, (*shape[:-1], 1))
        return Inpainted(content, mask)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Make, Contract]]:
        """Who makes, and what is promised."""
        batch = self.batch or (32 if self.of is None else 256)
        if self.of is None:
            assert self.server is not None and self.model is not None  # see `__post_init__`
            if self.protocol == "grpc":
                quiet.import_tensorflow()
            with connect(self.server, self.model, self.protocol, self.version, self.label, self.timeout) as client:
                try:
                    wait_until_available(client, self.wait)
                except ServingError as error:
                    if self.label is None:
                        raise
                    # Of a run --label is a class: who asks a server in the same way waited for a version in vain.
                    hint = "--label names a version of a server's model, --class a class"
                    raise ServingError(error.code, f"{error} ({hint})") from None
                promised = contract_of(client)
                yield lambda name, rows: asked(client, promised, name, rows, batch), promised
            return
        subject = opening.subject(self.of, self.step, self.workers)
        from aigc_tf import side_by_side
        from aigc_tf.serving import local_client

        assert subject.contract is not None
        with side_by_side.processes(self.workers, side_by_side.of(subject)) as several:
            yield partial(local_client.made, several, subject, batch=batch), subject.contract
