"""A family for tests: one dense layer that turns noise into content with the mean and the spread of the data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

from aigc_tf.families.family import Family, FamilyConfig
from aigc_tf.settings import Within

if TYPE_CHECKING:
    from aigc_tf.config import TrainConfig
    from aigc_tf.datasets.spec import DataSpec
    from aigc_tf.families.model import GenerativeModel


@dataclasses.dataclass(frozen=True)
class ToyConfig(FamilyConfig):
    noise_dim: Annotated[int, Within(1, 1000)] = 4
    """Numbers of noise."""
    rate: Annotated[float, Within(0, 1)] = 0.05
    """Learning rate."""
    ema_half_life: Annotated[float, Within(0)] = 100.0
    """Half-life of the moving average, in examples."""
    ema_ramp_up: Annotated[float, Within(0)] = 0.1
    """Share of the examples seen that the half-life is at most."""

    @property
    def title(self) -> str:
        return "toy"


def create(spec: DataSpec, config: TrainConfig) -> GenerativeModel:
    from aigc_tf.families.toy.model import Toy

    return Toy.made(spec, config)


FAMILY = Family(ToyConfig, create, {"toy-small": {"noise_dim": 2}})
