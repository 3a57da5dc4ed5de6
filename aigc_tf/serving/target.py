"""What a client of a model server can do, over either protocol, and what it speaks to."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from aigc_tf.addresses import host_and_port
from aigc_tf.errors import UserError


class ServingError(UserError):
    """A server that cannot be reached, or that refused a request.

    Attributes:
        code: gRPC's name of what happened, over either protocol: "NOT_FOUND", "INVALID_ARGUMENT", "UNAVAILABLE" …
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[ServingError], tuple[str, str]]:
        """Another process may tell of it."""
        return type(self), (self.code, str(self))


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """What a signature takes or gives: a NumPy dtype (object for strings) and a shape, None where any size will do."""

    dtype: np.dtype
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class SignatureSpec:
    """Inputs and outputs of a function of the model, by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class Predictor(Protocol):
    """One model that answers, wherever it is."""

    @property
    def target(self) -> object:
        """What answers; `str` names it."""

    def predict(self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default") -> dict[str, np.ndarray]:
        """Outputs by name for inputs by name, all with first dimension N; strings are `bytes` in object arrays."""


class Client(Predictor, Protocol):
    """One model on one server; `RestClient` and `GrpcClient` are the two ways to speak to it."""

    target: Target

    def states(self) -> dict[int, str]:
        """State of each version that the server knows: "AVAILABLE", "LOADING", "END" …"""

    def signatures(self) -> dict[str, SignatureSpec]:
        """The model's signatures by name; asked for once, then remembered."""

    def close(self) -> None: ...

    def __enter__(self) -> Client: ...

    def __exit__(self, *exception: object) -> None: ...


@dataclasses.dataclass(frozen=True)
class Target:
    """A model on a server: its newest version, the one with a number, or the one that a label names.

    Attributes:
        server: HOST:PORT.
        model: the name that the server knows it by.
        timeout: over gRPC, seconds that a request may take with all its retries; over REST, seconds to wait for the
            connection, and for each further piece of the answer, in each try.
    """

    server: str
    model: str
    version: int | None = None
    label: str | None = None
    timeout: float = 30.0

    def __post_init__(self) -> None:
        host_and_port(self.server)
        if self.version is not None and self.label is not None:
            raise UserError(
                f"version {self.version} and label {self.label!r} cannot be combined: a label names a version"
            )
        if self.version is not None and not 0 <= self.version < 2**63:
            raise UserError(f"version {self.version} is negative, or no int64: versions count from 0")

    def __str__(self) -> str:
        chosen = "" if self.version is None else f" version {self.version}"
        return f"{self.model}{chosen if self.label is None else f' label {self.label}'} on {self.server}"


@contextlib.contextmanager
def understanding(target: Target) -> Iterator[None]:
    """Takes an answer apart: what its form does not allow becomes a ServingError (INTERNAL)."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ServingError("INTERNAL", f"{target} gave an answer that is none of a model server ({reason})") from None
