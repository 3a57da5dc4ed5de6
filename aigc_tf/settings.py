"""What a field of a configuration says of itself, beside its type, default and help.

A number's bounds, the names that may stand there, and whether a run that goes on may change it, stand in the field's
annotation:

    steps: Annotated[int | None, Within(1), CHANGEABLE] = None
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Hashable, Mapping
from typing import Any, get_type_hints

from aigc_tf.errors import UserError, unknown
from aigc_tf.registry import Registry

MANY = 2**53
"""Up to here whole numbers are exact in floats, and in everybody's JSON."""


@dataclasses.dataclass(frozen=True)
class Within:
    """The smallest and the largest value of a number, or of each of several; both are allowed, but for an infinite
    one."""

    low: float
    high: float = math.inf

    def check(self, name: str, value: float | tuple[float, ...] | None) -> None:
        """Raise UserError unless `value` of the field `name` is None or lies within; of several, each must."""
        if isinstance(value, tuple):
            for each in value:
                self.check(name, each)
            return
        if value is None:
            return
        if not self.low <= value <= self.high or (isinstance(value, float) and not math.isfinite(value)):
            limit = (
                f"finite and at least {self.low:g}" if math.isinf(self.high) else f"from {self.low:,} to {self.high:,}"
            )
            raise UserError(f"{name} is {value}, but must be {limit}")


@dataclasses.dataclass(frozen=True, eq=False)
class OneOf:
    """The names that a field may hold, or hold any of, none twice."""

    names: Mapping[str, Any]
    kind: str = ""
    """What they are names of, in the plural; a registry knows that itself."""

    def check(self, name: str, value: str | tuple[str, ...]) -> None:
        """Raise UserError unless `value` of the field `name` is one of the names, or a tuple of different ones."""
        chosen = (value,) if isinstance(value, str) else value
        for each in chosen:
            if isinstance(self.names, Registry):
                self.names.check(each)
            elif each not in self.names:
                raise UserError(unknown(each, self.kind, self.names))
        if len(set(chosen)) < len(chosen):
            raise UserError(f"{name} names one twice: {', '.join(chosen)}")


@dataclasses.dataclass(frozen=True)
class _Changeable:
    pass


CHANGEABLE = _Changeable()
"""Marks a field that may change when a run goes on. Everything else decides the model, and is fixed by its start."""


@dataclasses.dataclass(frozen=True)
class Between:
    """Values of a setting to search among: the numbers from `low` to `high`, or where both are whole numbers the whole
    ones. A range of ten times or more is searched by its logarithm."""

    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        return self.low > 0 and self.high >= 10 * self.low


@dataclasses.dataclass(frozen=True)
class Among:
    """Values of a setting to search among: these."""

    values: tuple[bool | int | float | str | None, ...]


@functools.cache
def facts(kind: Hashable) -> dict[str, tuple[Any, ...]]:
    """What the fields of a dataclass say of themselves, by name."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}


def check(config: Any) -> None:
    """Raise UserError where a field of a dataclass holds what its annotation does not allow."""
    for name, said in facts(config.__class__).items():
        for fact in said:
            if isinstance(fact, Within | OneOf):
                fact.check(name, getattr(config, name))


def changeable(kind: type) -> set[str]:
    """Names of the fields that may change when a run goes on."""
    return {name for name, said in facts(kind).items() if CHANGEABLE in said}
