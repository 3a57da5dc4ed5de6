"""What the eyes for images without labels see: calibrated against images that are known to be good and bad.

    python -m benchmarks.unlabelled_judge --images emoji=emoji.npy icons=icons.npy --run RUN --data-dir DIR

Each file of --images holds uint8 images [N, H, W, C] of one kind. A third of them are the real ones, a third the
training ones, and the rest stands for what a perfect generator makes (up to --most images in each third): its distance
is the floor. Then the same images are spoiled, in ways that people know, more and more. Distances are told in floors;
they have to grow from one strength to the next. Beside that: precision, recall, density, coverage and C_T, as they are
and where a share of the images are copies of training images.

--run is a run on MNIST whose checkpoints are ranked (by each number of --samples) by these eyes and by the classifier
of digits, which was trained on labels; told is Spearman's rank correlation of the two. Writes unlabelled_judge.json
and .md to --results.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage, stats

from aigc_tf import subjects
from aigc_tf.checkpoint_files import indexed
from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.metrics import classifier, filters
from aigc_tf.metrics.evidence import Evidence, Observations, need
from aigc_tf.metrics.extractor import Extractor, observe
from aigc_tf.metrics.fd import Gaussian, frechet_distance
from aigc_tf.metrics.judge import judge
from aigc_tf.run_folder import RunFolder
from benchmarks import record

Spoil = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def _rounded(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _salt_and_pepper(images: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    drawn = random.random(images.shape[:3])[..., None]
    return np.where(drawn < share / 2, 0, np.where(drawn > 1 - share / 2, 255, images)).astype(np.uint8)


def _contrast(images: np.ndarray, lost: float, random: np.random.Generator) -> np.ndarray:
    middle = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _rounded(middle + (images - middle) * (1 - lost))


def _tinted(images: np.ndarray, levels: float, random: np.random.Generator) -> np.ndarray:
    shift = np.zeros(images.shape[-1], np.float32)
    shift[[0, min(2, len(shift) - 1)]] = levels, -levels  # of grey images: darker
    return _rounded(images + shift)


def _shuffled(images: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """A share of the images with its quarters in another place."""
    spoiled, (tall, wide) = images.copy(), (size // 2 for size in images.shape[1:3])
    corners = [(down, right) for down in (0, tall) for right in (0, wide)]
    for row in range(round(share * len(images))):
        for (down, right), other in zip(corners, random.permutation(4), strict=True):
            y, x = corners[other]
            spoiled[row, down : down + tall, right : right + wide] = images[row, y : y + tall, x : x + wide]
    return spoiled


def _warped(images: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Bent smoothly by a share of the side: strokes stay, shapes go."""
    height, width = images.shape[1:3]
    places, spoiled = np.mgrid[:height, :width].astype(np.float64), images.copy()
    for row, image in enumerate(images):
        bend = ndimage.gaussian_filter(
            random.normal(size=(2, height, width)), (0, height / 10, width / 10), mode="wrap"
        )
        moved = places + share * height * bend / bend.std(axis=(1, 2), keepdims=True)
        for channel in range(images.shape[-1]):
            spoiled[row, ..., channel] = ndimage.map_coordinates(image[..., channel], moved, order=1, mode="nearest")
    return spoiled


