"""What a model server must do over gRPC, and that both protocols give the same.

TensorFlow, which comes with the messages, is imported only where there is a gRPC port to ask.
"""

from __future__ import annotations

import functools
from typing import Any

import grpc
import numpy as np

from aigc_tf.serving.client import connect, contract_of
from aigc_tf.serving.server_under_test import LAST_DIGITS, Server, Skipped, expect
from aigc_tf.serving.target import Client, ServingError


def _client(server: Server, **choice: Any) -> Client:
    if server.grpc is None:
        raise Skipped("no --grpc given")
    model = choice.pop("model", server.model)
    return connect(server.grpc, model, "grpc", timeout=server.timeout, **choice)


def _files(client: Client, seeds: list[int]) -> list[bytes]:
    signature = contract_of(client).signatures["serving_default"]
    (output,) = signature.outputs
    return list(client.predict(signature.rows(seeds))[output])


def _channel(server: Server) -> grpc.Channel:
    if server.grpc is None:
        raise Skipped("no --grpc given")
    return grpc.insecure_channel(server.grpc, options=[("grpc.enable_http_proxy", 0)])


def _refused(client: Client, code: str, inputs: dict[str, np.ndarray], signature: str = "serving_default") -> None:
    try:
        client.predict(inputs, signature)
    except ServingError as error:
        expect(error.code == code, f"{error.code} instead of {code}: {error}")
    else:
        expect(False, f"{signature} took {sorted(inputs)} on {client.target}")


def both_protocols_list_the_same(server: Server) -> None:
    """gRPC and REST tell the same versions and signatures."""
    with _client(server) as client:
        states = client.states()
        expect("AVAILABLE" in states.values(), f"states {states}")
        expect(client.signatures() == server.signatures, "the metadata of the two protocols differ")


def both_protocols_give_the_same_bytes(server: Server) -> None:
    """gRPC and REST give the same bytes for the same seeds, from every AVAILABLE version."""
    seeds = [3, 5, 2**63 - 1]
    for version in server.available():
        with _client(server, version=version) as client:
            expect(_files(client, seeds) == server.files(seeds, version), f"version {version} differs")


def both_protocols_give_the_same_numbers(server: Server) -> None:
    """gRPC and REST give the same float32 for the same seeds, but for the last bits that others' requests decide."""
    version = server.available()[-1]
    for name, signature in server.promised("content").items():
        with _client(server, version=version) as client, connect(server.rest, server.model, version=version) as rest:
            over_grpc, over_rest = (one.predict(signature.rows([3, 5]), name) for one in (client, rest))
        for key in signature.outputs:
            one, other = over_grpc[key], over_rest[key]
            expect(one.dtype == other.dtype == signature.outputs[key].dtype, f"{one.dtype} and {other.dtype}")
            same = np.array_equal if signature.row_exact else functools.partial(np.allclose, rtol=0, atol=LAST_DIGITS)
            expect(bool(same(one, other)), f"the numbers of {name} differ")


def grpc_labels_name_versions(server: Server) -> None:
    """A label gives the same bytes over both protocols."""
    if not server.labels:
        raise Skipped("no --labels given")
    for label in server.labels:
        with _client(server, label=label) as client:
            files = _files(client, [22])
        expect(files == server.files([22], label=label), f"label {label!r} differs")


def grpc_status_passes_over_labels(server: Server) -> None:
    """Over gRPC too, the status of a label lists all versions."""
    with _channel(server) as channel:
        from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name, request.model_spec.version_label = server.model, "no-such-label"
        reply = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=server.timeout)
    expect(bool(reply.model_version_status), "no version is listed")


def grpc_metadata_may_be_asked_twice(server: Server) -> None:
    """Over gRPC the signatures come once, however often one request asks for them."""
    with _channel(server) as channel:
        from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"] * 2)
        request.model_spec.name = server.model
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        reply = stub.GetModelMetadata(request, timeout=server.timeout)
    expect(set(reply.metadata) == {"signature_def"}, f"metadata of {sorted(reply.metadata)}")


def unknown_methods_are_unimplemented(server: Server) -> None:
    """A gRPC method that does not exist is UNIMPLEMENTED."""
    with _channel(server) as channel:
        try:
            channel.unary_unary("/tensorflow.serving.PredictionService/Improvise")(b"", timeout=server.timeout)
        except grpc.RpcError as error:
            expect(error.code() is grpc.StatusCode.UNIMPLEMENTED, f"{error.code().name} instead of UNIMPLEMENTED")
        else:
            expect(False, "an answer to a method that does not exist")


def grpc_refuses_with_the_right_code(server: Server) -> None:
    """Over gRPC too, what is unknown is NOT_FOUND, and what is wrong an INVALID_ARGUMENT."""
    rows = server.contract.signatures["serving_default"].rows([1])
    with _client(server, model="no-such-model") as client:
        _refused(client, "NOT_FOUND", rows)
    with _client(server, version=max(server.available()) + 10**6) as client:
        _refused(client, "NOT_FOUND", rows)
    with _client(server, label="no-such-label") as client:
        _refused(client, "INVALID_ARGUMENT", rows)
    with _client(server) as client:
        _refused(client, "INVALID_ARGUMENT", {})
        _refused(client, "INVALID_ARGUMENT", {"nonsense": rows["seed"]})
        _refused(client, "INVALID_ARGUMENT", {**rows, "seed": np.ones(1, np.float32)})
        # Over REST it is an invalid argument.
        _refused(client, "FAILED_PRECONDITION", rows, "nonsense")


CHECKS = (
    both_protocols_list_the_same,
    both_protocols_give_the_same_bytes,
    both_protocols_give_the_same_numbers,
    grpc_labels_name_versions,
    grpc_status_passes_over_labels,
    grpc_metadata_may_be_asked_twice,
    unknown_methods_are_unimplemented,
    grpc_refuses_with_the_right_code,
)
