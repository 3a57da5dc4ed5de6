"""Asks the model servers that read one model config, over their REST interfaces, how far each of them is."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import math
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from aigc_tf.addresses import host_and_port, joined
from aigc_tf.errors import UserError

DEFAULT_WAIT = 15.0  # seconds: three polls of the five seconds that deploy/ sets
_PAUSE = 0.2  # seconds between two rounds of questions
_ANSWER_WITHIN = 3.0  # seconds
_SILENCE = 5.0  # seconds after which a server that does not answer is called down
_LOADED_OR_LOADING = ("START", "LOADING", "AVAILABLE")


class RolloutError(OSError):
    """A server did not take up what it was told, or does not answer."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a server said of a model.

    Attributes:
        states: of each version that it ever saw, START, LOADING, AVAILABLE, UNLOADING or END, and what went wrong.
        labels: the loaded version that it answers with for each label asked for; none for one that it does not know.
    """

    states: Mapping[int, tuple[str, str]]
    labels: Mapping[str, int]

    def state(self, version: int) -> str:
        """One of those, or an empty text for a version that it never saw."""
        return self.states.get(version, ("", ""))[0]

    def refuses(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """The labels, and the versions that it has them on, for which it refuses a config with the labels `wanted`: it
        has them elsewhere, and the wanted version is neither loaded nor about to be. Empty where it takes the config.
        """
        return {
            label: self.labels[label]
            for label, version in wanted.items()
            if self.labels.get(label, version) != version and self.state(version) not in _LOADED_OR_LOADING
        }

    def differs(self, wanted: Mapping[str, int]) -> str:
        """A label that it has not, or elsewhere than `wanted`, in words; an empty text for none."""
        for label, version in wanted.items():
            if self.labels.get(label) != version:
                return f"{label} is on version {self.labels.get(label, 'none')}"
        return ""

    def lacks(self, versions: Iterable[int]) -> str:
        """What is still to be waited for until it has these versions loaded; an empty text for nothing.

        Raises RolloutError where it has given one up.
        """
        for version in versions:
            state, message = self.states.get(version, ("not listed", ""))
            if state == "END" and message:
                raise RolloutError(f"could not load version {version}: {message}")
            if state != "AVAILABLE":
                return f"version {version} is {state}"
        return ""


Answers = Mapping[str, Seen]  # what one server said, by model


@dataclasses.dataclass(frozen=True)
class Servers:
    """The servers to ask, and how long to wait for them."""

    server: tuple[str, ...] = ()
    """HOST:PORT of a server's REST interface; once for each server. A name stands for all its addresses, as that of a
    headless service does. A label moves once the version is available on each of them, and the command ends once
    each has moved it. Without any, the command is given twice."""
    wait: float | None = None
    """Seconds between the last change of the model config and the move of a label: more than any server takes to
    read it again. By default 15 without --server, and 0 with it, since all of them are asked."""
    patience: float = 120.0
    """Seconds to wait for the servers at each step of a move."""

    def __post_init__(self) -> None:
        for address in self.server:
            host_and_port(address)
        for name, seconds in (("--wait", self.wait), ("--patience", self.patience)):
            if seconds is not None and not 0 <= seconds < math.inf:
                raise UserError(f"{name} {seconds:g} must be a number of seconds from 0")

    @property
    def pause(self) -> float:
        """Seconds for which a config is to stand before a label moves."""
        return self.wait if self.wait is not None else 0.0 if self.server else DEFAULT_WAIT

    def look(self, models: Mapping[str, Iterable[str]]) -> dict[str, Answers]:
        """What each server says of models and labels of theirs. Raises RolloutError, after some seconds, where one says
        nothing."""
        return self.wait_until(lambda answers: "", models)

    def wait_until(self, lacks: Callable[[Answers], str], models: Mapping[str, Iterable[str]]) -> dict[str, Answers]:
        """Ask all servers again and again until none lacks anything; names are looked up anew each time.

        `lacks` tells what is missing where a server answers so; an empty text for nothing.

        Raises RolloutError where a server says nothing for some seconds, or is not that far when patience ends; one
        that `lacks` raises is told with the server's address.
        """
        began, silent = time.monotonic(), dict[str, float]()
        while True:
            asked = time.monotonic()
            answers, silences = self._ask_all(models)
            lacking = {}
            for server, seen in answers.items():
                try:
                    lacking[server] = lacks(seen)
                except RolloutError as error:
                    raise RolloutError(f"{server} {error}") from None
            silent = {server: silent.get(server, asked) for server in silences}
            for server, since in silent.items():
                if time.monotonic() - since >= min(_SILENCE, self.patience):
                    raise RolloutError(f"{server} does not answer: {silences[server]}")
            told = "; ".join(f"{server}: {what}" for server, what in lacking.items() if what)
            if not told and not silences:
                return answers
            if told and asked - began > self.patience:
                raise RolloutError(
                    f"not within {self.patience:g} s: {told}; does it poll the model config "
                    "(--model_config_file_poll_wait_seconds), or does its log say that it refuses that? Then restart it"
                )
            time.sleep(_PAUSE)

    def _ask_all(self, models: Mapping[str, Iterable[str]]) -> tuple[dict[str, Answers], dict[str, str]]:
        """What was seen, and why nothing was, by address."""
        answers, silences = {}, {}
        for address in self.server:
            try:
                found = _addresses(address)
            except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
                silences[address] = str(error)
                continue
            for host, port in found:
                server = joined(host, port)
                try:
                    answers[server] = _ask(host, port, models)
                except OSError as error:
                    silences[server] = str(error)
                except (ValueError, LookupError, TypeError, AttributeError, http.client.HTTPException) as error:
                    silences[server] = f"what answers is no model server ({error!r})"
        return answers, silences


def _addresses(address: str) -> list[tuple[str, int]]:
    """All addresses of HOST:PORT. Where it has some of both families, those of the first that anybody answers at: a
    server has one of each, and may listen at one only. OSError where the name is not known."""
    host, port = host_and_port(address)
    families: dict[int, list[tuple[str, int]]] = {}
    for family, _, _, _, found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        families.setdefault(family, []).append((str(found[0]), int(found[1])))
    *others, last = families.values()
    return next((found for found in others if any(map(_accepts, found))), last)


def _accepts(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1.0).close()
    except OSError:
        return False
    return True


def _ask(host: str, port: int, models: Mapping[str, Iterable[str]]) -> Answers:
    """One round of questions to one server; errors of any kind where what answers is no model server."""
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_WITHIN)  # no proxy: servers are near
    with contextlib.closing(connection):
        return {model: _ask_of(connection, f"/v1/models/{quote(model, safe='')}", models[model]) for model in models}


def _ask_of(connection: http.client.HTTPConnection, path: str, labels: Iterable[str]) -> Seen:
    rows = _get(connection, path).get("model_version_status", [])
    states = {int(row["version"]): (row["state"], row.get("status", {}).get("error_message", "")) for row in rows}
    # The status knows no labels in TensorFlow Serving 2.15 (it lists all versions); the metadata do.
    asked = {label: _get(connection, f"{path}/labels/{quote(label, safe='')}/metadata") for label in labels}
    return Seen(states, {label: int(one["model_spec"]["version"]) for label, one in asked.items() if one})


def _get(connection: http.client.HTTPConnection, path: str) -> dict:
    """The JSON at a path, nothing where the server knows no such model or label."""
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status not in (200, 400, 404):
        raise OSError(f"HTTP status {answer.status}")
    found = json.loads(body)
    return found if answer.status == 200 else {}
