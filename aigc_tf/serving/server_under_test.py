"""What the checks of a model server ask it, and how they say what they saw."""

from __future__ import annotations

import base64
import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import requests

from aigc_tf.addresses import host_and_port
from aigc_tf.contract import Contract, Purpose, Signature, Tensor
from aigc_tf.modalities import MODALITIES
from aigc_tf.modalities.modality import Modality
from aigc_tf.serving import target
from aigc_tf.serving.client import connect, contract_of

LAST_DIGITS = 1e-4
"""Of numbers near 1: where many rows are made together, others' requests decide these."""
_NOTHING: Mapping[str, float] = {}


class Broken(Exception):
    """The server does not keep the contract; the message says what was seen."""


class Skipped(Exception):
    """The check cannot tell; the message says why."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise `Broken` with the sentence `otherwise` unless `holds`."""
    if not holds:
        raise Broken(otherwise)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back over HTTP: the status, and the JSON of the body (None where it is none)."""

    status: int
    body: Any
    text: str


@dataclasses.dataclass(frozen=True)
class Server:
    """A model on the server under test, and how hard to test it.

    Attributes:
        rest: HOST:PORT of its REST API.
        grpc: HOST:PORT of its gRPC API; None to leave that out.
        labels: labels that it should know.
        seconds: how long many connections send requests at once.
        timeout: seconds that a request may take.

    Raises UserError for what is no address.
    """

    rest: str
    model: str
    grpc: str | None = None
    labels: tuple[str, ...] = ()
    seconds: float = 3.0
    timeout: float = 30.0

    def __post_init__(self) -> None:
        host_and_port(self.rest)
        if self.grpc is not None:
            host_and_port(self.grpc)

    @functools.cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def get(self, path: str) -> Answer:
        """GET a path below /v1/models."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        """POST `body`, JSON or bytes as they are, to a path below /v1/models."""
        return self.ask("POST", path, body)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send `body`, JSON or bytes as they are, with further headers to a path below /v1/models."""
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        url = f"http://{self.rest}/v1/models/{path}"
        # Nothing is retried: one failure among many answers is what the checks look for.
        response = self._session.request(method, url, headers=headers, timeout=self.timeout, **content)
        try:
            return Answer(response.status_code, response.json(), response.text)
        except requests.exceptions.JSONDecodeError:
            return Answer(response.status_code, None, response.text)

    @property
    def path(self) -> str:
        return quote(self.model, safe="")

    @functools.cached_property
    def signatures(self) -> dict[str, target.SignatureSpec]:
        with connect(self.rest, self.model, timeout=self.timeout) as client:
            return client.signatures()

    @functools.cached_property
    def contract(self) -> Contract:
        """What the newest version promises, as it tells itself."""
        return self.contract_at()

    def contract_at(self, version: int | None = None, label: str | None = None) -> Contract:
        """What the version with this number or label promises."""
        with connect(self.rest, self.model, version=version, label=label, timeout=self.timeout) as client:
            return contract_of(client)

    @property
    def modality(self) -> Modality:
        """Of what the model makes."""
        return MODALITIES[self.contract.content]

    def promised(self, *purposes: Purpose) -> dict[str, Signature]:
        """The signatures of the contract that serve these purposes and that the model has; raises `Skipped` where there
        are none."""
        named = {name: each for purpose in purposes for name, each in self.contract.named(purpose).items()}
        found = {name: each for name, each in named.items() if name in self.signatures}
        if not found:
            raise Skipped(f"the model has no signature that gives {' or '.join(purposes)}")
        return found

    def shape(self, signature: str, name: str) -> tuple[int, ...]:
        """The shape of a row of an input, as far as contract and metadata tell; 1 for what neither does."""
        row = self.contract.signatures[signature].inputs[name].row
        sizes = zip(row, self.signatures[signature].inputs[name].shape[1:])
        return tuple(size or found or 1 for size, found in sizes)

    def sensible(self, name: str, count: int = 2, given: Mapping[str, float] = _NOTHING) -> dict[str, Any]:
        """JSON's columns of that many rows for a signature, with the seeds 1, 2, …: what is given for all of them,
        else the inputs' defaults, content from `sample`, or a wave of numbers."""
        signature = self.contract.signatures[name]
        columns: dict[str, Any] = {}
        (others, *_) = signature.variants()
        for key in signature.inputs:
            if key == "seed":
                columns[key] = list(range(1, count + 1))
            elif key in {**others, **given}:
                columns[key] = [{**others, **given}[key]] * count
            elif key == self.contract.made:
                columns[key] = self.columns("sample", self.sensible("sample", count))
            else:
                shape = (count, *self.shape(name, key))
                columns[key] = np.sin(np.arange(math.prod(shape))).reshape(shape).tolist()
        return columns

    def available(self) -> list[int]:
        """Numbers of the versions that are AVAILABLE, ascending."""
        statuses = answered(self.get(self.path))["model_version_status"]
        return sorted(int(status["version"]) for status in statuses if status["state"] == "AVAILABLE")

    def rows(self, seeds: Iterable[int], promised: Contract | None = None) -> list[Any]:
        """JSON's rows of `serving_default` for seeds, with all else at its default."""
        signature = (promised or self.contract).signatures["serving_default"]
        (defaults, *_) = signature.variants()
        return [{"seed": seed, **defaults} if defaults else seed for seed in seeds]

    def files(self, seeds: Iterable[int], version: int | None = None, label: str | None = None) -> list[bytes]:
        """Files for seeds in row form, from the newest version, or the one with this number or label."""
        where = f"/versions/{version}" if version is not None else f"/labels/{label}" if label is not None else ""
        promised = self.contract_at(version, label) if where else None
        body = answered(self.post(f"{self.path}{where}:predict", {"instances": self.rows(seeds, promised)}))
        return [decoded(value) for value in body["predictions"]]

    def texts(self, file: bytes) -> str:
        """What a file says about itself, in which a model says who it is; expects a whole file."""
        try:
            return self.modality.texts(file)
        except ValueError as error:
            raise Broken(f"no whole {self.modality.name}: {error}") from None

    def columns(self, signature: str, inputs: dict[str, Any], version: int | None = None) -> Any:
        """`outputs` of a signature in column form, from the newest version, or the one with this number."""
        body = {"signature_name": signature, "inputs": inputs}
        where = "" if version is None else f"/versions/{version}"
        return answered(self.post(f"{self.path}{where}:predict", body))["outputs"]

    def refused(self, path: str, body: Any, *statuses: int) -> None:
        """Expect a POST to be refused with one of `statuses` and {"error": a sentence}."""
        refused(self.post(path, body), statuses, f"POST {path} of {body!r:.100}")


def bounds(tensor: Tensor) -> tuple[float, float]:
    """The least and the greatest value of a number."""
    low, high = tensor.minimum, tensor.maximum
    return -math.inf if low is None else low, math.inf if high is None else high


def answered(answer: Answer) -> dict[str, Any]:
    """The object that came with HTTP 200."""
    expect(answer.status == 200, f"HTTP {answer.status} instead of 200: {answer.text[:200]}")
    expect(isinstance(answer.body, dict), f"no JSON object: {answer.text[:200]}")
    return answer.body


def refused(answer: Answer, statuses: tuple[int, ...], request: str) -> None:
    """Expect one of `statuses` and a body {"error": a sentence}."""
    wanted = " or ".join(map(str, statuses))
    expect(answer.status in statuses, f"HTTP {answer.status} instead of {wanted} for {request}: {answer.text[:200]}")
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    expect(isinstance(error, str) and bool(error), f'no {{"error": ...}} for {request}, but {answer.text[:200]!r}')


def decoded(value: Any) -> bytes:
    """The bytes of {"b64": ...}."""
    expect(isinstance(value, dict) and value.keys() == {"b64"}, f'{value!r:.100} is not {{"b64": ...}}')
    return base64.b64decode(value["b64"], validate=True)
