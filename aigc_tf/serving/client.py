"""Calls a model behind TensorFlow Serving, or behind the local stand-in, over REST or gRPC.

    with connect("localhost:8501", "digits") as client:
        wait_until_available(client)
        for seed, file in generate(client, range(64)):
            ...

Both protocols retry, with growing pauses, what a moment can mend (no connection, a full queue, a server that restarts);
asking for the same twice does no harm. Nothing else is retried.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aigc_tf import contract
from aigc_tf.atomic_files import write_atomically
from aigc_tf.contract import Contract, Signature, Tensor
from aigc_tf.errors import UserError
from aigc_tf.modalities import MODALITIES
from aigc_tf.serving.target import Client, Predictor, ServingError, Target, understanding

ProtocolName = Literal["rest", "grpc"]

Row = tuple[int, Mapping[str, Any]]
"""A seed, and values of other inputs by name, numbers or arrays; those that are not given have their defaults."""

_SECONDS_BETWEEN_LOOKS = 0.5


@dataclasses.dataclass(frozen=True)
class Inpainted:
    """What is given of content, as numbers (see `Modality`), and a mask [..., 1], 1 in the part that is made anew."""

    content: np.ndarray
    mask: np.ndarray


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


def contract_of(client: Client) -> Contract:
    """What the version that the client asks promises, as it tells itself; `contract.of_before` for one that does not.

    Raises:
        ServingError: the server cannot be asked, or what it tells is no contract.
    """
    told = client.signatures().get(contract.SIGNATURE)
    if told is None or told.inputs.keys() != {"seed"} or told.outputs.keys() != {contract.SIGNATURE}:
        return contract.of_before()
    answer = client.predict({"seed": np.zeros(1, np.int64)}, contract.SIGNATURE)
    with understanding(client.target):
        (text,) = answer[contract.SIGNATURE]
        return contract.from_json(text.decode())


def labels_of(promised: Contract, label: int | str | None) -> tuple[int, ...]:
    """Numbers of the classes that are meant, which images have in turn; none without a `label`.

    Args:
        label: the name of a class, or its number from 0, or "each" for all of them.

    Raises:
        UserError: it is no class of this model; the message names those.
    """
    if label is None:
        return ()
    count, names = promised.num_classes, promised.class_names
    if not count:
        raise UserError(f"class {label!r} cannot be asked for: this model takes no classes")
    if label in names:  # before its number: classes may be named by other numbers
        return (names.index(str(label)),)
    if label == "each":
        return tuple(range(count))
    if str(label) in [str(number) for number in range(count)]:
        return (int(label),)
    known = ", ".join(f"{number} ({name})" for number, name in enumerate(names)) or f"0 to {count - 1}"
    raise UserError(f"{label!r} is no class of this model: it has {known}")


def generate(
    client: Client,
    seeds: Iterable[int],
    batch: int = 32,
    truncation: float | None = None,
    label: int | str | None = None,
    promised: Contract | None = None,
    guidance: float | None = None,
) -> Iterator[tuple[int, bytes]]:
    """Pairs of seed and file, in order, asked for in batches of at most `batch`.

    Args:
        truncation: smaller is more alike and more typical; by default the model's own, which is the whole range.
        label: the class of all of them by its name or number, or "each" for every class in turn, the first seed getting
            the first; by default the model chooses. (A *version* is chosen by a label of its own, see `connect`.)
        promised: what `contract_of` says, where that was asked already.
        guidance: larger is closer to the class, and more alike; by default the model's own.

    Raises:
        UserError: the model has no such truncation, guidance or class.
        ServingError: a request failed, or what came back are not as many whole files.
    """
    promised = contract_of(client) if promised is None else promised
    name, rows = rows_of(promised, seeds, truncation, label, guidance)
    return ((seed, file) for (seed, _), file in asked(client, promised, name, rows, batch))


def rows_of(
    promised: Contract,
    seeds: Iterable[int],
    truncation: float | None = None,
    label: int | str | None = None,
    guidance: float | None = None,
    inpainted: Inpainted | None = None,
) -> tuple[str, Iterator[Row]]:
    """The signature to ask, and its rows, for what `generate` is given, or for content of which a part is made anew.
    Raises UserError as that does, and where the model cannot do the latter."""
    labels = labels_of(promised, label)
    steered = {"truncation": truncation, "guidance": guidance}
    fixed = {control: value for control, value in steered.items() if value is not None}
    if inpainted is not None and fixed:
        raise UserError(f"{' and '.join(fixed)} cannot be given where a part of content is made anew")
    given = {} if inpainted is None else {promised.made: inpainted.content, "mask": inpainted.mask}
    name, signature = _taking(promised, [*fixed, *given, *["label"] * bool(labels)])
    for control, value in fixed.items():
        _check_control(control, value, signature.inputs[control])
    same = {**fixed, **given}
    turns = itertools.cycle([{**same, "label": number} for number in labels] or [same])
    return name, zip(seeds, turns)


def save(folder: Path, name: str, file: bytes) -> Path:
    """Write `file` to `folder`/`name`, whole or not at all, and return its path.

    Raises:
        UserError: another file has that name: another model's, or another truncation's.
    """
    path = folder / name
    if path.exists():
        if path.read_bytes() != file:
            raise UserError(
                f"{path} is there already and holds something else, perhaps of another model: choose another folder"
            )
        return path
    write_atomically(path, file, shared=True)
    return path


def _taking(promised: Contract, wanted: list[str]) -> tuple[str, Signature]:
    """The first signature that gives files and takes all that is wanted, all else having its default."""
    for name, signature in {**promised.named("files"), **promised.named("inpaint")}.items():
        if signature.inputs.keys() >= set(wanted):
            return name, signature
    known = sorted({key for signature in promised.named("files").values() for key in signature.inputs})
    raise UserError(f"this model takes no {' with '.join(wanted)}: it takes {', '.join(known)}")


def asked(
    client: Predictor, promised: Contract, name: str, rows: Iterator[Row], batch: int
) -> Iterator[tuple[Row, bytes]]:
    """Rows and their files of a signature, in order, asked for in batches. Raises ServingError as `generate` does."""
    modality, signature = MODALITIES[promised.content], promised.signatures[name]
    (output,) = signature.outputs
    while part := list(itertools.islice(rows, batch)):
        inputs = signature.rows(seed for seed, _ in part)
        for key in signature.inputs.keys() - inputs.keys():
            inputs[key] = np.empty((len(part), *np.shape(part[0][1][key])), signature.inputs[key].dtype)
        for place, (_, given) in enumerate(part):
            for key, value in given.items():
                inputs[key][place] = value
        files = list(client.predict(inputs, name).get(output, ()))
        if len(files) != len(part) or not all(isinstance(file, bytes) for file in files):
            raise ServingError("INTERNAL", f"{client.target} did not answer {len(part)} seeds with as many files")
        for row, file in zip(part, files):
            try:
                modality.texts(file)
            except ValueError as error:
                what = f"{modality.name} for {row[0]}"
                raise ServingError("INTERNAL", f"{client.target} gave no {what}: {error}") from None
            yield row, file


def _check_control(name: str, value: float, kind: Tensor) -> None:
    low, high = (-np.inf if kind.minimum is None else kind.minimum), (np.inf if kind.maximum is None else kind.maximum)
    if not low <= value <= high:
        raise UserError(f"{name} {value:g} must be from {low:g} to {high:g}")
