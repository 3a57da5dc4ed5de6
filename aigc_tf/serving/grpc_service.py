"""TensorFlow Serving's gRPC interface: Predict and GetModelMetadata, and GetModelStatus of its ModelService."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from aigc_tf.serving import proto_tensors, replies
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.metrics import Metrics
from aigc_tf.serving.models import Models
from aigc_tf.serving.request_error import RequestError, invalid, within

_SIGNATURE_DEF = "signature_def"


def server(models: Models, limits: Limits, metrics: Metrics) -> grpc.aio.Server:
    """A server of both services that has no port yet."""
    made = grpc.aio.server(
        maximum_concurrent_rpcs=limits.max_connections,
        options=[
            ("grpc.max_receive_message_length", limits.max_body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # else a second server would silently share the port
            ("grpc.server_handshake_timeout_ms", int(limits.receive_seconds * 1000)),
        ],
    )
    prediction = PredictionService(models, limits, metrics)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, made)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(models), made)
    return made


def _refusing(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A RequestError becomes the status of the call."""

    @functools.wraps(method)
    async def call(self, request, context: grpc.aio.ServicerContext):
        try:
            return await method(self, request)
        except RequestError as error:
            await context.abort(error.code, error.message)

    return call


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; its other methods answer UNIMPLEMENTED."""

    def __init__(self, models: Models, limits: Limits, metrics: Metrics) -> None:
        self._models = models
        self._limits = limits
        self._metrics = metrics

    @_refusing
    async def Predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        name = request.model_spec.name
        with self._metrics.counted(name if name in self._models else "", "GRPC"):
            return await within(self._limits.answer_seconds, self._predict(request))

    @_refusing
    async def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        if list(request.metadata_field) != [_SIGNATURE_DEF]:
            raise invalid(f"metadata_field is {list(request.metadata_field)}, expected ['{_SIGNATURE_DEF}']")
        with self._models.use(*_target(request)) as version:
            reply = get_model_metadata_pb2.GetModelMetadataResponse()
            reply.model_spec.name = request.model_spec.name
            reply.model_spec.version.value = version.number
            reply.metadata[_SIGNATURE_DEF].Pack(replies.signatures(version))
            return reply

    async def _predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        with self._models.use(*_target(request)) as version:
            assert version.export is not None
            signature = version.export.signature(request.model_spec.signature_name)
            wanted = set(request.output_filter) or set(signature.outputs)
            if not wanted <= set(signature.outputs):
                raise invalid(f"output_filter names {sorted(wanted - set(signature.outputs))}, which are no outputs")
            inputs = proto_tensors.decode(request.inputs, signature, self._limits.max_rows)
            signature.check(inputs, self._limits)
            outputs = await version.predict(signature, inputs)
            reply = predict_pb2.PredictResponse()
            reply.model_spec.name = request.model_spec.name
            reply.model_spec.version.value = version.number
            reply.model_spec.signature_name = signature.name
            for name in wanted:
                reply.outputs[name].CopyFrom(proto_tensors.encode(outputs[name]))
            return reply


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; changing the config over the wire is UNIMPLEMENTED."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @_refusing
    async def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        return replies.status(self._models.versions(*_target(request)))


def _target(request: Any) -> tuple[str, int | None, str]:
    """Name, version and label in a request's ModelSpec."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec: model_pb2.ModelSpec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label
