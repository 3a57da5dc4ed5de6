"""TensorFlow Serving's REST API: JSON over HTTP, with binary strings in base64."""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import Retry

from aigc_tf.serving.target import ServingError, SignatureSpec, Target, TensorSpec, understanding

# One lost answer is asked for again (a server that drains closes idle connections), but only one: a server that is
# too slow would only get slower. POST is among the retried methods, since a prediction changes nothing.
_RETRIES = Retry(
    total=5,
    read=1,
    status_forcelist=(429, 503),
    allowed_methods=None,
    backoff_factor=0.2,
    backoff_max=5.0,
    retry_after_max=5,
    raise_on_status=False,
)

# Whoever calls hears of a failure once, when no retry has helped.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

_DTYPES = {
    "DT_STRING": object,
    "DT_BOOL": np.bool_,
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_UINT8": np.uint8,
    "DT_INT8": np.int8,
    "DT_INT16": np.int16,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
}


class RestClient:
    """A client of `target` over HTTP; see `aigc_tf.serving.client.Client`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._model = f"http://{target.server}/v1/models/{quote(target.model, safe='')}"
        self._session = requests.Session()
        self._session.trust_env = False  # model servers are called inside one's own network, past its web proxy
        self._session.mount("http://", HTTPAdapter(max_retries=_RETRIES))

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def states(self) -> dict[int, str]:
        # Version and label are left out: the status of a version that does not exist yet would be an error.
        answer = self._ask("GET", self._model)
        with understanding(self.target):
            return {int(status["version"]): status["state"] for status in answer["model_version_status"]}

    def signatures(self) -> dict[str, SignatureSpec]:
        return self._signatures

    def version(self) -> int:
        """The number of the version that told its signatures."""
        answer = self._metadata
        with understanding(self.target):
            return int(answer["model_spec"]["version"])

    @functools.cached_property
    def _metadata(self) -> dict[str, Any]:
        return self._ask("GET", f"{self._model}{self._choice()}/metadata")

    @functools.cached_property
    def _signatures(self) -> dict[str, SignatureSpec]:
        answer = self._metadata
        with understanding(self.target):
            return {
                name: SignatureSpec(_specs(signature["inputs"]), _specs(signature["outputs"]))
                for name, signature in answer["metadata"]["signature_def"]["signature_def"].items()
                if not name.startswith("__")  # TensorFlow's own, which initialises tables
            }

    def predict(self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default") -> dict[str, np.ndarray]:
        if signature not in self._signatures:
            raise ServingError("INVALID_ARGUMENT", f"{self.target} has no signature {signature!r}, but {self._names()}")
        columns = {name: _to_json(np.asarray(values)) for name, values in inputs.items()}
        body = {"signature_name": signature, "inputs": columns}
        answer = self._ask("POST", f"{self._model}{self._choice()}:predict", body)
        specs = self._signatures[signature].outputs
        with understanding(self.target):
            outputs = answer["outputs"]
            if len(specs) == 1:  # a single output comes without its name
                outputs = dict.fromkeys(specs, outputs)
            return {name: _from_json(outputs[name], spec) for name, spec in specs.items()}

    def _names(self) -> str:
        return ", ".join(sorted(self._signatures))

    def _choice(self) -> str:
        if self.target.label is not None:
            return f"/labels/{quote(self.target.label, safe='')}"
        return "" if self.target.version is None else f"/versions/{self.target.version}"

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        try:
            response = self._session.request(method, url, json=body, timeout=self.target.timeout)
        except requests.exceptions.InvalidJSONError:
            raise ServingError("INVALID_ARGUMENT", "NaN and infinity have no JSON form: send finite numbers") from None
        except requests.exceptions.RequestException as error:
            raise _failure(self.target, error) from None
        try:
            answer = response.json()
        except requests.exceptions.JSONDecodeError:
            answer = None
        if response.status_code == 200 and isinstance(answer, dict):
            return answer
        reason = answer["error"] if isinstance(answer, dict) and "error" in answer else response.text[:200]
        code = _CODES.get(response.status_code, "INTERNAL")
        raise ServingError(code, f"{self.target} answered HTTP {response.status_code}: {reason}")


def _failure(target: Target, error: requests.exceptions.RequestException) -> ServingError:
    """What `requests` says of a failed connection, in a sentence."""
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "reason", cause)
    if isinstance(cause, ReadTimeoutError):
        return ServingError("DEADLINE_EXCEEDED", f"{target} did not answer within {target.timeout:g} s")
    reason = str(cause).rpartition(": ")[2]
    return ServingError("UNAVAILABLE", f"cannot reach {target.server} over REST ({reason}): is a server running there?")


def _specs(tensors: dict[str, Any]) -> dict[str, TensorSpec]:
    specs = {}
    for name, tensor in tensors.items():
        sizes = [int(dimension["size"]) for dimension in tensor["tensor_shape"]["dim"]]
        shape = tuple(None if size == -1 else size for size in sizes)
        specs[name] = TensorSpec(np.dtype(_DTYPES[tensor["dtype"]]), shape)
    return specs


def _to_json(values: np.ndarray) -> Any:
    if values.dtype.kind not in "OSU":
        return values.tolist()
    return _nested(lambda text: {"b64": base64.b64encode(text).decode()}, values.astype(object).tolist())


def _from_json(values: Any, spec: TensorSpec) -> np.ndarray:
    if spec.dtype == object:
        values = _nested(
            lambda text: base64.b64decode(text["b64"], validate=True) if isinstance(text, dict) else text.encode(),
            values,
        )
    return np.array(values, spec.dtype)


def _nested(convert: Callable[[Any], Any], values: Any) -> Any:
    return [_nested(convert, value) for value in values] if isinstance(values, list) else convert(values)
