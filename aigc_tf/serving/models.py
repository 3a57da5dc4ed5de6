"""The versions in memory, and how they follow the base paths and the model config: load, swap, unload."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from grpc import StatusCode

from aigc_tf.errors import UserError
from aigc_tf.serving.batching import Batcher
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.loaded_export import LoadedExport, LoadError
from aigc_tf.serving.metrics import Metrics
from aigc_tf.serving.model_config import ServedModel
from aigc_tf.serving.request_error import RequestError, invalid
from aigc_tf.serving.signature import ServedSignature

logger = logging.getLogger(__name__)
_POLL_SECONDS = 1.0  # as TensorFlow Serving


@dataclasses.dataclass(eq=False)
class Version:
    """One version of a model, from its first sight to its end.

    Attributes:
        state: LOADING, AVAILABLE, UNLOADING or END, as TensorFlow Serving names them.
        error: why it could not be loaded; it is END then.
    """

    number: int
    state: str = "LOADING"
    error: RequestError | None = None
    export: LoadedExport | None = None
    batchers: Mapping[str, Batcher] = dataclasses.field(default_factory=dict)
    users: int = 0
    folder_id: tuple[int, ...] = ()

    async def predict(self, signature: ServedSignature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs [N, ...] for inputs [N, ...] that are checked already."""
        return await self.batchers[signature.name].answer(inputs)


@dataclasses.dataclass(eq=False)
class _Model:
    versions: dict[int, Version] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)


