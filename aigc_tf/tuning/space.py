"""Which settings are searched, and among what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

from aigc_tf.config import TrainConfig
from aigc_tf.errors import UserError, unknown
from aigc_tf.families import FAMILIES
from aigc_tf.settings import Among, Between

Space = Mapping[str, Between | Among]
_EXAMPLES = "learning_rate=1e-4..1e-2 or beta_2=0.9,0.99"
# They say where a run lies, how it is watched, and what it is: none of it can make a model better.
_FIXED = ("model", "dataset", "data_dir", "logs", "name", "steps", "epochs", "minutes", "evaluate", "export")


def read(told: Sequence[str], base: TrainConfig) -> Space:
    """The space of these texts, each NAME=LOW..HIGH or NAME=VALUE,VALUE; without any that which the family knows.

    Raises UserError for names and values that `base`, the configuration of all trials, cannot take.
    """
    space = dict(map(_entry, told)) if told else dict(FAMILIES[base.model].tuned)
    if not space:
        raise UserError(f"the family {base.model} names no settings to search: give some with --over, {_EXAMPLES}")
    known = [name for name in base.flat() if name not in _FIXED]
    for name, sought in space.items():
        if name not in known:
            raise UserError(unknown(name, "settings that can be searched", known))
        for value in (sought.low, sought.high) if isinstance(sought, Between) else sought.values:
            changed(base, {name: value})
    return {name: _as_the_setting_is(sought, _type(base, name)) for name, sought in space.items()}


def changed(base: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """`base` with other values of these settings, as JSON has them; raises UserError for those that it cannot take."""
    return TrainConfig.from_json(json.dumps({**json.loads(base.to_json()), **values}), "--over")


def usual(base: TrainConfig, space: Space) -> dict[str, Any]:
    """What stands for `base` itself in the space: its own values, or where it leaves one to a default that depends on
    the data, or has one that lies outside, the nearest or the middle one."""
    return {name: _nearest(base.flat()[name], sought) for name, sought in space.items()}


def _type(base: TrainConfig, name: str) -> Any:
    """The annotated type of a setting, of any run or of the family."""
    return {**get_type_hints(TrainConfig), **get_type_hints(type(base.family))}[name]


def _as_the_setting_is(sought: Between | Among, kind: Any) -> Between | Among:
    """Bounds of a setting that takes any number are no whole ones, even where they are written so."""
    if isinstance(sought, Between) and float in (kind, *get_args(kind)):
        return Between(float(sought.low), float(sought.high))
    return sought


def _nearest(value: Any, sought: Between | Among) -> Any:
    if isinstance(sought, Among):
        return value if value in sought.values else sought.values[0]
    if value is None:
        value = (sought.low * sought.high) ** 0.5 if sought.logarithmic else (sought.low + sought.high) / 2
    whole = isinstance(sought.low, int) and isinstance(sought.high, int)
    return min(max(round(value) if whole else value, sought.low), sought.high)


def _entry(text: str) -> tuple[str, Between | Among]:
    name, equals, values = text.partition("=")
    name = name.strip().lstrip("-").replace("-", "_")
    if not equals or not values:
        raise UserError(f"--over {text}: give a setting and its values, such as {_EXAMPLES}")
    low, dots, high = values.partition("..")
    if not dots:
        return name, Among(tuple(dict.fromkeys(map(_value, values.split(",")))))
    ends = _value(low), _value(high)
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends) or not ends[0] < ends[1]:
        raise UserError(f"--over {text}: {values} must go from a number to a larger one")
    return name, Between(*ends)


def _value(text: str) -> Any:
    """As JSON has it; what is no JSON is a name."""
    try:
        return json.loads(text.strip())
    except ValueError:
        return text.strip()
