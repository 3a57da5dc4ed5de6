"""How many generated images are copies of training images, by their pixels? Two figures, and the pairs to look at.

Definition: `memorised_share` is the share of generated images that lie at most a third as far from the nearest training
image as from the second nearest (Yoon et al. 2023, "Diffusion Probabilistic Models Generalize when They Fail to
Memorize", https://openreview.net/forum?id=shciCbSk9h; Gu et al. 2023, arXiv:2310.02664). Training images that are the
same count once, or else no copy of them would stand out. Distances are Euclidean, between pixels in [0, 1], which are
averaged over squares (oblongs, in an image narrower than such a square) until an image has at most 256 numbers (28×28:
14×14): a copy stays one, and 10,000 images meet 60,000 in seconds. Where nobody knows the training images, the real
images that are at hand stand in for them; a note says so.

`train_distance_ratio` is the median of those distances to the nearest training image over the median distance to the
nearest held-out one. It takes the whole training set although that is larger, and brings the ratio below 1 for
anybody: in a part of the training set most of what a model copied would not be found. The reference is the same ratio
of held-out images, none of which is its own neighbour.

Range: 0 to 1, and 0 upwards. Direction: lower is better for the share; neither for the ratio, where values below the
reference mean copying, values above it images unlike any real one. Reference: what held-out images score; none of them
is its own neighbour.
Interval: Wilson's for the share, jackknife for the ratio, over the generated images; none for a ratio that has none
without some group of them, where about half are held-out images.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need

_RATIO = 1 / 3
_NUMBERS = 256  # in an image whose pixels are averaged
_HELD_OUT = 1000  # held-out images that references are made of; they need no more


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Generated images, each with the training image nearest to it, the closest pair first.

    Attributes:
        generated_rows: int64 [P], numbers of generated images.
        training_rows: int64 [P], numbers of training images.
        distances: float32 [P], Euclidean, between averaged pixels in [0, 1].
    """

    generated_rows: np.ndarray
    training_rows: np.ndarray
    distances: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Neighbours:
    """The two nearest training images of each generated image, and of some held-out ones for comparison."""

    rows: np.ndarray  # int64 [N, 2]
    distances: np.ndarray  # float32 [N, 2]
    held_out_distances: np.ndarray  # float32 [R, 2]


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`memorised_share`, and `train_distance_ratio` where training images were observed.

    The last is left out where half of the generated images are held-out ones. Raises MissingEvidence where there are no
    two different images to be copied, ValueError where the sets differ in shape.
    """
    neighbours = evidence.once(_find)
    share = _share(neighbours, "training" if evidence.training is not None else "real")
    return {"memorised_share": share, **_distance_ratio(evidence, neighbours)}


def closest_pairs(evidence: Evidence, count: int) -> Pairs:
    """The `count` generated images (all, where there are fewer) that lie nearest to a training image, by their pixels.

    After `measure` of the same evidence it costs nothing, for the neighbours are kept with it. Errors as there.
    """
    neighbours = evidence.once(_find)
    rows = np.argsort(neighbours.distances[:, 0], kind="stable")[:count]
    return Pairs(rows, neighbours.rows[rows, 0], neighbours.distances[rows, 0])


def is_copied(distances: np.ndarray) -> np.ndarray:
    """Whose nearest training image is at most a third as far as the second, bool [N], of float [N, 2] ascending."""
    return distances[:, 0] <= _RATIO * distances[:, 1]


def originals(evidence: Evidence) -> np.ndarray:
    """The images that may have been copied, uint8 [M, H, W, C]: those trained on, else the real ones at hand.

    Raises MissingEvidence where these were not observed.
    """
    if evidence.training is None:
        return need(evidence.real, "images", "real")
    return need(evidence.training, "images", "training")


def _share(neighbours: _Neighbours, whose: str) -> Figure:
    copied, held_out_copied = is_copied(neighbours.distances), is_copied(neighbours.held_out_distances)
    value, interval, expected = float(copied.mean()), intervals.of_share(copied), intervals.of_share(held_out_copied)
    more = interval is not None and expected is not None and interval[0] > expected[1]
    return Figure(
        value,
        better="lower",
        reference=float(held_out_copied.mean()),
        interval=interval,
        judged_by="pixels",
        note="" if whose == "training" else "of the real images at hand, for the training images are not known",
        warning=f"{value:.1%} of the images are near copies of {whose} images" if more else "",
    )


def _distance_ratio(evidence: Evidence, neighbours: _Neighbours) -> dict[str, Figure]:
    if evidence.training is None:
        return {}
    generated = _pixels(need(evidence.generated, "images", "generated"))
    held_out = _pixels(need(evidence.real, "images", "real"))
    distances, to_training = _search(generated, held_out, 1)[1][:, 0], neighbours.distances[:, 0]
    # Of held-out images the nearest held-out one is the image itself.
    others = _search(held_out[_some(len(held_out))], held_out, 2)[1][:, 1]
    if not np.median(distances):
        return {}
    reference = None
    if np.median(others):
        reference = float(np.median(neighbours.held_out_distances[:, 0]) / np.median(others))

    value = float(np.median(to_training) / np.median(distances))
    groups = intervals.groups(len(distances))
    medians, below = (
        np.array([np.median(np.delete(each, group)) for group in groups]) for each in (to_training, distances)
    )
    interval = intervals.jackknife(value, medians / below) if below.all() else None
    return {
        "train_distance_ratio": Figure(
            value, better="neither", reference=reference, interval=intervals.within(interval, 0), judged_by="pixels"
        )
    }


def _find(evidence: Evidence) -> _Neighbours:
    generated = need(evidence.generated, "images", "generated")
    real = need(evidence.real, "images", "real")
    training = originals(evidence)
    shapes = {each.shape[1:] for each in (generated, real, training)}
    if len(shapes) > 1:
        raise ValueError(f"images of different shapes cannot be compared: {sorted(shapes)}")
    flat = training.reshape(len(training), -1)
    _, distinct = np.unique(flat.view(f"V{flat.shape[1]}")[:, 0], return_index=True)
    if evidence.training is None:
        return _among_real(generated, real, distinct)
    if len(distinct) < 2:
        raise MissingEvidence("it takes two different training images")
    queries = _pixels(np.concatenate([generated, real[_some(len(real))]]))
    rows, distances = _search(queries, _pixels(training[distinct]), 2)
    return _Neighbours(distinct[rows[: len(generated)]], distances[: len(generated)], distances[len(generated) :])


def _among_real(generated: np.ndarray, real: np.ndarray, distinct: np.ndarray) -> _Neighbours:
    """Real images in the place of the training images; those for comparison are not their own neighbours."""
    if len(distinct) < 3:
        raise MissingEvidence("it takes three different real images")
    references = _pixels(real[distinct])
    rows, distances = _search(_pixels(generated), references, 2)
    some = references[_some(len(references))]
    _, others = _search(some, references, 3)
    return _Neighbours(distinct[rows], distances, others[:, 1:])


def _search(queries: np.ndarray, references: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers int64 and distances float32 of the `count` nearest references of each query, [N, count] each."""
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(references)
    rows = search.kneighbors(queries, return_distance=False)
    # Measured anew: the search takes differences of squares, which leaves a copy a little way off.
    distances = [np.linalg.norm(queries - references[column], axis=1) for column in rows.T]
    return rows, np.stack(distances, axis=1)


def _some(count: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(count)[:_HELD_OUT]


def _pixels(images: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1], float32 [N, at most 256], averaged over squares; what fills no square is cut off at the end.

    In an image narrower than a square they are oblongs of its whole width, and so much longer.
    """
    count, height, width, channels = images.shape
    area = height * width * channels / _NUMBERS  # least number of pixels that become one
    side = int(np.ceil(np.sqrt(area)))
    tall = min(max(side, int(np.ceil(area / width))), height)
    wide = min(max(side, int(np.ceil(area / height))), width)
    rows, columns = height // tall, width // wide
    squares = images[:, : rows * tall, : columns * wide].reshape(count, rows, tall, columns, wide, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1) / np.float32(255)
