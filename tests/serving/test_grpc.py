"""The gRPC interface: the same bytes, the same choices and the same refusals as over REST."""

from __future__ import annotations

import base64
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.wrappers_pb2 import Int64Value
from stand_in import ask
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

IMAGE = (16, 16, 1)  # of the model under test


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc, [("grpc.enable_http_proxy", 0)]) as opened:
        yield opened


@pytest.fixture(scope="module")
def stub(channel) -> prediction_service_pb2_grpc.PredictionServiceStub:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(inputs: dict, **spec) -> predict_pb2.PredictRequest:
    tensors = {
        name: value if isinstance(value, TensorProto) else tf.make_tensor_proto(value) for name, value in inputs.items()
    }
    return predict_pb2.PredictRequest(model_spec=model_pb2.ModelSpec(**{"name": "digits", **spec}), inputs=tensors)


def refused(call, message) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=30)
    return caught.value.code(), caught.value.details()


def claimed(shape: list[int], dtype: int = tf.int64.as_datatype_enum, **value: list) -> TensorProto:
    """One value that is said to stand for a whole shape."""
    tensor = TensorProto(dtype=dtype, **(value or {"int64_val": [1]}))
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def test_the_same_bytes_as_over_rest(server, stub):
    seeds = np.array([3, -9, 2**50], np.int64)
    reply = stub.Predict(request({"seed": seeds}), timeout=30)
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("digits", 2)
    assert reply.model_spec.signature_name == "serving_default"
    rest = ask(server.rest, "/v1/models/digits:predict", {"instances": seeds.tolist()})[1]["predictions"]
    assert list(reply.outputs["image_bytes"].string_val) == [base64.b64decode(each["b64"]) for each in rest]


def test_the_same_floats_as_over_rest(server, stub):
    latent = np.random.default_rng(1).standard_normal((2, 8)).astype(np.float32)
    reply = stub.Predict(request({"latent": latent}, signature_name="decode"), timeout=30)
    body = {"signature_name": "decode", "inputs": latent.astype(float).tolist()}
    rest = ask(server.rest, "/v1/models/digits:predict", body)[1]["outputs"]
    np.testing.assert_array_equal(tf.make_ndarray(reply.outputs["image"]), np.float32(rest))


def test_versions_and_labels_choose(stub):
    for spec, number in (
        ({"version": Int64Value(value=1)}, 1),
        ({"version_label": "stable"}, 1),
        ({"version_label": "canary"}, 2),
    ):
        assert stub.Predict(request({"seed": np.array([1])}, **spec), timeout=30).model_spec.version.value == number


def test_status_and_metadata(channel, stub):
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    message = get_model_status_pb2.GetModelStatusRequest(model_spec=model_pb2.ModelSpec(name="digits"))
    entries = models.GetModelStatus(message, timeout=30).model_version_status
    message.model_spec.version_label = "none"
    assert models.GetModelStatus(message, timeout=30).model_version_status == entries  # labels are passed over
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(each.version, each.state, each.status.error_code) for each in entries] == [
        (2, available, 0),
        (1, available, 0),
    ]
    message = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=model_pb2.ModelSpec(name="digits", version_label="stable"), metadata_field=["signature_def"]
    )
    reply = stub.GetModelMetadata(message, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(signatures)
    assert reply.model_spec.version.value == 1
    assert signatures.signature_def["decode"].inputs["latent"].tensor_shape.dim[1].size == 8
    message.metadata_field[:] = ["signature_def", "signature_def"]
    assert stub.GetModelMetadata(message, timeout=30) == reply
    for wrong in (["weights"], ["signature_def", "weights"], []):
        message.metadata_field[:] = wrong
        assert refused(stub.GetModelMetadata, message)[0] == grpc.StatusCode.INVALID_ARGUMENT
    message = get_model_status_pb2.GetModelStatusRequest(model_spec=model_pb2.ModelSpec(name="../digits"))
    assert refused(models.GetModelStatus, message)[0] == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("inputs", "spec", "code", "message"),
    [
        ({"seed": [1]}, {"name": "none"}, "NOT_FOUND", "Latest(none)"),
        ({"seed": [1]}, {"name": "../../etc"}, "NOT_FOUND", "Latest(../../etc)"),
        ({"seed": [1]}, {"version": Int64Value(value=-1)}, "NOT_FOUND", "Specific(digits, -1)"),
        ({"seed": [1]}, {"version_label": "none"}, "INVALID_ARGUMENT", "Unrecognized servable version label"),
        ({"seed": [1]}, {"signature_name": "none"}, "FAILED_PRECONDITION", "not found in signature def"),
        ({"seed": [1]}, {"name": ""}, "INVALID_ARGUMENT", "no name specified"),
        ({}, {}, "INVALID_ARGUMENT", "the inputs given are none"),
        ({"seed": [1], "label": [-1]}, {}, "INVALID_ARGUMENT", "the inputs given are label, seed"),
        ({"seed": np.float32([1])}, {}, "INVALID_ARGUMENT", "the type DT_FLOAT, expected DT_INT64"),
        ({"seed": ["1"]}, {}, "INVALID_ARGUMENT", "the type DT_STRING, expected DT_INT64"),
        ({"seed": claimed([1], dtype=99)}, {}, "INVALID_ARGUMENT", "the type 99, expected DT_INT64"),
        ({"seed": 1}, {}, "INVALID_ARGUMENT", "shape [], expected [N]"),
        ({"seed": [[1]]}, {}, "INVALID_ARGUMENT", "shape [1, 1], expected [N]"),
        ({"seed": claimed([10**9])}, {}, "INVALID_ARGUMENT", "1000000000 rows, expected 1 to 4096"),
        ({"seed": claimed([-5])}, {}, "INVALID_ARGUMENT", "-5 rows, expected 1 to 4096"),
        ({"seed": claimed([0])}, {}, "INVALID_ARGUMENT", "0 rows, expected 1 to 4096"),
        (
            {"latent": np.full((1, 8), np.nan, np.float32)},
            {"signature_name": "decode"},
            "INVALID_ARGUMENT",
            "holds NaN",
        ),
        ({"latent": np.zeros((1, 9), np.float32)}, {"signature_name": "decode"}, "INVALID_ARGUMENT", "[1, 9]"),
        ({"seed": np.zeros(2**21, np.int64)}, {}, "RESOURCE_EXHAUSTED", "larger than max"),
        (
            {"image": claimed([4096, *IMAGE], tf.float32.as_datatype_enum, float_val=[0.5])},
            {"signature_name": "discriminate"},
            "INVALID_ARGUMENT",
            "but values for less of it",
        ),
    ],
)
def test_refusals(stub, inputs, spec, code, message):
    found, details = refused(stub.Predict, request({name: integers(value) for name, value in inputs.items()}, **spec))
    assert found.name == code
    assert message in details


