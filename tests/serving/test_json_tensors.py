"""Values between JSON and arrays that no signature of our own exports has."""

from __future__ import annotations

import base64
import json
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.serving import json_tensors
from aigc_tf.serving.request_error import RequestError
from aigc_tf.serving.signature import ServedSignature, Tensor


def decode(values: list, dtype: tf.DType, *row_shape: int) -> np.ndarray:
    signature = ServedSignature("s", {"x": Tensor(dtype, row_shape, "x:0")}, {})
    return json_tensors.decode(json_tensors.parse(json.dumps({"inputs": values}).encode()), signature, 100)["x"]


@pytest.mark.parametrize("dtype", [tf.int8, tf.uint8, tf.int16, tf.int32, tf.uint32, tf.int64, tf.uint64])
def test_integers_keep_their_whole_range_and_nothing_beyond(dtype):
    array = decode([dtype.min, dtype.max], dtype)
    assert (array.dtype, array.tolist()) == (dtype.as_numpy_dtype, [dtype.min, dtype.max])
    for wrong in (dtype.min - 1, dtype.max + 1, 1.0, True, "1", None, [1], {"b64": "AA=="}):
        with pytest.raises(RequestError):
            decode([wrong], dtype)


def test_strings_and_base64():
    data = bytes(range(256))
    given = [["a", "é"], [{"b64": base64.b64encode(data).decode()}, ""]]
    assert decode(given, tf.string, 2).tolist() == [[b"a", "é".encode()], [data, b""]]
    for wrong in ("\ud800", {"b64": "?"}, {"b64": "A"}, {"b64": 1}, {"b64": "AA==", "more": 1}, 1):
        with pytest.raises(RequestError):
            decode([wrong], tf.string)


def test_booleans_and_floats():
    assert decode([True, False], tf.bool).tolist() == [True, False]
    assert decode([1, 0.5, 1e300], tf.float64).tolist() == [1.0, 0.5, 1e300]
    with pytest.raises(RequestError):
        decode([1], tf.bool)
    with pytest.raises(RequestError):
        decode([1e300], tf.float32)


def test_answers_in_both_forms():
    outputs = {
        "a": np.float32([[0.2, np.nan], [np.inf, -1e-5]]),
        "b_bytes": np.array([b"\x00\xff", b""], object),
        "c": np.array([b"x", "é".encode()], object),
    }
    rows = json.loads(json_tensors.encode(outputs, in_rows=True), parse_constant=str)["predictions"]
    assert rows[0] == {"a": [0.2, "NaN"], "b_bytes": {"b64": "AP8="}, "c": "x"}
    assert rows[1] == {"a": ["Infinity", -1e-5], "b_bytes": {"b64": ""}, "c": "é"}
    columns = json.loads(json_tensors.encode(outputs, in_rows=False), parse_constant=str)["outputs"]
    assert columns["a"] == [[0.2, "NaN"], ["Infinity", -1e-5]]
    assert columns["b_bytes"] == [{"b64": "AP8="}, {"b64": ""}]
    one = {"a": np.arange(6).reshape(3, 2)}
    assert json.loads(json_tensors.encode(one, in_rows=True)) == {"predictions": [[0, 1], [2, 3], [4, 5]]}
    assert json.loads(json_tensors.encode(one, in_rows=False)) == {"outputs": [[0, 1], [2, 3], [4, 5]]}


def test_float32_survives_exactly():
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    found = json.loads(json_tensors.encode({"x": values}, in_rows=False))["outputs"]
    np.testing.assert_array_equal(np.float32(found), values)
    assert max(len(repr(each)) for each in found) < 16


def test_many_floats_take_little_memory():
    values = np.random.default_rng(0).standard_normal((500, 28, 28, 1)).astype(np.float32)
    tracemalloc.start()
    text = json_tensors.encode({"x": values}, in_rows=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(np.float32(json.loads(text)["predictions"]), values)
    assert peak < 5 * len(text)  # all at once they took 128 bytes each as NumPy's text, ten times their JSON


def test_a_type_without_json_form_is_said():
    with pytest.raises(RequestError, match="no form in JSON"):
        json_tensors.encode({"x": np.zeros(2, np.float16)}, in_rows=True)
    with pytest.raises(RequestError, match="no form in JSON"):
        decode([1.0], tf.float16)
