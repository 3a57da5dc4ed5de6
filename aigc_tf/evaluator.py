"""Judges a run, an export or a folder of images against images that the generator was never trained on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from aigc_tf import evaluation_record, subjects
from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.errors import UserError
from aigc_tf.families.model import GenerativeModel
from aigc_tf.metrics import METRICS, QUICK_METRICS
from aigc_tf.metrics.evidence import Evidence, need
from aigc_tf.metrics.judge import judge
from aigc_tf.metrics.path_length import EPSILON, path_distances, path_latents
from aigc_tf.reference import Progress, Reference, progress_bar
from aigc_tf.run_folder import RunFolder
from aigc_tf.subjects import Subject

MOST_SAMPLES = 10_000
_SAMPLES_DURING_TRAINING = 2_000
_PATHS = 2_000


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The figures with all their circumstances, ready for JSON, and what they were made from."""

    record: dict[str, Any]
    evidence: Evidence


def evaluate(
    subject: Subject,
    *,
    data: ImageDataset | None = None,
    data_dir: Path | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    extractor: str = "lenet",
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Judge `subject` by every measure.

    Args:
        subject: what is judged.
        data: the images it learned, or is held against; by default loaded by the name in `subject`, from `data_dir` if
            given.
        data_dir: folder of the data set's files, if not where `subject` found them.
        num_samples: images to judge; by default as many as there are training images, at most 10,000, or all of
            a folder. Image i is made from the seed `seed * 2**32 + i`.
        seed: which images are generated, from 0 to 2**31 - 1.
        extractor: "lenet", "inception" or the path of a model; see `load_extractor`.
        say: is given a line before anything slow.

    Raises UserError where the subject, the data or the extractor do not allow that.
    """
    if data is None:
        data = DATASETS[subject.dataset or ""](data_dir or subject.data_dir)
    if subject.data_fingerprint not in (None, data.spec.fingerprint):
        raise UserError(
            f"{subject.path} learned other images than the {data.spec.num_examples:,} from {data.spec.source}: "
            "give those it learned with --data-dir"
        )
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed {seed} must be from 0 to {2**31 - 1}")
    num_samples = _check_number(num_samples, subject, data)
    reference = Reference.prepare(data, subject.dataset or "reference", extractor, say)
    return judge_against(reference, subject, num_samples=num_samples, seed=seed)


def judge_against(
    reference: Reference,
    subject: Subject,
    *,
    num_samples: int | None,
    seed: int = 0,
    measures: Collection[str] = METRICS,
) -> Evaluation:
    """Judge by `measures`; `num_samples` and `seed` as for `evaluate`, None for all images of a folder."""
    seconds: dict[str, float] = {}
    left_out: dict[str, int] = {}
    with _timed("sampling", seconds):
        if num_samples is None:
            images, left_out = _read(subject, reference)
        else:
            images = _generate(subject, num_samples, seed)
    with _timed("looking", seconds):
        evidence = _look(reference, subject, images, with_paths="path_length" in measures)
    with progress_bar("measuring", len(measures), unit=" measures") as progress:
        judgement = judge(evidence, measures, lambda name: _timed(name, seconds, progress))
    record = evaluation_record.make(reference, subject, evidence, judgement, seed, seconds, left_out)
    return Evaluation(record, evidence)


def check_can_be_judged(data: ImageDataset, while_training: bool) -> None:
    """Raise UserError where a model of these images could not be judged: better before its training than behind it.

    `while_training`: whether it shall be judged meanwhile, too, by the distance to the held-out images.
    """
    if while_training and not data.spec.num_classes:
        raise UserError(
            "the images carry no labels, so the small classifier that tells the best checkpoint cannot be made: train "
            "without --evaluate-every, then judge with evaluate.py --extractor PATH"
        )
    for split, count in (("training", len(data.train_images)), ("held-out", len(data.test_images))):
        if count < 2 and (split == "training" or while_training):
            raise UserError(
                f"there is one {split} image, and judging takes at least 2 (thousands, to be firm): give more of them, "
                "or train with --no-evaluate and without --evaluate-every"
            )


def during_training(
    model: GenerativeModel, run: RunFolder, data: ImageDataset, say: Callable[[str], None] = print
) -> Callable[[], dict[str, Any]]:
    """A function that judges `model` as it then is, by the quick measures, on a few samples, and gives the record."""
    subject = subjects.of_model(model, run)
    reference = Reference.prepare(data, run.read_config().dataset, say=say)
    num_samples = min(_SAMPLES_DURING_TRAINING, data.spec.num_examples)

    def judge_now() -> dict[str, Any]:
        now = dataclasses.replace(subject, step=int(model.step.numpy()), fingerprint=model.fingerprint())
        return judge_against(reference, now, num_samples=num_samples, measures=QUICK_METRICS).record

    return judge_now


def _check_number(num_samples: int | None, subject: Subject, data: ImageDataset) -> int | None:
    most = data.spec.num_examples
    if subject.kind == "samples":
        if num_samples is not None:
            raise UserError("--num-samples cannot be combined with --samples: all images of the folder are judged")
        return None
    num_samples = min(MOST_SAMPLES, most) if num_samples is None else num_samples
    if not 2 <= num_samples <= most:
        raise UserError(
            f"--num-samples {num_samples} cannot be judged: it must be from 2 to {most}, the number of "
            "training images, since the floor is measured with as many of those"
        )
    return num_samples


def _read(subject: Subject, reference: Reference) -> tuple[np.ndarray, dict[str, int]]:
    with progress_bar("reading images", None) as progress:
        given = subjects.read_samples(subject, reference.data.spec.image_shape, progress)
    if len(given.pixels) < 2:
        raise UserError(f"{subject.path} holds one image: a judgement needs at least 2, and thousands to be firm")
    return given.pixels, given.left_out


def _generate(subject: Subject, num_samples: int, seed: int) -> np.ndarray:
    with progress_bar("sampling", num_samples) as progress:
        return subject.generate((seed << 32) + np.arange(num_samples, dtype=np.int64), progress)


def _look(reference: Reference, subject: Subject, images: np.ndarray, with_paths: bool) -> Evidence:
    with progress_bar("looking at generated images", len(images)) as progress:
        generated = dataclasses.replace(
            reference.look(images, progress), images=images, discriminator_logits=subject.discriminator_logits(images)
        )
    return Evidence(
        real=dataclasses.replace(
            reference.real, discriminator_logits=subject.discriminator_logits(reference.data.test_images)
        ),
        generated=generated,
        training=reference.training,
        extractor="pixels" if reference.extractor is None else reference.extractor.short,
        path_distances=_path_distances(reference, subject) if with_paths else None,
    )


def _path_distances(reference: Reference, subject: Subject) -> np.ndarray | None:
    if subject.latent_dim is None or reference.extractor is None:
        return None
    ends = path_latents(_PATHS, subject.latent_dim, EPSILON, seed=0)
    first, second = (need(reference.look(subject.decode(latents)), "features", "path") for latents in ends)
    return path_distances(first, second, EPSILON)


@contextmanager
def _timed(name: str, seconds: dict[str, float], progress: Progress = lambda count: None) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = round(time.monotonic() - started, 3)
        progress(1)
