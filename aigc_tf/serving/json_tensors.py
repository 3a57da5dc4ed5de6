"""The JSON of TensorFlow Serving's REST interface: row form (`instances`) and column form (`inputs`).

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from aigc_tf.serving.request_error import RequestError, invalid
from aigc_tf.serving.signature import ServedSignature, check_rows

_VALUES_AT_ONCE = 10_000


def parse(body: bytes) -> dict[str, Any]:
    """The request's JSON object; NaN and Infinity are allowed as tokens. RequestError where it is none.

    As in TensorFlow Serving a byte order mark may come before it, a zero byte ends the text, and of a key that is given
    twice the first counts.
    """
    try:
        text = body.decode("utf-8-sig").partition("\0")[0]
        request = json.loads(text, object_pairs_hook=_first_of_each)
    except (ValueError, RecursionError) as error:  # also: not UTF-8, numbers of thousands of digits
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise invalid(f"the body is a JSON {_kind(request)}, expected an object")
    if not isinstance(request.get("signature_name", ""), str):
        raise invalid("'signature_name' key must be a string value")
    return request


def decode(request: Mapping[str, Any], signature: ServedSignature, max_rows: int) -> dict[str, np.ndarray]:
    """Arrays [N, ...] by input name; RequestError where a type, a shape or the number of rows is wrong.

    Columns may hold more than the inputs: as in TensorFlow Serving nobody looks at the rest.
    """
    if ("instances" in request) == ("inputs" in request):
        raise invalid("expected exactly one of the keys 'instances' and 'inputs'")
    columns = _from_rows(request["instances"], signature, max_rows) if "instances" in request else request["inputs"]
    if not isinstance(columns, dict) or _is_base64(columns):
        columns = {_only_input(signature, "inputs"): columns}
    if not signature.inputs.keys() <= columns.keys():
        signature.check_names(columns)
    return {name: _array(name, columns[name], signature, max_rows) for name in signature.inputs}


def encode(outputs: Mapping[str, np.ndarray], in_rows: bool) -> bytes:
    """The answer's JSON: `predictions` in row form, `outputs` in column form; one output goes without its name."""
    columns = {name: [json.dumps(row) for row in _rows(name, array)] for name, array in outputs.items()}
    if in_rows:
        return f'{{"predictions": {_list(_named(dict(zip(columns, row))) for row in zip(*columns.values()))}}}'.encode()
    return f'{{"outputs": {_named({name: _list(rows) for name, rows in columns.items()})}}}'.encode()


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _named(texts: Mapping[str, str]) -> str:
    """An object of JSON texts, or the only one by itself."""
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(texts) + "]"


def _rows(name: str, array: np.ndarray) -> Iterator[Any]:
    """The rows of an output as Python's values, made a few at a time: they are far larger than the array."""
    rows_at_once = max(1, _VALUES_AT_ONCE * len(array) // max(1, array.size))
    for start in range(0, len(array), rows_at_once):
        yield from _json_values(name, array[start : start + rows_at_once])


def _from_rows(instances: Any, signature: ServedSignature, max_rows: int) -> dict[str, list]:
    if not isinstance(instances, list) or not instances:
        raise invalid("'instances' must be a list with at least one element")
    check_rows(len(instances), max_rows)
    named = [isinstance(row, dict) and not _is_base64(row) for row in instances]
    if not any(named):
        return {_only_input(signature, "instances"): instances}
    for number, row in enumerate(instances):
        if not named[number] or set(row) != set(signature.inputs):
            expected = ", ".join(sorted(signature.inputs))
            raise invalid(f"element {number} of 'instances' must be an object with exactly the keys: {expected}")
    return {name: [row[name] for row in instances] for name in signature.inputs}


def _only_input(signature: ServedSignature, key: str) -> str:
    if len(signature.inputs) != 1:
        raise invalid(f"'{key}' gives values without names, but the inputs are {', '.join(signature.inputs)}")
    return next(iter(signature.inputs))


def _array(name: str, value: Any, signature: ServedSignature, max_rows: int) -> np.ndarray:
    """Nested lists, all of one shape, as an array of exactly the input's type."""
    shape = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    signature.check_shape(name, tuple(shape), max_rows)  # before each of perhaps millions of values is looked at
    values = [value]
    for depth, size in enumerate(shape):
        if any(not isinstance(item, list) or len(item) != size for item in values):
            raise invalid(f"input {name}: the lists at depth {depth + 1} differ in length, or are not all lists")
        values = list(itertools.chain.from_iterable(values))
    dtype = signature.inputs[name].dtype
    convert = _converter(dtype)
    try:
        values = [convert(item) for item in values]
    except (TypeError, OverflowError):
        wrong = next(item for item in values if not _converts(item, convert))
        shown = json.dumps(wrong)[:80]
        raise invalid(f"input {name}: {shown} ({_kind(wrong)}) is not of expected type: {dtype.name}") from None
    array = np.empty(len(values), dtype.as_numpy_dtype)
    array[:] = values
    return array.reshape(shape)


def _converter(dtype: tf.DType) -> Callable[[Any], Any]:
    if dtype == tf.string:
        return _bytes
    if dtype == tf.bool:
        return _bool
    if dtype.is_integer:
        return lambda item: _integer(item, dtype.min, dtype.max)
    if dtype in (tf.float32, tf.float64):
        return lambda item: _float(item, float(dtype.max))
    raise RequestError.of_number(tf.errors.UNIMPLEMENTED, f"type {dtype.name} has no form in JSON")


def _integer(item: Any, lowest: int, highest: int) -> int:
    if type(item) is not int:  # a bool is an int to isinstance, and 1.0 is none here
        raise TypeError
    if not lowest <= item <= highest:
        raise OverflowError
    return item


def _float(item: Any, highest: float) -> float:
    if type(item) not in (int, float):
        raise TypeError
    value = float(item)  # a whole number may lose digits, as in TensorFlow Serving
    if highest < abs(value) < float("inf"):
        raise OverflowError
    return value


def _bool(item: Any) -> bool:
    if type(item) is not bool:
        raise TypeError
    return item


def _bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return _utf8(item)
    if not _is_base64(item):
        raise TypeError
    try:
        return base64.b64decode(item["b64"], validate=True)
    except (binascii.Error, ValueError):
        raise invalid("unable to decode a value of base64") from None


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # JSON can write half of a surrogate pair
        raise invalid("a string holds half of a surrogate pair, which is no character") from None


def _is_base64(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == {"b64"} and isinstance(item["b64"], str)


def _converts(item: Any, convert: Callable[[Any], Any]) -> bool:
    try:
        convert(item)
    except (TypeError, OverflowError):
        return False
    return True


def _json_values(name: str, array: np.ndarray) -> list:
    if array.dtype == object:
        flat = [_json_string(name, item) for item in array.reshape(-1)]
        return _nested(flat, array.shape)
    if array.dtype == np.float32:
        # The shortest decimals of float32, such as 0.2; as float64 it would be 0.20000000298023224.
        return array.astype("U").astype(np.float64).tolist()
    if array.dtype == np.float64 or array.dtype.kind in "iub":
        return array.tolist()
    raise invalid(f"output {name} has the type {array.dtype}, which has no form in JSON")


def _json_string(name: str, item: bytes) -> Any:
    if name.endswith("_bytes"):
        return {"b64": base64.b64encode(item).decode()}
    return item.decode(errors="replace")


def _nested(flat: list, shape: tuple[int, ...]) -> list:
    for size in reversed(shape[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)]
    return flat


def _kind(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "decimal"}
    return names.get(type(value), "null")
