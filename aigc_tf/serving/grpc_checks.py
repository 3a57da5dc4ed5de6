"""What a model server must do over gRPC, and that both protocols give the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from aigc_tf.serving.client import Client, ServingError, connect
from aigc_tf.serving.conformance import Server, Skipped, expect


def _client(server: Server, **choice: Any) -> Client:
    if server.grpc is None:
        raise Skipped("no --grpc given")
    model = choice.pop("model", server.model)
    return connect(server.grpc, model, "grpc", timeout=server.timeout, **choice)


def _refused(client: Client, *codes: str, signature: str = "serving_default", **inputs: np.ndarray) -> None:
    try:
        client.predict(inputs, signature)
    except ServingError as error:
        expect(error.code in codes, f"{error.code} instead of {' or '.join(codes)}: {error}")
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
    for version in server.available():
        with _client(server, version=version) as client:
            images = list(client.predict({"seed": np.array([3, 5, 2**63 - 1])})["image_bytes"])
        expect(images == server.images([3, 5, 2**63 - 1], f"/versions/{version}"), f"version {version} differs")


def both_protocols_give_the_same_numbers(server: Server) -> None:
    """gRPC and REST give the same float32 for the same seeds."""
    server.require("sample")
    version = server.available()[-1]
    seeds = {"seed": np.array([3, 5])}
    with _client(server, version=version) as client, connect(server.rest, server.model, version=version) as rest:
        over_grpc, over_rest = (one.predict(seeds, "sample")["image"] for one in (client, rest))
    expect(over_grpc.dtype == over_rest.dtype == np.float32, f"{over_grpc.dtype} and {over_rest.dtype}")
    expect(np.array_equal(over_grpc, over_rest), "the pixels differ")


def grpc_labels_name_versions(server: Server) -> None:
    """A label gives the same bytes over both protocols."""
    if not server.labels:
        raise Skipped("no --labels given")
    for label in server.labels:
        with _client(server, label=label) as client:
            images = list(client.predict({"seed": np.array([22])})["image_bytes"])
        expect(images == server.images([22], f"/labels/{label}"), f"label {label!r} differs")


def grpc_refuses_with_the_right_code(server: Server) -> None:
    """Over gRPC too, what is unknown is NOT_FOUND, and what is wrong an INVALID_ARGUMENT."""
    seed = np.array([1])
    with _client(server, model="no-such-model") as client:
        _refused(client, "NOT_FOUND", seed=seed)
    with _client(server, version=max(server.available()) + 10**6) as client:
        _refused(client, "NOT_FOUND", seed=seed)
    with _client(server, label="no-such-label") as client:
        _refused(client, "INVALID_ARGUMENT", seed=seed)
    with _client(server) as client:
        _refused(client, "INVALID_ARGUMENT")
        _refused(client, "INVALID_ARGUMENT", nonsense=seed)
        _refused(client, "INVALID_ARGUMENT", seed=seed.astype(np.float32))
        # REST looks the signature up itself and calls it an invalid argument; behind gRPC it is a failed precondition.
        _refused(client, "INVALID_ARGUMENT", "FAILED_PRECONDITION", signature="nonsense", seed=seed)


CHECKS = (
    both_protocols_list_the_same,
    both_protocols_give_the_same_bytes,
    both_protocols_give_the_same_numbers,
    grpc_labels_name_versions,
    grpc_refuses_with_the_right_code,
)
