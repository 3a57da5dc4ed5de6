"""Settings from JSON values, with errors that name the field, what stands there, and what may."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

import dacite

from aigc_tf.errors import UserError
from aigc_tf.paths import expanded
from aigc_tf.settings import OneOf, facts

T = TypeVar("T")

_JSON_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text in quotes",
    Path: "a path in quotes",
    tuple[int, ...]: "a list of whole numbers, such as [256, 512],",
    tuple[str, ...]: "a list of names in quotes",
}


def read(kind: type[T], values: dict[str, Any]) -> T:
    """The dataclass `kind` of these values by field; fields that are left out take their defaults.

    Raises UserError for a value that a field cannot hold.
    """
    tuples = dict.fromkeys((tuple[str, ...], tuple[int, ...]), _to_tuple)
    hooks: dict[Any, Any] = {float: _to_float, int: _to_int, Path: _to_path, **tuples}
    try:
        return dacite.from_dict(kind, values, dacite.Config(type_hooks=hooks, strict=True))
    except dacite.WrongTypeError as error:
        field = str(error.field_path)
        given = json.dumps(values[field])[:80]
        raise UserError(f"{field} is {given}, but must be {_expected(kind, field)}") from None
    except dacite.DaciteError as error:
        raise UserError(str(error)) from None


def _expected(kind: type, name: str) -> str:
    """What the field may hold, in words and as JSON writes it."""
    hint = typing.get_type_hints(kind)[name]
    kinds = [each for each in typing.get_args(hint) if each is not type(None)]
    optional = len(kinds) == 1 and type(None) in typing.get_args(hint)
    given = kinds[0] if optional else hint
    if typing.get_origin(given) is Literal:
        return f"one of {', '.join(typing.get_args(given))}" + (" or null" if optional else "")
    for choice in facts(kind)[name]:
        if isinstance(choice, OneOf):
            names = ", ".join(choice.names)
            one = next(iter(choice.names))
            return f'a list, such as ["{one}"], of any of {names}' if typing.get_origin(hint) else f"one of {names}"
    return _JSON_KINDS[given] + (" or null" if optional else "")


def _to_float(value: Any) -> Any:
    """JSON writes 1.0 and 1 as it likes; both are a float to us."""
    try:
        return float(_to_int(value)) if isinstance(value, int) else value
    except OverflowError:
        raise dacite.WrongTypeError(float, value) from None


def _to_int(value: Any) -> Any:
    """Python counts True as 1; a person who writes it means something else."""
    if isinstance(value, bool):
        raise dacite.WrongTypeError(int, value)
    return value


def _to_path(value: Any) -> Any:
    """JSON has text only."""
    return expanded(value) if isinstance(value, str) else value


def _to_tuple(value: Any) -> Any:
    """JSON has lists only."""
    return tuple(value) if isinstance(value, list) else value
