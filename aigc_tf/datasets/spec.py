"""What the rest of the house may know about a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aigc_tf.modalities import MODALITIES

if TYPE_CHECKING:  # it knows NumPy, which a command line does without
    from aigc_tf.modalities.modality import Modality


FEW = 1000
"""Examples below which a model learns them by heart, unless they are much alike."""


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Description of the content a model is trained on; it travels with the run, without the content.

    Attributes:
        shape: of one example; images have (height, width, channels), height and width from 8 up, channels 1, 3 or 4.
        num_classes: number of labels; 0 where the examples carry none.
        num_examples: examples in the training split.
        class_names: one name per label, in label order.
        fingerprint: hash of the content of all splits, "sha256:<64 hex digits>".
        source: where the content came from, in words.
        licence: terms under which it may be used.
        name: the name in DATASETS that gives this very content again, where it is not the one it was asked for by.
        kind: what the content is, a name in MODALITIES.
        class_counts: training examples of each class, in label order; empty where nobody counted them.
        figures: JSON values that were found out about the content before it was learned, by name; mostly empty.

    Raises UserError for a shape that cannot be learned.
    """

    shape: tuple[int, ...]
    num_classes: int
    num_examples: int
    class_names: tuple[str, ...]
    fingerprint: str
    source: str
    licence: str
    name: str = ""
    kind: str = "image"
    class_counts: tuple[int, ...] = ()
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.modality.check(self.shape)

    @property
    def modality(self) -> Modality:
        """How such content is handled."""
        return MODALITIES[self.kind]

    @property
    def class_weights(self) -> tuple[int, ...]:
        """In what proportions classes are asked for where nobody cares: those of the training examples, or equal ones
        where nobody counted."""
        return self.class_counts or (1,) * self.num_classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of images; for what handles images only."""
        height, width, channels = self.shape
        return height, width, channels

    def as_dict(self) -> dict[str, Any]:
        """The form in which data.json holds it."""
        values = dataclasses.asdict(self)
        if not self.figures:
            del values["figures"]
        return {f"{self.kind}_shape": values.pop("shape"), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataSpec:
        """From that form; KeyError or TypeError for what has another."""
        others = dict(values)
        shape = tuple(others.pop(f"{others.get('kind', 'image')}_shape"))
        lists = {name: tuple(others.get(name, ())) for name in ("class_names", "class_counts")}
        return cls(**{**others, "shape": shape, **lists})
