"""Judges a run, an export or a folder of images against what the model was never trained on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aigc_tf import evaluation_record, side_by_side, subjects
from aigc_tf.datasets import loading
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.errors import UserError
from aigc_tf.families import FAMILIES
from aigc_tf.families.model import GenerativeModel
from aigc_tf.metrics import ASKING, METRICS, SCORED
from aigc_tf.metrics.evidence import Evidence
from aigc_tf.metrics.judge import judge
from aigc_tf.reference import Progress, Reference, progress_bar
from aigc_tf.run_folder import RunFolder
from aigc_tf.subjects import Subject, spread_labels

MOST_SAMPLES = 10_000
_SAMPLES_WHERE_QUICK = 2_000


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The figures with all their circumstances, ready for JSON, and what they were made from."""

    record: dict[str, Any]
    evidence: Evidence


def evaluate(
    subject: Subject,
    *,
    data: Dataset | None = None,
    data_dir: Path | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    extractor: str | None = None,
    quick: bool = False,
    workers: int = 1,
    reload: Callable[[], Dataset] | None = None,
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Judge `subject` by every measure of such content and of its family.

    Args:
        subject: what is judged.
        data: what it learned, or is held against; by default loaded as `subject` tells, from `data_dir` if
            given.
        data_dir: folder of the data set's files, if not where `subject` found them.
        num_samples: samples to judge; by default as many as there are training examples, at most 10,000, or all of
            a folder. Sample i is made from the seed `seed * 2**32 + i`, and by label i of `spread_labels` where the
            model takes labels.
        seed: which samples are generated, from 0 to 2**31 - 1.
        extractor: "lenet", "filters", "inception" or the path of a model, None for what suits; see `Modality.judges`.
        quick: judge by the quick measures alone, and by 2,000 samples unless `num_samples` says otherwise.
        workers: processes that sample and look; the figures are the same for any number.
        reload: loads `data` in each of several, where these are given; picklable.
        say: is given a line before anything slow.

    Raises UserError where the subject, the data or the extractor do not allow that.
    """
    if data is None:
        assert subject.learned is not None  # else there is nothing to hold it against
        learned = subject.learned if data_dir is None else dataclasses.replace(subject.learned, data_dir=data_dir)
        data, reload = loading.load(learned, say), partial(loading.load, learned, side_by_side.unsaid)
    if subject.data_fingerprint not in (None, data.spec.fingerprint):
        raise UserError(
            f"{subject.path} learned other images than the {data.spec.num_examples:,} from {data.spec.source}: "
            "give those it learned with --data-dir"
        )
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed {seed} must be from 0 to {2**31 - 1}")
    num_samples = _check_number(num_samples, subject, data, _SAMPLES_WHERE_QUICK if quick else MOST_SAMPLES)
    name = "reference" if subject.learned is None else subject.learned.data_name
    opener = side_by_side.of(subject, deterministic=True, data=reload, dataset=name, extractor=extractor)
    with side_by_side.processes(workers, opener) as several:
        reference = Reference.prepare(data, name, extractor, say, partial(side_by_side.seen_by, several))
        subject = side_by_side.asked_of(several, subject)
        return judge_against(reference, subject, _measures(subject, data, quick), num_samples=num_samples, seed=seed)


def judge_against(
    reference: Reference,
    subject: Subject,
    measures: Sequence[str],
    *,
    num_samples: int | None,
    seed: int = 0,
) -> Evaluation:
    """Judge by `measures`; `num_samples` and `seed` as for `evaluate`, None for all images of a folder."""
    seconds: dict[str, float] = {}
    left_out: dict[str, int] = {}
    with _timed("sampling", seconds):
        if num_samples is None:
            stored, left_out = _read(subject, reference)
            labels = None
        else:
            labels = _labels(subject, reference.data, num_samples)
            stored = _generate(subject, num_samples, seed, labels)
    with _timed("looking", seconds):
        evidence = _look(reference, subject, stored, labels, measures)
    with progress_bar("measuring", len(measures), unit=" measures") as progress:
        judgement = judge(evidence, measures, lambda name: _timed(name, seconds, progress))
    record = evaluation_record.make(reference, subject, evidence, judgement, seed, seconds, left_out)
    return Evaluation(record, evidence)


def check_can_be_judged(data: Dataset, while_training: bool) -> None:
    """Raise UserError where a model of these data could not be judged: better before its training than behind it.

    `while_training`: whether it shall be judged meanwhile, too, by the distance to what is held out.
    """
    for split, count in (("training", data.count("train")), ("held-out", data.count("test"))):
        if count < 2 and (split == "training" or while_training):
            raise UserError(
                f"there is one {split} image, and judging takes at least 2 (thousands, to be firm): give more of them, "
                "or train with --no-evaluate and without --evaluate-every"
            )


def during_training(
    model: GenerativeModel, run: RunFolder, data: Dataset, say: Callable[[str], None] = print
) -> Callable[[], dict[str, Any]]:
    """A function that judges `model` as it then is, by the quick measures, on a few samples, and gives the record."""
    subject = subjects.of_model(model, run)
    reference = Reference.prepare(data, run.read_config().data_name, say=say)
    measures = _measures(subject, data, quick=True)
    num_samples = min(_SAMPLES_WHERE_QUICK, data.at_hand("train"))

    def judge_now() -> dict[str, Any]:
        now = dataclasses.replace(subject, step=int(model.step.numpy()), fingerprint=model.fingerprint())
        return judge_against(reference, now, measures, num_samples=num_samples).record

    return judge_now


def _measures(subject: Subject, data: Dataset, quick: bool = False) -> list[str]:
    """The measures of such content, of what is asked for by labels, and of the subject's family; or the quick ones of
    all these."""
    modality, family = data.spec.modality, FAMILIES[subject.family] if subject.family else None
    wanted = {*modality.measures, *(family.measures if family else ())}
    wanted |= set(modality.label_measures if subject.takes_labels else ())
    if quick:
        wanted &= {*modality.quick_measures, *(family.quick_measures if family else ())}
    return [name for name in METRICS if name in wanted]


def _check_number(num_samples: int | None, subject: Subject, data: Dataset, usual: int) -> int | None:
    most = data.at_hand("train")
    if subject.kind == "samples":
        if num_samples is not None:
            raise UserError("--num-samples cannot be combined with --samples: all images of the folder are judged")
        return None
    num_samples = min(usual, most) if num_samples is None else num_samples
    if not 2 <= num_samples <= most:
        raise UserError(
            f"--num-samples {num_samples} cannot be judged: it must be from 2 to {most}, the number of "
            "training images at hand, since the floor is measured with as many of those"
        )
    return num_samples


def _read(subject: Subject, reference: Reference) -> tuple[np.ndarray, dict[str, int]]:
    spec = reference.data.spec
    with progress_bar("reading samples", None) as progress:
        given = spec.modality.read_given(subject.path, spec.shape, progress)
    if len(given.stored) < 2:
        raise UserError(
            f"{subject.path} holds one {spec.modality.name}: a judgement needs at least 2, and thousands to be firm"
        )
    return given.stored, given.left_out


def _labels(subject: Subject, data: Dataset, count: int) -> np.ndarray | None:
    """The labels to ask for, in the proportions of the training examples; None where it takes none."""
    return spread_labels(count, data.spec.class_weights) if subject.takes_labels else None


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A subject, as measures may ask it: row i is of one class, whatever it is asked for."""

    subject: Subject
    reference: Reference

    @property
    def held_out(self) -> int:
        return len(self.reference.stored)

    def ways_in(self) -> dict[str, int]:
        return self.subject.ways_in()

    def decode(self, vectors: np.ndarray, signature: str) -> np.ndarray:
        return self.subject.decode(vectors, signature, _labels(self.subject, self.reference.data, len(vectors)))

    def scores(self, rows: np.ndarray, **inputs: float) -> dict[str, np.ndarray]:
        labels = self.reference.data.labels("test")[rows]
        return self.subject.scores(self.reference.stored[rows], labels, **inputs)


def _generate(subject: Subject, num_samples: int, seed: int, labels: np.ndarray | None) -> np.ndarray:
    with progress_bar("sampling", num_samples) as progress:
        return subject.generate((seed << 32) + np.arange(num_samples, dtype=np.int64), labels, progress)


def _look(
    reference: Reference, subject: Subject, stored: np.ndarray, labels: np.ndarray | None, measures: Sequence[str]
) -> Evidence:
    with progress_bar("looking at what was generated", len(stored)) as progress:
        seen = reference.look(stored, progress)
    generated, real = dataclasses.replace(seen, labels=labels), reference.real
    if any(name in SCORED for name in measures):
        generated = dataclasses.replace(generated, scores=subject.scores(stored, labels))
        labels_of_real = reference.data.labels("test")[: len(reference.stored)]
        real = dataclasses.replace(real, scores=subject.scores(reference.stored, labels_of_real))
    asked = _Asked(subject, reference)
    answers = {name: ASKING[name](asked, reference.look) for name in measures if name in ASKING}
    return Evidence(
        real=real,
        generated=generated,
        training=reference.training,
        extractor="pixels" if reference.extractor is None else reference.extractor.short,
        asked={name: answer for name, answer in answers.items() if answer is not None},
    )


@contextmanager
def _timed(name: str, seconds: dict[str, float], progress: Progress = lambda count: None) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = round(time.monotonic() - started, 3)
        progress(1)
