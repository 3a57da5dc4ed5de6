"""Brightness, contrast, sharpness and saturation: what anybody sees in images without having learned their classes.

Definition: each is a mean over images of one value an image, from pixels scaled to [0, 1]; grey is the mean of the
colour channels, and a fourth channel (alpha) is left out. Brightness is the mean of grey. Contrast is its standard
deviation (the RMS contrast of Peli 1990, "Contrast in complex images"). Sharpness is the standard deviation of the
discrete Laplacian of grey, four neighbours against the middle, at all pixels that have four neighbours: the root of
the variance of the Laplacian by which cameras focus (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
microscopy"). Saturation, of images in colour only, is the mean over pixels of (max - min) / max of the three
channels, 0 for black. That such plain statistics give generated images away is shown by McCloskey & Albright 2018
(arXiv:1812.08247).

Range: brightness and saturation 0 to 1, contrast 0 to ½, sharpness 0 to 4. Direction: neither; the reference is the
same figure of the held-out real images, and both sides of it are wrong. Blur lowers the sharpness, noise raises it.
Interval: normal, over the generated images.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need

_MOST = {"brightness": 1.0, "contrast": 0.5, "sharpness": 4.0, "saturation": 1.0}
_CHUNK = 500  # images turned into float32 at a time


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`brightness`, `contrast`, `sharpness`, and for images in colour `saturation`.

    Raises ValueError where real and generated images differ in shape: sharpness depends on the size of an image.
    """
    real = need(evidence.real, "images", "real")
    generated = need(evidence.generated, "images", "generated")
    if real.shape[1:] != generated.shape[1:]:
        raise ValueError(f"real images are {real.shape[1:]}, generated ones {generated.shape[1:]}: resize one of them")
    references = statistics(real)
    return {
        name: Figure(
            float(values.mean()),
            better="neither",
            reference=float(references[name].mean()),
            interval=intervals.of_mean(values, 0, _MOST[name]),
            judged_by="pixels",
        )
        for name, values in statistics(generated).items()
    }


def statistics(images: np.ndarray) -> dict[str, np.ndarray]:
    """One value an image, float64 [N], under the name of each statistic, of uint8 images [N, H, W, C]."""
    parts = [_of_chunk(images[start : start + _CHUNK]) for start in range(0, len(images), _CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float64) for name in parts[0]}


def _of_chunk(images: np.ndarray) -> dict[str, np.ndarray]:
    colours = images[..., :3] / np.float32(255)
    grey = colours.mean(axis=-1)
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    laplacian = neighbours - 4 * grey[:, 1:-1, 1:-1]
    each = {
        "brightness": grey.mean(axis=(1, 2)),
        "contrast": grey.std(axis=(1, 2)),
        "sharpness": laplacian.std(axis=(1, 2)),
    }
    if colours.shape[-1] == 3:
        most = colours.max(axis=-1)
        chroma = most - colours.min(axis=-1)
        each["saturation"] = np.divide(chroma, most, out=np.zeros_like(most), where=most > 0).mean(axis=(1, 2))
    return each
