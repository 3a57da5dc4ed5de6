"""How training images are changed by chance each time that one is shown. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from aigc_tf.settings import Within


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """A probability for each of `parts/augmentations` that makes sense on data, and how far it goes.

    All are off by default. What they do, the model learns: only that should be on which makes one good image of
    another. (What a GAN's `augment` does is not learned.)
    """

    flip: Annotated[float, Within(0, 1)] = 0.0
    """Share of the training images that are mirrored, left to right; drawn anew each time that one is shown, as for
    all of these. The model learns what they make: only what leaves an image a good one should be on."""
    flip_vertical: Annotated[float, Within(0, 1)] = 0.0
    """Share of them that are mirrored, upside down."""
    shift: Annotated[float, Within(0, 1)] = 0.0
    """Share of them that are shifted by whole pixels; what moves in is their mirror image."""
    shift_by: Annotated[float, Within(0, 1)] = 0.125
    """How far at most, as a share of either side."""
    rotate: Annotated[float, Within(0, 1)] = 0.0
    """Share of them that are turned."""
    rotate_by: Annotated[float, Within(0, 180)] = 15.0
    """How far at most, to either side, in degrees."""
    zoom: Annotated[float, Within(0, 1)] = 0.0
    """Share of them that are enlarged or made smaller."""
    zoom_by: Annotated[float, Within(0, 10)] = 0.2
    """How much at most: 0.2 is from 1/1.2 to 1.2 times."""
    crop: Annotated[float, Within(0, 1)] = 0.0
    """Share of them of which a part, anywhere, is shown enlarged to the whole."""
    crop_by: Annotated[float, Within(0, 0.99)] = 0.25
    """Share of either side that is cut away at most."""
    colour: Annotated[float, Within(0, 1)] = 0.0
    """Share of them that change in brightness, contrast and saturation."""
    colour_by: Annotated[float, Within(0, 1)] = 0.2
    """How much at most: contrast from 1 - 0.2 to 1 + 0.2 times, brightness by a tenth of the way from black to white,
    saturation from 1 - 0.4 to 1 + 0.4 times."""

    @property
    def augmentations(self) -> dict[str, tuple[float, float]]:
        """Probability and reach of those that are on, by their names in `parts/augmentations`."""
        chosen = {}
        for field in dataclasses.fields(AugmentationConfig):
            if not field.name.endswith("_by") and (probability := getattr(self, field.name)):
                chosen[field.name] = (probability, getattr(self, f"{field.name}_by", 0.0))
        return chosen
