"""TensorFlow Serving's gRPC interface: Predict and GetModelMetadata, and GetModelStatus of its ModelService.

All its other methods, and all that do not exist, answer UNIMPLEMENTED.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

from aigc_tf.serving import proto_tensors, replies
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.loaded_export import LoadedExport
from aigc_tf.serving.metrics import Metrics
from aigc_tf.serving.models import Models
from aigc_tf.serving.request_error import RequestError, invalid, within
from aigc_tf.serving.signature import ServedSignature

_SIGNATURE_DEF = "signature_def"


def server(models: Models, limits: Limits, metrics: Metrics) -> grpc.aio.Server:
    """A server of both services that has no port yet."""
    made = grpc.aio.server(
        maximum_concurrent_rpcs=limits.max_connections,
        options=[
            ("grpc.max_receive_message_length", limits.max_body_bytes),  # also of what a client sent compressed
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # else a second server would silently share the port
            ("grpc.server_handshake_timeout_ms", int(limits.receive_seconds * 1000)),
        ],
    )
    prediction, model = PredictionService(models, limits, metrics), ModelService(models)
    methods = {
        "PredictionService": {
            "Predict": _handler(prediction.Predict, predict_pb2.PredictRequest),
            "GetModelMetadata": _handler(prediction.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest),
        },
        "ModelService": {
            "GetModelStatus": _handler(model.GetModelStatus, get_model_status_pb2.GetModelStatusRequest),
        },
    }
    # The generated functions that add a service know all its methods: each call of one that is missing here would
    # write a traceback into the log.
    made.add_generic_rpc_handlers(
        tuple(grpc.method_handlers_generic_handler(f"tensorflow.serving.{name}", methods[name]) for name in methods)
    )
    return made


def _handler(method: Callable[..., Awaitable[Any]], request_type: Any) -> grpc.RpcMethodHandler:
    """Calls `method` with the parsed request; a RequestError becomes the status of the call."""

    async def call(message: bytes, context: grpc.aio.ServicerContext) -> Any:
        try:
            return await method(request_type.FromString(message))
        except DecodeError:
            await context.abort(grpc.StatusCode.INTERNAL, f"the message is no {request_type.DESCRIPTOR.full_name}")
        except RequestError as error:
            await context.abort(error.code, error.message)

    return grpc.unary_unary_rpc_method_handler(call, response_serializer=lambda reply: reply.SerializeToString())


class PredictionService:
    """Predict and GetModelMetadata."""

    def __init__(self, models: Models, limits: Limits, metrics: Metrics) -> None:
        self._models = models
        self._limits = limits
        self._metrics = metrics

    async def Predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        name = request.model_spec.name
        with self._metrics.counted(name if name in self._models else "", "Predict", "GRPC"):
            return await within(self._limits.answer_seconds, self._predict(request))

    async def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        if set(request.metadata_field) != {_SIGNATURE_DEF}:
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
            signature = _signature(version.export, request.model_spec.signature_name)
            wanted = set(request.output_filter) or set(signature.outputs)
            if not wanted <= set(signature.outputs):
                raise invalid(f"output_filter names {sorted(wanted - set(signature.outputs))}, which are no outputs")
            if len(wanted) < len(request.output_filter):
                raise invalid(f"output_filter names an output twice: {list(request.output_filter)}")
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


class ModelService:
    """GetModelStatus. A config is not taken over the wire, where anybody could have any folder loaded."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        name, number, _ = _target(request)
        return replies.status(self._models.versions(name, number))


def _signature(export: LoadedExport, name: str) -> ServedSignature:
    """The signature of that name. An unknown one is a failed precondition here; over REST it is an invalid argument."""
    try:
        return export.signature(name)
    except RequestError as error:
        raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, error.message) from None


def _target(request: Any) -> tuple[str, int | None, str]:
    """Name, version and label in a request's ModelSpec."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec: model_pb2.ModelSpec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label
