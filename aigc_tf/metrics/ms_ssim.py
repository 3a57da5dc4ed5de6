"""Multi-scale structural similarity between pairs of generated images: how alike are they?

Definition: the mean MS-SSIM (Wang, Simoncelli & Bovik 2003, "Multiscale structural similarity for image quality
assessment") over random pairs of generated images, as a sign of lost diversity after Odena et al. 2017
(arXiv:1610.09585). `ms_ssim` pairs all images, `ms_ssim_within_class` only images that the classifier takes for one
class; there each class counts the same, for some classes (the ones among digits) are more alike than others, and
classes of fewer than four images are left out. Some 1,000 pairs at most, always the same ones, and no image is in two
of them.

The paper's five scales with a window of 11 pixels need images of 176 pixels. Smaller ones are compared at as many
scales as the window fits into, with the weights of these scales brought back to a sum of 1 (two scales at 28 pixels);
a side of fewer than 11 pixels also shrinks the window, to the largest odd number that fits. Alike images score 1 at
any size, but scores of images of different sizes do not compare.

Range: 0 (nothing alike) to 1 (all the same). Direction: neither. Higher than the reference, which is the same figure
of the held-out real images, means less diversity than theirs, and near 1 a collapsed model. But lower is not
better: pure noise is the most diverse of all. Interval: normal, over the pairs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.class_coverage import class_counts
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need, need_probabilities

_PAIRS = 1000
_LEAST_PAIRS = 2  # in a class
_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # of the scales, finest first (Wang et al. 2003)
_WINDOW = 11
_BATCH = 100


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`ms_ssim`, and `ms_ssim_within_class` where a classifier found four images of a class on both sides.

    Raises MissingEvidence for fewer than two images, ValueError where real and generated ones differ in shape.
    """
    real = need(evidence.real, "images", "real")
    generated = need(evidence.generated, "images", "generated")
    if real.shape[1:] != generated.shape[1:]:
        raise ValueError(f"real images are {real.shape[1:]}, generated ones {generated.shape[1:]}: resize one of them")
    if min(len(real), len(generated)) < 2:
        raise MissingEvidence("a pair needs two generated and two real images")
    values = similarity(generated, pairs(np.arange(len(generated)), _PAIRS))
    reference = similarity(real, pairs(np.arange(len(real)), _PAIRS)).mean()
    figures = {"ms_ssim": _figure(values, float(reference), "pixels")}
    if evidence.real.probabilities is not None and evidence.generated.probabilities is not None:
        figures |= _within_class(real, generated, *need_probabilities(evidence))
    return figures


def _within_class(
    real: np.ndarray, generated: np.ndarray, real_probabilities: np.ndarray, probabilities: np.ndarray
) -> dict[str, Figure]:
    counts = np.minimum(class_counts(real_probabilities), class_counts(probabilities))
    classes = np.flatnonzero(counts >= 2 * _LEAST_PAIRS)
    if not classes.size:
        return {}
    values = _by_class(generated, probabilities.argmax(axis=1), classes)
    expected = [value.mean() for value in _by_class(real, real_probabilities.argmax(axis=1), classes)]
    # Deviations from the mean of their class, weighted so that the mean of all values is the mean of the classes, and
    # its error comes from within the classes: that these differ among themselves is no chance.
    mean, total = np.mean([value.mean() for value in values]), sum(map(len, values))
    spread = [(v - v.mean()) * np.sqrt(len(v) / (len(v) - 1)) * total / (len(values) * len(v)) for v in values]
    left_out = len(counts) - len(classes)
    note = f"{left_out} of {len(counts)} classes left out for want of images" if left_out else ""
    return {
        "ms_ssim_within_class": _figure(mean + np.concatenate(spread), float(np.mean(expected)), "classifier", note)
    }


def _by_class(images: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> list[np.ndarray]:
    """Similarities of pairs within each of the `classes`, as equal in number as their images allow."""
    most = max(_PAIRS // len(classes), _LEAST_PAIRS)
    drawn = [pairs(np.flatnonzero(labels == number), most) for number in classes]
    return np.split(similarity(images, np.concatenate(drawn)), np.cumsum([len(each) for each in drawn])[:-1])


def _figure(values: np.ndarray, reference: float, judged_by: Literal["pixels", "classifier"], note: str = "") -> Figure:
    note = "; ".join(filter(None, (f"{len(values):,} pairs", note)))
    return Figure(float(values.mean()), "neither", reference, note, intervals.of_mean(values, 0, 1), judged_by)


def pairs(rows: np.ndarray, most: int) -> np.ndarray:
    """Up to `most` random pairs of different `rows`, int [P, 2], no row in two of them, always the same ones."""
    count = min(most, len(rows) // 2)
    return np.random.default_rng(0).permutation(rows)[: 2 * count].reshape(count, 2)


def similarity(images: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """MS-SSIM of each pair of rows, float64 [P] in [0, 1], of uint8 images [N, H, W, C]; pairs int [P, 2].

    Channels are compared one by one, and their scores averaged.
    """
    import tensorflow as tf

    smaller = min(images.shape[1:3])
    window = min(_WINDOW, smaller - 1 + smaller % 2)
    scales = min(int(np.log2(smaller / window)) + 1, len(_WEIGHTS))
    weights = _WEIGHTS[:scales] / _WEIGHTS[:scales].sum()
    scores = [
        tf.image.ssim_multiscale(
            tf.constant(images[part[:, 0]]), tf.constant(images[part[:, 1]]), 255, weights, filter_size=window
        ).numpy()
        for part in (pairs[start : start + _BATCH] for start in range(0, len(pairs), _BATCH))
    ]
    return np.concatenate(scores).astype(np.float64)
