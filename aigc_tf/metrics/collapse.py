"""Tells from a few quick judgements during training that a model has collapsed.

Mode collapse (Goodfellow 2016, arXiv:1701.00160, section 5.1.1) shows in three ways that a few thousand samples can
tell: classes are lost, the variety within what is left goes, or the discriminator tells everything apart so that the
model learns nothing any more. Each alone is normal early in training, hence a comparison with the best judgement
of the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WORSE = 2.0  # times the best Fréchet distance
_PATIENCE = 3  # judgements after which a model that was never good should make half of the classes


def symptoms(now: Mapping[str, float], before: Sequence[Mapping[str, float]], num_classes: int) -> list[str]:
    """What speaks for a collapse, a phrase each; empty for a model in order.

    Args:
        now: values by the names of figures; one starts with `fd_`. Missing ones are not looked at.
        before: the same of the judgements before, oldest first.
        num_classes: of the real images.
    """
    found = []
    covered = now.get("class_coverage", num_classes)
    if len(before) + 1 >= _PATIENCE and covered < num_classes / 2:
        found.append(f"it makes {covered:.0f} of {num_classes} classes")
    best = min(before, key=distance, default=None)
    if best is None or distance(now) <= _WORSE * distance(best):
        return found
    if covered < best.get("class_coverage", 0) and not found:
        found.append(f"it makes {covered:.0f} of {num_classes} classes, and made {best['class_coverage']:.0f}")
    # Half of the way from the variety of the best to images that are all alike.
    if now.get("ms_ssim", 0) > (1 + best.get("ms_ssim", 1)) / 2:
        found.append(f"its images are alike: their mean similarity (MS-SSIM) is {now['ms_ssim']:.2f}")
    if now.get("discriminator_accuracy", 0) > 0.99:
        found.append(f"the discriminator tells {now['discriminator_accuracy']:.1%} of the images right")
    return found


def distance(figures: Mapping[str, float]) -> float:
    """The Fréchet distance among figures by name."""
    return next(value for name, value in figures.items() if name.startswith("fd_"))
