"""Calls a model behind TensorFlow Serving, or behind the local stand-in, over REST or gRPC.

    with connect("localhost:8501", "digits") as client:
        wait_until_available(client)
        for seed, png in generate(client, range(64)):
            ...

Both protocols retry, with growing pauses, what a moment can mend (no connection, a full queue, a server that restarts);
every answer is a pure function of its request, so asking twice does no harm. Nothing else is retried.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from aigc_tf.atomic_files import write_atomically
from aigc_tf.errors import UserError
from aigc_tf.serving.target import Client, ServingError, Target

ProtocolName = Literal["rest", "grpc"]

_PNG = b"\x89PNG\r\n\x1a\n"
_SECONDS_BETWEEN_LOOKS = 0.5


def connect(
    server: str,
    model: str,
    protocol: ProtocolName = "rest",
    version: int | None = None,
    label: str | None = None,
    timeout: float = 30.0,
) -> Client:
    """A client of `model` on `server`, HOST:PORT; nothing is sent yet.

    gRPC brings TensorFlow along, whose messages it speaks: a start of some seconds. REST does not.

    Raises:
        UserError: `server` is no address, or both a version and a label are given.
    """
    target = Target(server, model, version, label, timeout)
    if protocol == "grpc":
        from aigc_tf.serving.grpc_client import GrpcClient

        return GrpcClient(target)
    from aigc_tf.serving.rest_client import RestClient

    return RestClient(target)


def wait_until_available(client: Client, seconds: float = 60.0) -> None:
    """Wait until the model, or the version of it that the client asks for by number or label, can answer.

    A model that is still loading answers its status with HTTP 200 like any other: only the state "AVAILABLE" counts.

    Raises:
        ServingError: it was not available in time; the message says which states it had.
    """
    wanted = client.target.version
    passing = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "NOT_FOUND"}
    if client.target.label is not None:
        passing.add("INVALID_ARGUMENT")  # the label is not there yet
    deadline = time.monotonic() + seconds
    while True:
        try:
            states = client.states()
            found = "versions " + ", ".join(f"{version} {state}" for version, state in sorted(states.items()))
            if any(state == "AVAILABLE" and wanted in (None, version) for version, state in states.items()):
                if client.target.label is not None:
                    client.signatures()  # TensorFlow Serving's status passes over labels: only a real question tells
                return
        except ServingError as error:
            if error.code not in passing:
                raise
            found = str(error)
        if time.monotonic() >= deadline:
            raise ServingError("UNAVAILABLE", f"{client.target} was not AVAILABLE within {seconds:g} s: {found}")
        time.sleep(min(_SECONDS_BETWEEN_LOOKS, max(0.0, deadline - time.monotonic())))


def generate(
    client: Client, seeds: Iterable[int], batch: int = 32, truncation: float | None = None
) -> Iterator[tuple[int, bytes]]:
    """Pairs of seed and PNG, in order, asked for in batches of at most `batch`.

    Args:
        truncation: scale of the latents in [0, 1], through the signature `truncated`: smaller is more alike and
            more typical; by default the full scale of `serving_default`.

    Raises:
        ServingError: a request failed, or what came back are not as many PNGs.
    """
    remaining = iter(seeds)
    while part := list(itertools.islice(remaining, batch)):
        inputs = {"seed": np.array(part, np.int64)}
        if truncation is None:
            outputs = client.predict(inputs)
        else:
            inputs["truncation"] = np.full(len(part), truncation, np.float32)
            outputs = client.predict(inputs, "truncated")
        images = list(outputs.get("image_bytes", ()))
        if len(images) != len(part) or not all(isinstance(png, bytes) and png.startswith(_PNG) for png in images):
            raise ServingError("INTERNAL", f"{client.target} did not answer {len(part)} seeds with as many PNGs")
        yield from zip(part, images)


def save(folder: Path, seed: int, png: bytes) -> Path:
    """Write `png` to `folder`/<seed>.png, whole or not at all, and return its path.

    Raises:
        UserError: another picture has that name: another model's, or another truncation's.
    """
    path = folder / f"{seed:08d}.png"
    if path.exists():
        if path.read_bytes() != png:
            raise UserError(f"{path} holds another picture already, perhaps of another model: choose another folder")
        return path
    write_atomically(path, png, shared=True)
    return path
