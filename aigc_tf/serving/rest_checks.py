"""What a model server must do over REST (https://www.tensorflow.org/tfx/serving/api_rest)."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from aigc_tf.serving.server_under_test import Broken, Server, Skipped, answered, decoded, expect

_STATES = {"START", "LOADING", "AVAILABLE", "UNLOADING", "END"}
_CONNECTIONS = 16


def status_lists_versions(server: Server) -> None:
    """The status lists versions as strings, with a state and an error code each."""
    versions = answered(server.get(server.path))["model_version_status"]
    expect(bool(versions), "no version is listed")
    for version in versions:
        expect(isinstance(version["version"], str), f"version {version['version']!r} is not a string")
        expect(version["state"] in _STATES, f"state {version['state']!r} is none of {sorted(_STATES)}")
        expect(version["status"].keys() == {"error_code", "error_message"}, f"status is {version['status']}")


def status_of_one_version(server: Server) -> None:
    """The status of one version lists it alone."""
    version = server.available()[-1]
    statuses = answered(server.get(f"{server.path}/versions/{version}"))["model_version_status"]
    expect([status["version"] for status in statuses] == [str(version)], f"asked for {version}, got {statuses}")


def status_passes_over_labels(server: Server) -> None:
    """The status of a label, known or not, lists all versions: labels choose who answers, and no more."""
    listed = [
        {status["version"] for status in answered(server.get(path))["model_version_status"]}
        for path in (f"{server.path}/labels/no-such-label", server.path)
    ]
    expect(listed[0] <= listed[1] and bool(listed[0]), f"versions {listed[0]} instead of {listed[1]}")


def metadata_describes_signatures(server: Server) -> None:
    """Metadata tell the version and the signatures, whose tensors all have a free first dimension."""
    answer = answered(server.get(f"{server.path}/metadata"))
    expect(answer["model_spec"]["name"] == server.model, f"model_spec is {answer['model_spec']}")
    expect(int(answer["model_spec"]["version"]) in server.available(), f"model_spec is {answer['model_spec']}")
    expect("serving_default" in server.signatures, f"only signatures {sorted(server.signatures)}")
    for name, signature in server.signatures.items():
        for tensor, spec in {**signature.inputs, **signature.outputs}.items():
            expect(spec.shape[:1] == (None,), f"{tensor} of {name} has shape {spec.shape}")


def rows_and_columns_agree(server: Server) -> None:
    """Rows and columns give the same bytes, with names, and without them where there is but one input."""
    path = f"{server.path}:predict"
    columns = server.sensible("serving_default", 2)
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    forms: list[dict[str, Any]] = [{"instances": rows}, {"inputs": columns}]
    if len(columns) == 1:
        (seeds,) = columns.values()
        forms += [{"instances": seeds}, {"inputs": seeds}]
    bodies = [answered(server.post(path, form)) for form in forms]
    answers = [body["predictions" if "instances" in form else "outputs"] for body, form in zip(bodies, forms)]
    expect(len(answers[0]) == len(rows), f"{len(answers[0])} answers for {len(rows)} seeds")
    expect(all(answer == answers[0] for answer in answers), f"the {len(forms)} forms of one request differ")


def columns_may_hold_more(server: Server) -> None:
    """Among columns nobody looks at a name that is no input, nor at other keys of the request."""
    columns = server.sensible("serving_default", 1)
    expected = server.columns("serving_default", columns)
    more = server.columns("serving_default", {**columns, "no-such-input": ["anything"]})
    expect(more == expected, "a column that is no input changes the answer")
    body = {"inputs": columns, "no-such-key": 1}
    expect(answered(server.post(f"{server.path}:predict", body))["outputs"] == expected, "a further key does")


def versions_are_chosen_by_number(server: Server) -> None:
    """Each AVAILABLE version answers by its number, and no number means the newest."""
    files = {version: server.files([21], version) for version in server.available()}
    newest = server.files([21])
    # Whatever was published in between is the newest now.
    files |= {version: server.files([21], version) for version in server.available()}
    expect(newest in files.values(), "without a number another file comes than from any version")
    if max(server.available()) == max(files):
        expect(server.files([21]) == files[max(files)], "without a number the newest version does not answer")


def labels_name_versions(server: Server) -> None:
    """Each label answers as one of the AVAILABLE versions does."""
    if not server.labels:
        raise Skipped("no --labels given")
    files = [server.files([22], version) for version in server.available()]
    for label in server.labels:
        found = server.files([22], label=label)
        expect(found in files, f"label {label!r} answers like no version")


def metrics_are_exposed(server: Server) -> None:
    """Prometheus can read the number of requests."""
    url = f"http://{server.rest}/monitoring/prometheus/metrics"
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(url, timeout=server.timeout)
    if response.status_code != 200:
        raise Skipped(f"HTTP {response.status_code}: monitoring is not switched on")
    expect(":tensorflow:serving:request_count{" in response.text, "no :tensorflow:serving:request_count")


def many_connections_at_once(server: Server) -> None:
    """Many connections at once get right files and no failure, also while versions change."""
    seen: dict[tuple[str, int], bytes] = {}
    server.rows([])  # asks for the contract, before anybody is in a hurry
    lock, until = threading.Lock(), time.monotonic() + server.seconds

    def ask(number: int) -> None:
        count, batch = 0, 1 + number % 4
        own = Server(server.rest, server.model, timeout=server.timeout)  # a connection of its own
        while not count or time.monotonic() < until:  # however slow the server, each asks once
            seeds = [(number + 7 * count + row) % 50 for row in range(batch)]
            body = answered(own.post(f"{server.path}:predict", {"instances": server.rows(seeds)}))
            files = [decoded(value) for value in body["predictions"]]
            expect(len(files) == batch, f"{len(files)} files for {batch} seeds")
            with lock:
                for seed, file in zip(seeds, files):
                    # A version that comes in between may make another file, but then it names another model.
                    if seen.setdefault((server.texts(file), seed), file) != file:
                        raise Broken(f"seed {seed} gave two files of one model")
            count += 1

    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        list(threads.map(ask, range(_CONNECTIONS)))


CHECKS = (
    status_lists_versions,
    status_of_one_version,
    status_passes_over_labels,
    metadata_describes_signatures,
    rows_and_columns_agree,
    columns_may_hold_more,
    versions_are_chosen_by_number,
    labels_name_versions,
    metrics_are_exposed,
    many_connections_at_once,
)
