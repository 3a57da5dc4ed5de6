"""One model asked by several processes: each opens it, and what is asked of it is divided among them where it falls
into batches anyway. So the answers are those of one process, bit for bit.

What starts the processes imports no TensorFlow: they choose its kernels themselves, see `crew`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aigc_tf import crew, quiet
from aigc_tf.crew import Crew
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor
from aigc_tf.modalities.modality import Judges

if TYPE_CHECKING:
    from aigc_tf.families.model import Weights
    from aigc_tf.subjects import Subject

_KILLED = "a process that samples or looks was killed, perhaps for want of memory: take fewer --workers"

Who = Literal["extractor", "classifier"]


@dataclasses.dataclass(frozen=True)
class Opener:
    """How a process comes to what it is asked of.

    Attributes:
        kind, path, step, weights: of the model, see `Subject`.
        deterministic: compute the same bits each time, as judging does.
        data: loads the data whose judges look; None where nobody looks.
        dataset, extractor: their name, and which judges, see `Modality.judges`.
    """

    kind: Literal["run", "export", "samples"]
    path: Path
    step: int | None
    weights: Weights | None
    deterministic: bool = False
    data: Callable[[], Dataset] | None = None
    dataset: str = ""
    extractor: str | None = None

    def __call__(self, number: int) -> Opened:
        tf = quiet.import_tensorflow()
        from aigc_tf import devices

        devices.share(number)
        if self.deterministic:
            tf.config.experimental.enable_op_determinism()
        return Opened(self)


class Opened:
    """What a process of a crew holds: the model, and its judges, each opened when it is first asked."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    @cached_property
    def subject(self) -> Subject:
        from aigc_tf import subjects
        from aigc_tf.run_folder import RunFolder

        path, step = self._opener.path, self._opener.step
        if self._opener.kind == "export":
            return subjects.of_export(path)
        return subjects.of_run(RunFolder(path), step, self._opener.weights or "ema")

    @cached_property
    def judges(self) -> Judges:
        assert self._opener.data is not None  # or else nobody looks
        data = self._opener.data()
        return data.spec.modality.judges(self._opener.extractor, self._opener.dataset, data, unsaid)


def of(subject: Subject, **others: Any) -> Opener:
    """Opens the same model elsewhere; `others` as for `Opener`."""
    return Opener(subject.kind, subject.path, subject.step, subject.weights, **others)


def unsaid(line: str) -> None:
    """Says nothing: one process has said it for all."""


@contextmanager
def processes(workers: int, opener: Opener) -> Iterator[Crew[Opened] | None]:
    """So many processes; None for a single one, which is this. Raises as `crew.crew` does."""
    if workers == 1:
        yield None
        return
    with crew.crew(workers, opener, _KILLED) as several:
        yield several


def asked_of(several: Crew[Opened] | None, subject: Subject) -> Subject:
    """`subject`, whose answers come from these processes."""
    return subject if several is None else dataclasses.replace(subject, answered=partial(several.each, _answer))


def seen_by(several: Crew[Opened] | None, judges: Judges) -> Judges:
    """`judges`, who look in these processes."""
    if several is None or judges.extractor is None:
        return judges
    extractor, classifier = _divided(several, judges.extractor, "extractor"), judges.classifier
    if classifier is judges.extractor:
        return Judges(extractor, extractor)
    return Judges(extractor, None if classifier is None else _divided(several, classifier, "classifier"))


def _divided(several: Crew[Opened], eyes: Extractor, who: Who) -> Extractor:
    return dataclasses.replace(eyes, looks=partial(several.each, partial(_look, who)))


def _answer(opened: Opened, asked: tuple[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return opened.subject.answers(*asked)


def _look(who: Who, opened: Opened, images: np.ndarray) -> Observations:
    judge: Extractor = getattr(opened.judges, who)
    return judge.look(images)
