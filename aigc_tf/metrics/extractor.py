"""The contract of what looks at images for the measures: a feature extractor that is named, hashed and recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from aigc_tf.metrics import feature_cache
from aigc_tf.metrics.evidence import Observations
from aigc_tf.paths import default_cache


@dataclasses.dataclass(frozen=True)
class Extractor:
    """What looks at images, with what identifies it in a record. Figures compare only under one hash and resizer.

    Attributes:
        name: what a person calls it ("lenet-mnist", "inception-2015-12-05", the path of a file).
        short: ends the names of figures made from its features (`fd_lenet`). "inception" is kept for the published
            weights of the FID; letters, digits and underscores only.
        hash: "sha256:…" of its weights or files.
        resizer: how images come to the size it wants, in words; "none" where they are looked at as they are.
        held_out_accuracy: share in [0, 1] of the data set's held-out images that it told right when it was made; None
            where it does not tell the data set's classes.
        num_features: D of the features [N, D].
        look: uint8 [N, H, W, C] → Observations of these N images, in one go. `observe` is what to call.
        batch_size: how many images to look at in one go.
        looks: batches of images → Observations of each, in their order; None: `look` at one after the other.
        caution: a sentence for the record about the extractor itself; mostly empty.
    """

    name: str
    short: str
    hash: str
    resizer: str
    held_out_accuracy: float | None
    num_features: int
    look: Callable[[np.ndarray], Observations]
    batch_size: int
    looks: Callable[[Iterable[np.ndarray]], Iterator[Observations]] | None = None
    caution: str = ""


def observe(
    extractor: Extractor,
    images: np.ndarray,
    *,
    content: str | None = None,
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> Observations:
    """What `extractor` sees in uint8 images [N, H, W, C]: float32 features [N, D], and probabilities if it tells any.

    Batches start at fixed rows, so the last digits of an image's features depend on nothing but its place in the set.

    Args:
        content: names exactly these images in this order by their content (a hash): what was seen of them is then
            read from the cache, or kept there. None: nothing is kept.
        cache: folder for what was seen; None for `default_cache()`.
        progress: is called after each batch with the number of images in it.

    Raises ValueError for images of another type or shape, and for features that are not finite.
    """
    check_images(images)
    progress = progress or (lambda count: None)

    def look() -> Observations:
        seen = []
        starts = range(0, len(images), extractor.batch_size)
        batches = (images[start : start + extractor.batch_size] for start in starts)
        for part in map(extractor.look, batches) if extractor.looks is None else extractor.looks(batches):
            seen.append(part)
            progress(len(part))
        return _joined(seen)

    if content is None:
        return look()
    path = feature_cache.path(cache or default_cache(), extractor.hash, extractor.resizer, content)
    seen = feature_cache.read(path, len(images))
    if seen is not None:
        progress(len(images))
        return seen
    seen = look()
    feature_cache.write(path, seen)
    return seen


def cautions(extractor: Extractor, num_real: int, num_generated: int) -> tuple[str, ...]:
    """Sentences for the record's warnings: what a reader must know about figures made from these features."""
    found: tuple[str, ...] = (extractor.caution,) if extractor.caution else ()
    fewest = min(num_real, num_generated)
    if fewest <= extractor.num_features:
        found += (
            f"{fewest:,} images are too few for the {extractor.num_features:,} features of {extractor.name}: their "
            "covariance is singular, and distances between distributions come out too large; compare them only under "
            "the same number of images",
        )
    return found


def check_images(images: np.ndarray) -> None:
    """Raise ValueError unless these are images as the measures judge them: uint8 [N, H, W, C], at least one."""
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(
            f"expected uint8 images [N, H, W, C], at least one, not {images.dtype} {images.shape}; "
            "round floats in [-1, 1] with aigc_tf.metrics.quantise.quantise"
        )


def _joined(parts: list[Observations]) -> Observations:
    """Observations of consecutive batches as one."""
    fields = [field for field in feature_cache.FIELDS if getattr(parts[0], field) is not None]
    return Observations(**{field: np.concatenate([getattr(part, field) for part in parts]) for field in fields})
