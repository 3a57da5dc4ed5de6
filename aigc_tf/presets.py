"""The recipes of all families by name."""

from __future__ import annotations

from aigc_tf.config import TrainConfig
from aigc_tf.families import FAMILIES

PRESETS: dict[str, TrainConfig] = {
    name: TrainConfig.of(model=model, **changes)
    for model, family in FAMILIES.items()
    for name, changes in family.presets.items()
}