SPOILED: dict[str, tuple[Spoil, tuple[float, ...]]] = {
    "noise, levels": (
        lambda images, sd, random: _rounded(images + random.normal(0, sd, images.shape)),
        (8, 16, 32, 64),
    ),
    "salt and pepper, share": (_salt_and_pepper, (0.01, 0.03, 0.1, 0.3)),
    "blur, pixels": (
        lambda images, sd, random: _rounded(ndimage.gaussian_filter(images * 1.0, (0, sd, sd, 0))),
        (0.5, 0.7, 1, 2),
    ),
    "contrast lost, share": (_contrast, (0.1, 0.25, 0.5, 0.75)),
    "tint, levels": (_tinted, (8, 16, 32, 64)),
    "quarters in another place, share of images": (_shuffled, (0.1, 0.25, 0.5, 1)),
    "bent, share of the side": (_warped, (0.01, 0.03, 0.06, 0.1)),
    "two images averaged, weight": (
        lambda images, share, random: _rounded(images * (1 - share) + np.roll(images, 1, 0) * share),
        (0.05, 0.1, 0.2, 0.4),
    ),
    "few images again and again, one in": (
        lambda images, one_in, random: images[np.arange(len(images)) % max(len(images) // int(one_in), 2)],
        (2, 5, 20, 50),
    ),
}
"""What is done to images, and how strongly."""


def calibrate(images: np.ndarray, most: int) -> dict[str, Any]:
    """The figures of one kind of images, uint8 [N, H, W, C]."""
    eyes, third = filters.load(images.shape[1:]), min(len(images) // 3, most)
    order = np.random.default_rng(0).permutation(len(images))
    real, training, good = (images[order[part * third : (part + 1) * third]] for part in range(3))
    held_out, learned = _seen(eyes, real), _seen(eyes, training)
    gaussian = Gaussian.of(held_out)

    def distance(generated: np.ndarray) -> float:
        return frechet_distance(Gaussian.of(_seen(eyes, generated)), gaussian)

    floor, spoiled = distance(good), {}
    for name, (spoil, strengths) in SPOILED.items():
        found = [distance(spoil(good, strength, np.random.default_rng(1))) / floor for strength in strengths]
        spoiled[name] = {"strengths": list(strengths), "floors": found, "grows": bool((np.diff([1, *found]) > 0).all())}
    copies = {}
    for share in (0.0, 0.25, 0.5, 1.0):
        copied = round(share * third)
        evidence = Evidence(
            real=Observations(held_out),
            generated=Observations(_seen(eyes, np.concatenate([training[:copied], good[copied:]]))),
            training=Observations(learned),
            extractor=eyes.short,
        )
        figures = judge(evidence, ("precision_recall", "memorisation")).figures
        copies[f"{share:g}"] = {name: figure.value for name, figure in figures.items()}
    return {"shape": list(images.shape[1:]), "images": third, "floor": floor, "spoiled": spoiled, "copies": copies}


def speed(shape: tuple[int, int, int], count: int = 400) -> float:
    """Images in a second of CPU time on one core."""
    eyes, images = filters.load(shape), np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    _seen(eyes, images[:100])
    started = time.process_time()
    _seen(eyes, images)
    return count / (time.process_time() - started)


def ranked(samples: dict[int, np.ndarray], digits: Dataset) -> dict[str, Any]:
    """Distances of samples, by step, from held-out digits, in floors, and the rank correlation of both judges."""
    judges = {"filters": filters.load(digits.spec.shape), "lenet": classifier.load_classifier("mnist", digits)}
    count = len(next(iter(samples.values())))
    drawn = np.random.default_rng(0).permutation(digits.count("train"))[:count]
    found = {}
    for name, eyes in judges.items():
        real = Gaussian.of(_seen(eyes, digits.stored("test", slice(digits.at_hand("test")))))
        sets = [digits.stored("train", drawn), *samples.values()]
        floor, *distances = (frechet_distance(Gaussian.of(_seen(eyes, each)), real) for each in sets)
        found[name] = [each / floor for each in distances]
    correlation = float(stats.spearmanr(found["filters"], found["lenet"])[0])
    return {"steps": list(samples), "samples": count, "floors": found, "rank_correlation": correlation}


def classes_lost(digits: Dataset, count: int) -> dict[str, float]:
    """Distances of real digits, of which so many classes were left out, from held-out ones, in floors."""
    eyes, labels = filters.load(digits.spec.shape), digits.labels("train")
    real = Gaussian.of(_seen(eyes, digits.stored("test", slice(digits.at_hand("test")))))
    order = np.random.default_rng(0).permutation(digits.count("train"))
    distances = {}
    for lost in (0, 1, 3, 5, 9):
        rows = order[labels[order] >= lost][:count]
        distances[lost] = frechet_distance(Gaussian.of(_seen(eyes, digits.stored("train", rows))), real)
    return {str(lost): distance / distances[0] for lost, distance in distances.items()}


def sampled(folder: Path, digits: Dataset, count: int) -> dict[int, np.ndarray]:
    """`count` samples of each checkpoint of a run."""
    run, found = RunFolder.open(folder), {}
    for step in sorted(indexed(run.checkpoints)):
        subject = subjects.of_run(run, step)
        labels = subjects.spread_labels(count, digits.spec.class_weights) if subject.takes_labels else None
        found[step] = subject.generate(np.arange(count), labels)
    return found


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    parts = []
    for name, kind in figures["images"].items():
        shape = "x".join(map(str, kind["shape"]))
        parts.append(f"## {name}: {kind['images']:,} of {shape}\n\nFloor {kind['floor']:.3g}; distances in floors.")
        rows = []
        for spoiled, found in kind["spoiled"].items():
            pairs = zip(found["strengths"], found["floors"], strict=True)
            told = [f"{strength:g}: {floors:,.3g}" for strength, floors in pairs]
            rows.append([spoiled, *told, "yes" if found["grows"] else "no"])
        parts.append(record.table(["spoiled by", "", "", "", "", "grows"], rows))
        copies = kind["copies"]
        names = list(next(iter(copies.values())))
        rows = [
            [share, *(f"{row[each]:.3g}" if each in row else "" for each in names)] for share, row in copies.items()
        ]
        parts.append(record.table(["copies of training images, share", *names], rows))
    for ranking in figures["rankings"]:
        parts.append(
            f"## Checkpoints of a run on MNIST\n\n{ranking['samples']:,} samples each, in floors; rank correlation "
            f"{ranking['rank_correlation']:.3f}."
        )
        rows = zip(ranking["steps"], *(ranking["floors"][name] for name in ("filters", "lenet")), strict=True)
        told = [[f"{step:,}", *(f"{each:.3g}" for each in floors)] for step, *floors in rows]
        parts.append(record.table(["step", "filters", "lenet"], told))
    if figures["classes_lost"]:
        lost = [[name, f"{floors:.3g}"] for name, floors in figures["classes_lost"].items()]
        parts.append("## Digits without some of their classes\n\n" + record.table(["classes lost", "floors"], lost))
    rows = [[shape, f"{found:,.0f}"] for shape, found in figures["images_per_cpu_second"].items()]
    parts.append("## Speed\n\n" + record.table(["images", "in a second of one core's time"], rows))
    return "\n\n".join(part.strip() for part in parts)


def _seen(eyes: Extractor, images: np.ndarray) -> np.ndarray:
    return need(observe(eyes, images), "features", "these")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", nargs="+", required=True, metavar="NAME=FILE", help=".npy files")
    parser.add_argument("--most", type=int, default=1_000, help="images of a third, at most")
    parser.add_argument("--run", type=Path, help="a run on MNIST")
    parser.add_argument("--data-dir", type=Path, help="where mnist.npz lies")
    parser.add_argument("--samples", nargs="+", type=int, default=[2_500, 5_000])
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    arguments = parser.parse_args()
    if arguments.run and not arguments.data_dir:
        parser.error("--run goes with --data-dir")
    around = record.circumstances()
    figures: dict[str, Any] = {"judge": filters.HASH, "images": {}, "rankings": [], "classes_lost": None}
    for name, _, file in (given.partition("=") for given in arguments.images):
        figures["images"][name] = calibrate(np.load(file), arguments.most)
    if arguments.run:
        digits = DATASETS["mnist"](arguments.data_dir)
        samples = sampled(arguments.run, digits, max(arguments.samples))
        for count in arguments.samples:
            figures["rankings"].append(ranked({step: images[:count] for step, images in samples.items()}, digits))
        figures["classes_lost"] = classes_lost(digits, max(arguments.samples))
    shapes = ((28, 28, 1), (32, 32, 3), (64, 64, 4))
    figures["images_per_cpu_second"] = {"x".join(map(str, shape)): speed(shape) for shape in shapes}
    told = page(figures)
    record.write(
        "unlabelled_judge", "What the eyes for images without labels see", around, figures, told, arguments.results
    )
    print(told)


if __name__ == "__main__":
    main()
