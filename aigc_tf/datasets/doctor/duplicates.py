"""Images that show the same, or almost the same.

**The same** are those of one `Facts.digest`. **Almost the same** are those whose thumbnails, 16x16 pixels in colour,
are at most a tenth of their contrast apart (root mean square of the difference against the standard deviation of the
values, which counts as 15 levels of 255 at least), and nowhere more than four tenths: the same picture in another size,
saved anew or sharpened a little. One that was cut, mirrored or recoloured is another, and so is a face with another
mouth.

The thumbnail is the perceptual hash before it is made one: C. Zauner, "Implementation and Benchmarking of Perceptual
Image Hash Functions" (2010), compares those that keep one bit of each of its frequencies or differences. We keep the
values, since on icons, digits and line drawings most of those are near zero, and the sign of what is near zero is
chance.

Images are held against those before them that stay. So the work grows with the number of different images, and 64 sums
of a thumbnail's values spare most of it: over their root, they are never further apart than the thumbnails are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from aigc_tf.datasets.doctor.scan import THUMBNAIL

_APART, _PEAK = 0.1, 0.4  # of the contrast, at most: on the whole, and in any one value
_LEAST_CONTRAST = 15.0  # levels
_AT_ONCE = 256
_BLOCK = 2  # pixels of a thumbnail, on each side, in one of the sums


def same(digests: Sequence[str]) -> list[list[int]]:
    """Rows of the same digest, in groups of two and more, each in its order."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        rows[digest].append(row)
    return [group for group in rows.values() if len(group) > 1]


def almost_same(thumbnails: Sequence[bytes], goes: Callable[[int, int], bool]) -> dict[int, list[int]]:
    """By row, the rows before it that stay and have almost the same thumbnail (see `Facts`), where there are any.

    A row stays unless `goes(row, other)` is true for one of those.
    """
    small = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(len(thumbnails), -1)
    sums = _sums(small)
    norms = np.square(sums).sum(axis=1, keepdims=True)
    one = np.ones_like(norms)
    # So that one product of matrices gives |a - b|² = |a|² - 2ab + |b|².
    left, right = np.hstack([-2 * sums, norms, one]), np.hstack([sums, one, norms])
    contrast = np.empty(len(small), np.float32)
    stays = np.ones(len(small), bool)
    like: dict[int, list[int]] = {}
    for start in range(0, len(small), _AT_ONCE):
        stop = min(start + _AT_ONCE, len(small))
        contrast[start:stop] = np.maximum(small[start:stop].std(axis=1), _LEAST_CONTRAST)
        reach = np.square(_APART * contrast[start:stop, None]) * small.shape[1]
        known = np.flatnonzero(stays[:stop])
        # float32 rounds squares of up to 1e7: a few units more are looked at than need be
        rows, others = np.nonzero(left[start:stop] @ right[known].T <= reach + 16)
        rows, others = rows + start, known[others]
        before = others < rows
        rows, others = rows[before], others[before]
        for row in np.unique(rows):
            candidates = others[np.searchsorted(rows, row) : np.searchsorted(rows, row, "right")]
            candidates = candidates[stays[candidates]]
            alike = candidates[_are_alike(small, contrast, row, candidates)].tolist()
            if alike:
                like[int(row)] = alike
                stays[row] = not any(goes(int(row), other) for other in alike)
    return like


def _are_alike(
    small: npt.NDArray[np.uint8], contrast: npt.NDArray[np.float32], row: int, others: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    apart = np.abs(small[others].astype(np.float32) - small[row])
    granted = np.minimum(contrast[others], contrast[row])
    return (apart.max(axis=1) <= _PEAK * granted) & (np.square(apart).mean(axis=1) <= np.square(_APART * granted))


def _sums(small: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Of the values of each block of a thumbnail, over the root of their number: float32 [N, blocks]."""
    side = THUMBNAIL // _BLOCK
    blocks = small.reshape(len(small), side, _BLOCK, side, _BLOCK, 3)
    in_block = _BLOCK * _BLOCK * 3
    sums = (
        blocks.sum(axis=(2, 4, 5), dtype=np.float32).reshape(len(small), -1) - 128 * in_block
    )  # near 0: less to round
    return sums / np.float32(np.sqrt(in_block))
