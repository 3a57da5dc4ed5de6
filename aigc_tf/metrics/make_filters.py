"""Makes the weights of the eyes for images of any kind, which travel with the package.

    python -m aigc_tf.metrics.make_filters --out aigc_tf/metrics/weights/filters.npz

The filters are normal numbers. The matrix that makes features of what they see is fitted to drawings that are made
here by chance: shapes and strokes of all sizes, on grounds that may be transparent, with light, grain and blur. So it
favours nobody's images, and nobody's licence follows it. The hash printed at the end goes into `filters.HASH`; another
machine gives other last digits, and so another hash.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import tyro
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

_SIDE, _FINER = 32, 3  # pixels of a drawing, and how many times finer it is drawn
_LEAST_VARIANCE = 1e-6  # of the largest: what is below it is rounding


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Draw filters, fit the matrix, and save both."""

    out: Path  # the .npz file to write
    seed: int = 0
    drawings: int = 5_000


def drawing(random: np.random.Generator) -> np.ndarray:
    """Uint8 [32, 32, 4]: shapes by chance on some ground."""
    grey, clear = random.random() < 0.35, random.random() < 0.3
    side = _SIDE * _FINER

    def colour(alpha: int = 255) -> tuple[int, ...]:
        plain = random.random() < 0.3  # black or white
        chosen = np.repeat(random.choice([0, 255]), 3) if plain else random.integers(0, 256, 3)
        return (*(int(each) for each in (np.repeat(chosen[:1], 3) if grey else chosen)), alpha)

    image = Image.new("RGBA", (side, side), colour(0 if clear else 255))
    pencil = ImageDraw.Draw(image)
    for _ in range(int(np.exp(random.uniform(0, np.log(40))))):
        _draw(pencil, random, side, colour())
    pixels = np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32)
    if random.random() < 0.4:  # light from one side
        down, right = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
        angle = random.uniform(0, 2 * np.pi)
        pixels[..., :3] += random.uniform(0, 70) * (np.cos(angle) * right + np.sin(angle) * down)[..., None]
    if random.random() < 0.3:
        grain = random.normal(size=(_SIDE, _SIDE, 1 if grey else 3))
        width = random.choice([0.0, 0.7, 1.5])
        grain = gaussian_filter(grain, (width, width, 0))
        pixels[..., :3] += random.uniform(2, 40) * grain / grain.std()
    if random.random() < 0.3:
        width = random.uniform(0.3, 1.5)
        pixels = gaussian_filter(pixels, (width, width, 0))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _draw(pencil: ImageDraw.ImageDraw, random: np.random.Generator, side: int, ink: tuple[int, ...]) -> None:
    size = side * np.exp(random.uniform(np.log(0.06), np.log(0.7)))
    width = max(1, int(side * np.exp(random.uniform(np.log(0.015), np.log(0.12)))))
    middle = random.uniform(0, side, 2)
    half = size * random.uniform(0.3, 1, 2) / 2
    box = [*(middle - half), *(middle + half)]

    def points(count: int) -> list[tuple[float, float]]:
        return [tuple(middle + size / 2 * random.uniform(-1, 1, 2)) for _ in range(count)]

    kind = random.integers(5)
    if kind == 0:
        pencil.ellipse(box, fill=ink)
    elif kind == 1:
        pencil.ellipse(box, outline=ink, width=width)
    elif kind == 2:
        pencil.polygon(points(random.integers(3, 6)), fill=ink)
    elif kind == 3:
        start = random.uniform(0, 360)
        pencil.arc(box, start, start + random.uniform(60, 300), fill=ink, width=width)
    else:
        pencil.line(points(random.integers(2, 5)), fill=ink, width=width, joint="curve")


def make(seed: int, drawings: int) -> dict[str, np.ndarray]:
    """The arrays of `filters.WEIGHTS`, float32, by name."""
    import tensorflow as tf

    from aigc_tf.metrics import filters

    random, kernels, channels = np.random.default_rng(seed), [], 4
    for count in filters.LEVELS:
        kernel = random.standard_normal((3, 3, channels, count)) * np.sqrt(2 / (9 * channels))
        kernels.append(kernel.astype(np.float32))
        channels = count
    images = np.stack([drawing(random) for _ in range(drawings)])
    parts = [filters.moments(tf.constant(images[start : start + 200]), kernels) for start in range(0, drawings, 200)]
    seen = np.concatenate(parts).astype(np.float64)
    variances, directions = np.linalg.eigh(np.cov(seen.T))
    kept = np.maximum(variances, _LEAST_VARIANCE * variances.max())
    turned = random.standard_normal((len(kept), filters.FEATURES))
    matrix = (directions / np.sqrt(kept)) @ turned
    mean = seen.mean(axis=0)
    matrix /= np.sqrt(((seen - mean) @ matrix).var(axis=0).mean())  # drawings have features of variance 1 on average
    arrays = {f"filters{level}": kernel for level, kernel in enumerate(kernels)}
    return {**arrays, "mean": mean.astype(np.float32), "matrix": matrix.astype(np.float32)}


def main(arguments: Arguments) -> None:
    """Make, save, and print the hash of the weights."""
    from aigc_tf.metrics import weights_file

    arrays = make(arguments.seed, arguments.drawings)
    weights_file.write_arrays(arguments.out, arrays)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, {weights_file.weights_hash(arrays)}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