def integers(value: object) -> object:
    """Python's integers as int64, which TensorFlow would make int32."""
    nested = isinstance(value, (int, list)) and value != ["1"]
    return np.array(value, np.int64) if nested else value


def test_a_broken_tensor_is_refused(stub):
    message = request({"seed": TensorProto(dtype=tf.int64.as_datatype_enum, tensor_content=b"123")})
    message.inputs["seed"].tensor_shape.dim.add(size=1)
    assert refused(stub.Predict, message)[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_one_value_stands_for_some(stub):
    """As tf.make_tensor_proto(0.5, shape=[200]) writes it."""
    inputs = {"seed": np.arange(200), "truncation": claimed([200], tf.float32.as_datatype_enum, float_val=[0.5])}
    written = {"seed": np.arange(200), "truncation": np.full(200, 0.5, np.float32)}
    one, other = (stub.Predict(request(each, signature_name="truncated"), timeout=30) for each in (inputs, written))
    assert one.outputs["image_bytes"].string_val == other.outputs["image_bytes"].string_val


def test_only_the_outputs_asked_for(stub):
    message = request({"seed": np.array([1])})
    message.output_filter.append("image_bytes")
    assert list(stub.Predict(message, timeout=30).outputs) == ["image_bytes"]
    for wrong in ("none", "image_bytes"):
        message.output_filter[1:] = [wrong]
        assert refused(stub.Predict, message)[0] == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("method", "message", "code"),
    [
        ("tensorflow.serving.PredictionService/Classify", b"", "UNIMPLEMENTED"),
        ("tensorflow.serving.PredictionService/Regress", b"", "UNIMPLEMENTED"),
        ("tensorflow.serving.PredictionService/MultiInference", b"", "UNIMPLEMENTED"),
        ("tensorflow.serving.ModelService/HandleReloadConfigRequest", b"", "UNIMPLEMENTED"),
        ("tensorflow.serving.PredictionService/Improvise", b"", "UNIMPLEMENTED"),
        ("grpc.health.v1.Health/Check", b"", "UNIMPLEMENTED"),
        ("tensorflow.serving.PredictionService/Predict", b"\xff\xff", "INTERNAL"),
        ("tensorflow.serving.ModelService/GetModelStatus", b"\xff\xff", "INTERNAL"),
    ],
)
def test_what_does_not_exist_or_is_no_message_leaves_no_traceback(server, channel, method, message, code):
    assert refused(channel.unary_unary(f"/{method}"), message)[0].name == code
    time.sleep(0.2)  # it would have been written by then
    assert not [line for line in server.log if "Traceback" in line], server.log


def test_a_compressed_message_is_bounded_when_it_is_inflated(channel):
    predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        predict(bytes(64 * 2**20), timeout=30, compression=grpc.Compression.Gzip)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
