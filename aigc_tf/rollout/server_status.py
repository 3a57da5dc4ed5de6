"""Asks a model server, over its REST interface, which versions it has loaded."""

from __future__ import annotations

import dataclasses
import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

from aigc_tf.errors import UserError

_PAUSE = 0.5  # seconds between two questions
_ANSWER_WITHIN = 5.0  # seconds

# Model servers are inside one's own network; a proxy for the way out would not find them.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RolloutError(OSError):
    """A server did not take up what it was told; nothing that it served before has changed."""


@dataclasses.dataclass(frozen=True)
class ServerStatus:
    """A server's status page.

    Attributes:
        address: "HOST:PORT" of its REST interface.
        patience: seconds to wait for a version.
    """

    address: str
    patience: float = 120.0

    def __post_init__(self) -> None:
        host, _, port = self.address.rpartition(":")
        if not host or not port.isdecimal():
            raise UserError(f"--server {self.address} is no HOST:PORT, such as 127.0.0.1:8501")

    def wait_until_available(self, name: str, version: int) -> None:
        """Return once the server says that it serves this version of a model; it answers HTTP 200 in every state.

        Raises RolloutError where it has given the version up, and where the time is over.
        """
        deadline = time.monotonic() + self.patience
        while True:
            state, message = self._state(name, version)
            if state == "AVAILABLE":
                return
            if state == "END" and message:
                raise RolloutError(f"{self.address} could not load version {version} of {name}: {message}")
            if time.monotonic() > deadline:
                raise RolloutError(
                    f"{self.address} did not load version {version} of {name} within {self.patience:g} s (its state: "
                    f"{state or message}); does it poll the model config (--model_config_file_poll_wait_seconds)?"
                )
            time.sleep(_PAUSE)

    def _state(self, name: str, version: int) -> tuple[str, str]:
        """The state of a version and what is wrong with it; no state where the server does not know it."""
        try:
            with _opener.open(f"http://{self.address}/v1/models/{name}", timeout=_ANSWER_WITHIN) as answer:
                found: dict[str, Any] = json.load(answer)
        except (OSError, ValueError, http.client.HTTPException) as error:
            return "", str(error)
        for status in found.get("model_version_status", []):
            if str(status.get("version")) == str(version):
                return status.get("state", ""), status.get("status", {}).get("error_message", "")
        return "", "not listed"
