"""What a family of generative models declares. Importing this module imports no TensorFlow."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aigc_tf.settings import Among, Between, check

if TYPE_CHECKING:
    from aigc_tf.config import TrainConfig
    from aigc_tf.datasets.spec import DataSpec
    from aigc_tf.families.model import GenerativeModel


@dataclasses.dataclass(frozen=True)
class FamilyConfig(abc.ABC):
    """The settings of a family, which lie flat beside those of every run among the flags and in config.json.

    Every family has two for the moving average of what it samples with: `ema_half_life`, in examples, 0 for no
    averaging, and `ema_ramp_up`, the share of the examples seen so far that the half-life is at most, 0 for no limit.
    """

    default_steps: ClassVar[int] = 6_000
    """The budget of a run that none was given."""
    before: ClassVar[Mapping[str, Any]] = {}
    """What runs were made with whose record has no such field, since there was none."""

    if TYPE_CHECKING:  # in each family in its own place among the flags

        @property
        def ema_half_life(self) -> float: ...

        @property
        def ema_ramp_up(self) -> float: ...

    def __post_init__(self) -> None:
        check(self)

    @property
    def batches_per_step(self) -> int:
        """Global batches of real examples that one training step takes."""
        return 1

    @property
    def no_parent(self) -> str:
        """Why nothing can be begun with the weights of such a run, as part of a sentence; mostly empty."""
        return ""

    @property
    def learned(self) -> frozenset[str]:
        """Names of settings that runs may change midway in general, but not this one: its weights are made for them."""
        return frozenset()

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """A few words for the name of a run's folder, joined by hyphens."""


@dataclasses.dataclass(frozen=True)
class Family:
    """One way to learn and to sample.

    Attributes:
        config: its settings.
        create: the compiled, untrained model that a configuration describes, made under the strategy's scope with
            weights from the global seed (`tf.keras.utils.set_random_seed`).
        measures: its own, in METRICS, beside those of the content that it makes.
        quick_measures: those of them that are quick enough while it trains.
        curves: what `curves.png` shows of its training: names of panels, and of the figures in each.
        presets: recipes by name, each the settings (of the family or of every run) in which it differs from the
            defaults.
        tuned: settings that are worth a search where nobody names others, and among what (`python -m aigc_tf tune`).
    """

    config: type[FamilyConfig]
    create: Callable[[DataSpec, TrainConfig], GenerativeModel]
    presets: Mapping[str, Mapping[str, Any]]
    measures: tuple[str, ...] = ()
    quick_measures: tuple[str, ...] = ()
    curves: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    tuned: Mapping[str, Between | Among] = dataclasses.field(default_factory=dict)
