"""A run's model, or an export, as a server beside the page: by the stand-in for TensorFlow Serving, and only for it."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import tensorflow as tf
from starlette.types import ASGIApp

from aigc_tf import contract
from aigc_tf.checkpoints import load_model
from aigc_tf.contract import Contract
from aigc_tf.errors import StorageError, UserError
from aigc_tf.export import contents
from aigc_tf.playground import places
from aigc_tf.run_folder import RunFolder
from aigc_tf.serving import rest
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.metrics import Metrics
from aigc_tf.serving.model_config import ServedModel
from aigc_tf.serving.models import Models


@dataclasses.dataclass(frozen=True)
class LocalModel:
    """A base path with one version in it, under the name that the model goes by."""

    name: str
    version: int
    base: Path
    promised: Contract

    @property
    def path(self) -> str:
        """Where it is below a server's address."""
        return f"/v1/models/{quote(self.name, safe='')}/versions/{self.version}"

    @contextlib.asynccontextmanager
    async def serving(self, limits: Limits) -> AsyncIterator[ASGIApp]:
        """The stand-in's REST interface to it. Raises UserError where it cannot be loaded."""
        tf.get_logger().setLevel(logging.ERROR)  # it calls the loader that TensorFlow Serving uses deprecated
        logging.getLogger("aigc_tf.serving").setLevel(logging.ERROR)
        metrics = Metrics()
        models = Models(lambda: {self.name: ServedModel(self.name, self.base)}, limits, metrics)
        try:
            await models.refresh()
            (version,) = models.versions(self.name)
            if version.error is not None:
                raise UserError(f"{self.name} cannot be loaded: {version.error.message}")
            yield rest.application(models, limits, metrics)
        finally:
            await models.close()


@contextlib.contextmanager
def of_run(run: RunFolder, step: int | Literal["best"] | None) -> Iterator[LocalModel]:
    """A checkpoint of a run, chosen as for `load_model`, exported for as long as the block lasts; its version is its
    step. Raises UserError where there is no such checkpoint."""
    model = load_model(run, step)
    name, version = run.read_config().data_name, int(model.step.numpy())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model", str(version))
        folder.mkdir(parents=True)
        try:
            promised = contents.write(model, run, name, folder)
        except tf.errors.OpError as error:
            raise StorageError(f"the model could not be written to {folder}: {error.message}") from None
        yield LocalModel(name, version, folder.parent, promised)


@contextlib.contextmanager
def of_export(folder: Path) -> Iterator[LocalModel]:
    """The version in that folder; it is number 1 where its folder has no number."""
    number = int(folder.name) if folder.name.isdecimal() else 1
    with tempfile.TemporaryDirectory() as scratch:
        link = Path(scratch, "model", str(number))
        link.parent.mkdir()
        link.symlink_to(folder.resolve())
        yield LocalModel(places.base_path(folder).name, number, link.parent, contract.of_export(folder))
