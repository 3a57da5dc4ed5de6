"""TensorFlow Serving's gRPC API. Imports TensorFlow, whose tensors are the messages."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from aigc_tf.serving.target import ServingError, SignatureSpec, Target, TensorSpec, understanding

# gRPC's own limit of 4 MB would refuse a batch of 64 images of 128 pixels as floats.
_MAX_MESSAGE_BYTES = 256 * 2**20

# What gRPC says where there is no server; one that is there may be UNAVAILABLE too, for a moment.
_NO_CONNECTION = ("failed to connect", "errors resolving")

_RETRY_POLICY = {
    "methodConfig": [
        {
            "name": [{}],  # every method
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class GrpcClient:
    """A client of `target` over gRPC; see `aigc_tf.serving.client.Client`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._channel = grpc.insecure_channel(
            target.server,
            options=[
                ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
                ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
                ("grpc.service_config", json.dumps(_RETRY_POLICY)),
                ("grpc.enable_http_proxy", 0),  # model servers are called inside one's own network
            ],
        )
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def states(self) -> dict[int, str]:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=model_pb2.ModelSpec(name=self.target.model))
        response = self._call(self._models.GetModelStatus, request)
        names = get_model_status_pb2.ModelVersionStatus.State
        return {status.version: names.Name(status.state) for status in response.model_version_status}

    def signatures(self) -> dict[str, SignatureSpec]:
        return self._signatures

    @functools.cached_property
    def _signatures(self) -> dict[str, SignatureSpec]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec(), metadata_field=["signature_def"]
        )
        packed = self._call(self._predictions.GetModelMetadata, request).metadata["signature_def"]
        signatures = get_model_metadata_pb2.SignatureDefMap()
        packed.Unpack(signatures)
        return {
            name: SignatureSpec(_specs(signature.inputs), _specs(signature.outputs))
            for name, signature in signatures.signature_def.items()
            if not name.startswith("__")  # TensorFlow's own, which initialises tables
        }

    def predict(self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default") -> dict[str, np.ndarray]:
        request = predict_pb2.PredictRequest(
            model_spec=self._spec(signature),
            inputs={name: tf.make_tensor_proto(values) for name, values in inputs.items()},
        )
        response = self._call(self._predictions.Predict, request)
        with understanding(self.target):
            return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def _spec(self, signature: str = "") -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self.target.model, signature_name=signature)
        if self.target.version is not None:
            spec.version.value = self.target.version
        if self.target.label is not None:
            spec.version_label = self.target.label
        return spec

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self.target.timeout)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            if code == "UNAVAILABLE" and details.startswith(_NO_CONNECTION):
                message = f"cannot reach {self.target.server} over gRPC ({details}): is a server running there?"
            elif code == "DEADLINE_EXCEEDED":
                message = f"{self.target} did not answer within {self.target.timeout:g} s"
            else:
                message = f"{self.target} answered {code}: {details}"
            raise ServingError(code, message) from None


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    specs = {}
    for name, tensor in tensors.items():
        shape = tuple(None if dimension.size == -1 else dimension.size for dimension in tensor.tensor_shape.dim)
        specs[name] = TensorSpec(np.dtype(tf.as_dtype(tensor.dtype).as_numpy_dtype), shape)
    return specs
