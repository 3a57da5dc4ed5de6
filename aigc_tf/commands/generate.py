"""`python -m aigc_tf generate`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from tqdm import tqdm

from aigc_tf.errors import UserError
from aigc_tf.serving.client import ProtocolName, connect, generate, save, wait_until_available

_A_DAY = 86_400


@dataclasses.dataclass(frozen=True)
class Command:
    """Ask a model server for images, and save them as PNGs named by their seeds.

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
    """Scale of the latents, 0 to 1: smaller is more typical and less varied; by default the whole range."""
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
        if self.truncation is not None and not 0 <= self.truncation <= 1:
            raise UserError(f"--truncation {self.truncation} must be from 0 to 1")
        if not 0 < self.timeout < _A_DAY or not 0 <= self.wait < _A_DAY:
            raise UserError(f"--timeout {self.timeout:g} and --wait {self.wait:g} must be seconds, less than a day")
        if self.protocol == "grpc":
            from aigc_tf import quiet

            quiet.import_tensorflow()
        with connect(self.server, self.model, self.protocol, self.version, self.label, self.timeout) as client:
            wait_until_available(client, self.wait)
            try:
                self.out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"cannot save images in --out {self.out}: {error.strerror}") from None
            seeds = range(self.seed, self.seed + self.count)
            images = generate(client, seeds, self.batch, self.truncation)
            for seed, png in tqdm(images, total=self.count, unit=" images", leave=False, disable=None):
                save(self.out, seed, png)
        print(f"{self.count} images in {self.out}", file=sys.stderr)
        return 0
