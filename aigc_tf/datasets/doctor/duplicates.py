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
of a thumbnail's values spare most of it: over their root, they are never further apart than the thumbnails are. Where
those of many are near (a camera that stands still), the nearest 64 are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from aigc_tf.datasets.doctor.scan import THUMBNAIL

_APART, _PEAK = 0.1, 0.4  # of the contrast, at most: on the whole, and in any one value
_LEAST_CONTRAST = 15.0  # levels
_NEAREST = 64
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
    variance = np.empty(len(small))
    stays = np.ones(len(small), bool)
    like: dict[int, list[int]] = {}
    for start in range(0, len(small), _AT_ONCE):
        stop = min(start + _AT_ONCE, len(small))
        variance[start:stop] = np.maximum(_variance(small[start:stop]), _LEAST_CONTRAST**2)
        reach = (_APART**2 * small.shape[1] * variance[start:stop, None]).astype(np.float32)
        known = np.flatnonzero(stays[:stop])
        # float32 rounds squares of up to 1e7: a few units more are looked at than need be
        squares = left[start:stop] @ right[known].T
        near = squares <= reach + 16
        for row in start + np.flatnonzero(near.any(axis=1)):
            columns = np.flatnonzero(near[row - start])
            columns = columns[(known[columns] < row) & stays[known[columns]]]
            if len(columns) > _NEAREST:
                columns = np.sort(columns[squares[row - start, columns].argsort(kind="stable")[:_NEAREST]])
            candidates = known[columns]
            alike = candidates[_are_alike(small, variance, row, candidates)].tolist()
            if alike:
                like[int(row)] = alike
                stays[row] = not any(goes(int(row), other) for other in alike)
    return like


def _variance(small: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Of each row: from sums of whole numbers, so that it is the same on every processor."""
    values = small.astype(np.int64)
    count = values.shape[1]
    return (count * np.square(values).sum(axis=1) - np.square(values.sum(axis=1))) / count**2


def _are_alike(
    small: npt.NDArray[np.uint8], variance: npt.NDArray[np.float64], row: int, others: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    squares = np.square(small[others].astype(np.int32) - small[row])
    granted = np.minimum(variance[others], variance[row])
    return (squares.max(axis=1) <= _PEAK**2 * granted) & (squares.sum(axis=1) <= _APART**2 * small.shape[1] * granted)


def _sums(small: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Of the values of each block of a thumbnail, over the root of their number: float32 [N, blocks]."""
    side = THUMBNAIL // _BLOCK
    blocks = small.reshape(len(small), side, _BLOCK, side, _BLOCK, 3)
    in_block = _BLOCK * _BLOCK * 3
    sums = (
        blocks.sum(axis=(2, 4, 5), dtype=np.float32).reshape(len(small), -1) - 128 * in_block
    )  # near 0: less to round
    return sums / np.float32(np.sqrt(in_block))
