"""What the checks of a model server ask it, and how they say what they saw."""

from __future__ import annotations

import base64
import dataclasses
import functools
import struct
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from aigc_tf.addresses import host_and_port
from aigc_tf.serving.client import connect
from aigc_tf.serving.target import Signature

_PNG = b"\x89PNG\r\n\x1a\n"


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
    def signatures(self) -> dict[str, Signature]:
        with connect(self.rest, self.model, timeout=self.timeout) as client:
            return client.signatures()

    def require(self, signature: str) -> Signature:
        """The signature of that name; raises `Skipped` where the model has none."""
        if signature not in self.signatures:
            raise Skipped(f"the model has no signature {signature!r}")
        return self.signatures[signature]

    def available(self) -> list[int]:
        """Numbers of the versions that are AVAILABLE, ascending."""
        statuses = answered(self.get(self.path))["model_version_status"]
        return sorted(int(status["version"]) for status in statuses if status["state"] == "AVAILABLE")

    def images(self, seeds: list[int], where: str = "") -> list[bytes]:
        """PNGs for seeds in row form; `where` is "/versions/N" or "/labels/L"."""
        body = answered(self.post(f"{self.path}{where}:predict", {"instances": seeds}))
        return [decoded(value) for value in body["predictions"]]

    def columns(self, signature: str, inputs: dict[str, Any]) -> Any:
        """`outputs` of a signature in column form."""
        body = {"signature_name": signature, "inputs": inputs}
        return answered(self.post(f"{self.path}:predict", body))["outputs"]

    def refused(self, path: str, body: Any, *statuses: int) -> None:
        """Expect a POST to be refused with one of `statuses` and {"error": a sentence}."""
        refused(self.post(path, body), statuses, f"POST {path} of {body!r:.100}")


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


def png_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Types and data of a PNG's chunks, each checked against its CRC (PNG specification, section 5)."""
    expect(png.startswith(_PNG), f"{png[:12]!r} does not begin like a PNG")
    chunks, at = [], len(_PNG)
    while at < len(png):
        expect(at + 12 <= len(png), "the last chunk of the PNG is cut off")
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        expect(at + 12 + length <= len(png), f"the PNG's chunk {kind!r} is cut off")
        (crc,) = struct.unpack_from(">I", png, at + 8 + length)
        expect(crc == zlib.crc32(kind + data), f"the CRC of the PNG's chunk {kind!r} is wrong")
        chunks.append((kind, data))
        at += 12 + length
    expect([kind for kind, _ in chunks][-1:] == [b"IEND"], "the PNG has no end")
    return chunks


def provenance(png: bytes) -> bytes:
    """The PNG's text chunks, in which a model says who it is; empty where there are none."""
    return b"\n".join(data for kind, data in png_chunks(png) if kind in (b"tEXt", b"iTXt"))
