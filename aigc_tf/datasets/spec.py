"""What the rest of the house may know about a data set of images."""

from __future__ import annotations

import dataclasses

from aigc_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Description of the images a model is trained on; it travels with the run, without the images.

    Attributes:
        image_shape: (height, width, channels) in pixels; height and width from 8 up, channels 1, 3 or 4.
        num_classes: number of labels; 0 where the images carry none.
        num_examples: images in the training split.
        class_names: one name per label, in label order.
        fingerprint: hash of the content of all splits, "sha256:<64 hex digits>".
        source: where the images came from, in words.
        licence: terms under which the images may be used.
        name: the name in DATASETS that gives these very images again, where it is not the one they were asked for by.
    """

    image_shape: tuple[int, int, int]
    num_classes: int
    num_examples: int
    class_names: tuple[str, ...]
    fingerprint: str
    source: str
    licence: str
    name: str = ""

    def __post_init__(self) -> None:
        height, width, channels = self.image_shape
        if min(height, width) < 8 or channels not in (1, 3, 4):
            raise UserError(
                f"images of {height}x{width} pixels with {channels} channels cannot be used: "
                "height and width must be at least 8, channels 1, 3 or 4"
            )