class Models:
    """All models of a server. Its state belongs to the event loop; files are read in a thread of their own."""

    def __init__(self, read_config: Callable[[], dict[str, ServedModel]], limits: Limits, metrics: Metrics) -> None:
        self._read_config = read_config
        self._config = read_config()
        self._limits = limits
        self._metrics = metrics
        self._models = {name: _Model(labels=config.labels) for name, config in self._config.items()}
        self._num_workers = os.cpu_count() or 1
        self._workers = ThreadPoolExecutor(self._num_workers, "predict")
        self._files = ThreadPoolExecutor(1, "load")
        self._unloading: set[asyncio.Task] = set()
        self._warned: set[str] = set()

    def versions(self, name: str, number: int | None = None) -> list[Version]:
        """All versions ever seen of a model, newest first, or the one that is asked for. RequestError: NOT_FOUND.

        A label chooses none here: TensorFlow Serving passes over it when it is asked for a status.
        """
        versions = self._models.get(name, _Model()).versions
        if number is not None:
            if number not in versions:
                raise RequestError(StatusCode.NOT_FOUND, f"Could not find version {number} of model {name}")
            return [versions[number]]
        if not versions:
            raise RequestError(StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
        return [versions[found] for found in sorted(versions, reverse=True)]

    @contextlib.contextmanager
    def use(self, name: str, number: int | None = None, label: str = "") -> Iterator[Version]:
        """The available version that a request means, the newest by default; it stays in memory inside the block."""
        if not name:
            raise invalid("ModelSpec has no name specified.")
        model = self._models.get(name, _Model())
        number = self._number(model, number, label)
        available = {found: version for found, version in model.versions.items() if version.state == "AVAILABLE"}
        chosen = max(available, default=None) if number is None else number
        if chosen not in available:
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise RequestError(StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
        version = available[chosen]
        version.users += 1
        try:
            yield version
        finally:
            version.users -= 1

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def available(self) -> dict[str, list[int]]:
        """Numbers of the available versions by model."""
        return {
            name: sorted(version.number for version in model.versions.values() if version.state == "AVAILABLE")
            for name, model in self._models.items()
        }

    async def watch(self) -> None:
        """Follow the base paths and the config, until cancelled."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self.refresh()
            except Exception:  # a bug of ours; what is loaded goes on
                logger.exception("looking for versions failed")

    async def refresh(self) -> None:
        """Look once: move the labels, then load what is new, then let go of what is not wanted any more.

        As TensorFlow Serving by default: where all folders of versions are gone, all versions go. A base path that
        cannot be read changes nothing.
        """
        try:
            self._take(await self._in_thread(self._read_config))
        except UserError as error:
            self._warn(f"{error}; the last good one stays in force")
        for name, config in self._config.items():
            model = self._models[name]
            try:
                wanted = await self._in_thread(config.wanted)
            except OSError as error:
                self._warn(f"cannot look for versions of {name} in {config.base}: {error.strerror}")
                continue
            for number, folder in wanted.items():
                await self._load_if_new(name, model, number, folder)
            available = {found for found, version in model.versions.items() if version.state == "AVAILABLE"}
            unwanted = sorted(available - wanted.keys())
            if wanted and not available & wanted.keys():
                unwanted = unwanted[:-1]  # the newest of the old ones is better than none
            self._unload(name, model, unwanted)
        for name, model in self._models.items():
            if name not in self._config:
                self._unload(name, model, set(model.versions))

    async def close(self) -> None:
        """Let everything go; no request may be under way."""
        for name, model in self._models.items():
            self._unload(name, model, set(model.versions))
        await asyncio.gather(*self._unloading)
        self._workers.shutdown()
        self._files.shutdown()

    def _number(self, model: _Model, number: int | None, label: str) -> int | None:
        if not label:
            return number
        if label not in model.labels:
            raise invalid(f"Unrecognized servable version label: {label}")
        return model.labels[label]

    async def _load_if_new(self, name: str, model: _Model, number: int, folder: Path) -> None:
        try:
            folder_id = await self._in_thread(_identity, folder)
        except OSError:
            return  # it went away after it was listed
        known = model.versions.get(number)
        if known is not None and (known.state != "END" or (known.error and known.folder_id == folder_id)):
            return
        version = model.versions[number] = Version(number, folder_id=folder_id)
        try:
            export = await self._in_thread(LoadedExport, folder, self._limits.max_rows)
        except Exception as error:  # whatever is wrong with an export, the other versions go on
            version.state, version.error = "END", _load_error(error)
            self._metrics.loads.labels(str(folder), "fail").inc()
            logger.warning(f"version {number} of {name} was not loaded: {version.error.message}")
            return
        version.batchers = {key: self._batcher(name, export, signature) for key, signature in export.signatures.items()}
        version.export, version.state = export, "AVAILABLE"
        self._metrics.loads.labels(str(folder), "success").inc()
        logger.info(f"version {number} of {name} is available")

    def _batcher(self, name: str, export: LoadedExport, signature: ServedSignature) -> Batcher:
        def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return export.run(signature, inputs)

        size = self._metrics.batch_size.labels(name, signature.name)
        queuing = self._metrics.queuing.labels(name, signature.name)

        def count_batch(rows: int, seconds_waited: list[float]) -> None:
            size.observe(rows)
            for seconds in seconds_waited:
                queuing.observe(seconds * 1e6)

        return Batcher(run, self._limits, self._workers, self._num_workers, count_batch)

    def _take(self, config: dict[str, ServedModel]) -> None:
        """Let a config rule, or raise UserError where it moves a label to a version that is not available.

        TensorFlow Serving checks this before it looks at the versions to load, and refuses the whole config. A label
        that it does not know yet may name any version, with `--allow_version_labels_for_unavailable_models`.
        """
        available = self.available()
        for name, wanted in config.items():
            known = self._models.setdefault(name, _Model())
            for label, number in wanted.labels.items():
                if known.labels.get(label, number) != number and number not in available.get(name, ()):
                    raise UserError(f"label {label} of {name} cannot move to version {number}, which is not available")
        self._config = config
        for name, model in self._models.items():
            model.labels = config[name].labels if name in config else {}

    def _unload(self, name: str, model: _Model, numbers: Iterable[int]) -> None:
        for version in (model.versions[number] for number in numbers):
            if version.state == "AVAILABLE":
                version.state = "UNLOADING"
                task = asyncio.get_running_loop().create_task(self._let_go(name, version))
                self._unloading.add(task)
                task.add_done_callback(self._unloading.discard)

    async def _let_go(self, name: str, version: Version) -> None:
        while version.users:
            await asyncio.sleep(0.01)
        assert version.export is not None
        await self._in_thread(version.export.close)
        version.export, version.batchers, version.state = None, {}, "END"
        logger.info(f"version {version.number} of {name} is unloaded")

    async def _in_thread(self, function: Callable, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._files, function, *arguments)

    def _warn(self, message: str) -> None:
        """What would be said at every look is said once."""
        if message not in self._warned:
            self._warned.add(message)
            logger.warning(message)


def _identity(folder: Path) -> tuple[int, ...]:
    """Changes when the folder is replaced by another one of its name."""
    status = folder.stat()
    return status.st_ino, status.st_ctime_ns


def _load_error(error: Exception) -> RequestError:
    if isinstance(error, tf.errors.OpError):
        return RequestError.of_number(error.error_code, error.message)
    if isinstance(error, LoadError):
        return RequestError(StatusCode.FAILED_PRECONDITION, str(error))
    if isinstance(error, OSError):
        return RequestError(StatusCode.NOT_FOUND, str(error))
    return RequestError(StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
