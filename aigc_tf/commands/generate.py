"""`python -m aigc_tf generate`."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from pathlib import Path
from typing import Annotated

from tqdm import tqdm
from tyro.conf import arg

from aigc_tf.errors import UserError
from aigc_tf.modalities import MODALITIES
from aigc_tf.serving.client import (
    ProtocolName,
    connect,
    contract_of,
    generate,
    labels_of,
    save,
    wait_until_available,
)

_A_DAY = 86_400


@dataclasses.dataclass(frozen=True)
class Command:
    """Ask a model server for images, and save them in files named by their seeds (and classes, with --class).

    The server is TensorFlow Serving, or `python -m aigc_tf serve`. The same seed of the same model is the same file,
    byte for byte, however often and over whichever protocol it is asked for, from any server on one kind of processor.
    """

    server: str
    """Address of the server, HOST:PORT: its REST port (usually 8501), or with --protocol grpc its gRPC port (8500)."""
    model: str
    """Name of the model on the server, such as digits."""
    out: Path
    """Folder for the images, made if missing."""
    count: int = 64
    """Images to make."""
    seed: int = 0
    """Seed of the first image; the following images have the following seeds."""
    truncation: float | None = None
    """How varied: from 0 (all alike, and typical) to 1; by default 1. Not every model takes it."""
    guidance: float | None = None
    """How closely led to the class: 1 as learned, more for clearer and less varied images. Not every model takes it."""
    of_class: Annotated[str | None, arg(name="class")] = None
    """Class of the images: its name, its number from 0, or each for all in turn (--label names a version)."""
    protocol: ProtocolName = "rest"
    """How to speak to the server."""
    version: int | None = None
    """Version of the model; by default the newest."""
    label: str | None = None
    """Label of a version, such as stable or canary."""
    batch: int = 32
    """Images in a request."""
    timeout: float = 30.0
    """Seconds that a request may take."""
    wait: float = 10.0
    """Seconds to wait for the model to be AVAILABLE."""

    def run(self) -> int:
        if self.count < 1 or self.batch < 1:
            raise UserError(f"--count {self.count} and --batch {self.batch} must be at least 1")
        if not 0 <= self.seed <= 2**63 - self.count:
            raise UserError(f"--seed {self.seed} must be from 0 to {2**63 - self.count}, so that all seeds are int64")
        if not 0 < self.timeout < _A_DAY or not 0 <= self.wait < _A_DAY:
            raise UserError(f"--timeout {self.timeout:g} and --wait {self.wait:g} must be seconds, less than a day")
        if self.protocol == "grpc":
            from aigc_tf import quiet

            quiet.import_tensorflow()
        with connect(self.server, self.model, self.protocol, self.version, self.label, self.timeout) as client:
            wait_until_available(client, self.wait)
            promised = contract_of(client)
            labels = labels_of(promised, self.of_class)
            seeds = range(self.seed, self.seed + self.count)
            steering = {"truncation": self.truncation, "guidance": self.guidance}
            made = generate(client, seeds, self.batch, label=self.of_class, promised=promised, **steering)
            try:
                self.out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"cannot save images in --out {self.out}: {error.strerror}") from None
            unit, suffix = f" {promised.content}s", MODALITIES[promised.content].suffix
            ends = itertools.cycle([f"-{label}{suffix}" for label in labels] or [suffix])
            shown = tqdm(made, total=self.count, unit=unit, leave=False, disable=None)
            for (seed, file), end in zip(shown, ends):
                save(self.out, f"{seed:08d}{end}", file)
        print(f"{self.count} {promised.content}s in {self.out}", file=sys.stderr)
        return 0
