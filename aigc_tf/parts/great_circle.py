"""Ways between latents."""

from __future__ import annotations

import numpy as np


def between(start: np.ndarray, end: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Points [..., Z], the shares [..., 1] of the way along the great circles from latents `start` to `end`.

    Straight lines would cut through the middle, where a normal distribution in many dimensions has no mass (White
    2016, https://arxiv.org/abs/1609.04468).
    """
    lengths = np.linalg.norm(start, axis=-1, keepdims=True) * np.linalg.norm(end, axis=-1, keepdims=True)
    cosine = (start * end).sum(axis=-1, keepdims=True) / lengths
    angle = np.arccos(np.clip(cosine, -0.9999, 0.9999))  # of one dimension all angles are 0 or π: no division by 0
    return (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)
