"""Who trains together, as TensorFlow's environment variable TF_CONFIG tells it to each of them."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from aigc_tf.errors import UserError

_VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")
_EXAMPLE = (
    '{"cluster": {"worker": ["HOST0:PORT", "HOST1:PORT"]}, "task": {"type": "worker", "index": 0}}, '
    "with an index of its own on each machine"
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers by number, the first of them the chief, and which of them this process is.

    Attributes:
        addresses: "host:port" of each; empty where nobody else is there.
        index: of this process.
        chief_apart: whether the chief has a job of its own, beside those of the others.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0
    chief_apart: bool = False

    @property
    def count(self) -> int:
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    def number(self, job: str, task: int) -> int:
        """Of whom TensorFlow calls by a job and a number in it."""
        return task + (self.chief_apart and job == "worker")

    def name(self, index: int) -> str:
        """One of them in words."""
        return f"worker {index}{' (the chief)' if index == 0 else ''} at {self.addresses[index]}"


def is_told(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process was told of a cluster at all."""
    return bool(environment.get(_VARIABLE))


def read(environment: Mapping[str, str] = os.environ) -> Cluster:
    """The cluster that TF_CONFIG tells of. Raises UserError, in one sentence, where it tells of none."""
    if not is_told(environment):
        raise UserError(f"--strategy multi-worker needs the environment variable {_VARIABLE}, such as {_EXAMPLE}")
    try:
        return _cluster(json.loads(environment[_VARIABLE]))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{_VARIABLE} is no JSON ({error}): it should look like {_EXAMPLE}") from None
    except UserError as error:
        raise UserError(f"{_VARIABLE} {error}: it should look like {_EXAMPLE}") from None


def _cluster(told: Any) -> Cluster:
    jobs = told.get("cluster") if isinstance(told, dict) else None
    if not isinstance(jobs, dict) or not jobs:
        raise UserError("names no cluster")
    if unknown := sorted(jobs.keys() - set(_JOBS)):
        raise UserError(f"names the job {unknown[0]!r}, but all that train are of the job worker (or one chief)")
    addresses = []
    for job in _JOBS:
        listed = jobs.get(job, [])
        if not isinstance(listed, list) or (job in jobs and not listed):
            raise UserError(f"lists no addresses of the job {job}")
        addresses += listed
    if len(jobs.get("chief", [])) > 1:
        raise UserError("names more than one chief")
    for address in addresses:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not (re.fullmatch(r"[^\s,]+", host) and re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
            raise UserError(f"names the address {address!r}, but each must be HOST:PORT")
    if len(set(addresses)) < len(addresses):
        raise UserError("names an address twice")
    job, index = _task(told.get("task"), jobs)
    cluster = Cluster(tuple(addresses), chief_apart="chief" in jobs)
    return dataclasses.replace(cluster, index=cluster.number(job, index))


def _task(task: Any, jobs: dict[str, list[str]]) -> tuple[str, int]:
    if not isinstance(task, dict) or not isinstance(task.get("type"), str) or task["type"] not in jobs:
        raise UserError(f"names no task of its own, whose type is {' or '.join(jobs)}")
    kind, given = task["type"], task.get("index")
    count = len(jobs[kind])
    try:
        index = int(given) if isinstance(given, int | str) and not isinstance(given, bool) else -1
    except ValueError:
        index = -1
    if not 0 <= index < count:
        raise UserError(f"has the index {given!r} for one of {count} of the job {kind}, which count from 0")
    return kind, index
