"""What a model server must do over REST (https://www.tensorflow.org/tfx/serving/api_rest)."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import requests

from aigc_tf import contract
from aigc_tf.serving.server_under_test import LAST_DIGITS, Broken, Server, Skipped, answered, bounds, decoded, expect

_STATES = {"START", "LOADING", "AVAILABLE", "UNLOADING", "END"}
_CONNECTIONS = 16
_INT64 = (-(2**63), -1, 0, 2**63 - 1)
_FINGERPRINT = "sha256:"  # of the weights, which files name whose contract does not tell their origin


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


def contract_is_kept(server: Server) -> None:
    """The contract that the model tells is the same for every seed, and names the signatures that there are."""
    if not server.contract.named("contract"):
        raise Skipped("the model tells no contract")
    texts = server.columns(contract.SIGNATURE, {"seed": list(_INT64)})
    expect(len(texts) == len(_INT64) and len(set(texts)) == 1, "seeds have more than one contract")
    found, promised = server.signatures, server.contract.signatures
    expect(found.keys() == promised.keys(), f"signatures {sorted(found)} instead of {sorted(promised)}")
    for name, signature in promised.items():
        pairs = ((signature.inputs, found[name].inputs), (signature.outputs, found[name].outputs))
        for tensors, specs in pairs:
            expect(tensors.keys() == specs.keys(), f"{name} has {sorted(specs)} instead of {sorted(tensors)}")
            for key, tensor in tensors.items():
                dtype = np.dtype(object if tensor.dtype == "string" else tensor.dtype)
                right = specs[key].dtype == dtype and _fits(specs[key].shape, (None, *tensor.row))
                expect(right, f"{key} of {name} is {specs[key].dtype} {specs[key].shape}")


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


def files_show_their_numbers(server: Server) -> None:
    """Files come as {"b64": a whole file}, and show, rounded, what another signature gives as numbers."""
    for name, signature in server.promised("files").items():
        if not signature.shows or signature.shows not in server.signatures:
            continue
        for given in signature.variants():
            files = [decoded(file) for file in server.columns(name, server.sensible(name, 1, given))]
            inputs = server.sensible(signature.shows, 1, given)
            (numbers,) = np.array(server.columns(signature.shows, inputs), np.float64)
            expect(len(files) == 1 and bool(np.isfinite(numbers).all()), f"{name}: {len(files)} files for one seed")
            server.texts(files[0])  # walks through all of it
            try:
                stored = server.modality.read_file(files[0], numbers.shape)
            except ValueError as error:
                raise Broken(f"{name}: {error}") from None
            # What may be rounded either way, may.
            least, most = (server.modality.to_stored(numbers + by) for by in (-LAST_DIGITS, LAST_DIGITS))
            expect(bool(((least <= stored) & (stored <= most)).all()), f"a file of {name} shows other numbers")


def files_name_their_model(server: Server) -> None:
    """Each file says by which model it was generated."""
    newest = server.available()[-1]
    origin = server.contract_at(newest).origin
    for text in [server.texts(file) for file in server.files([1, 2], newest)]:
        expect(
            (origin or _FINGERPRINT) in text, f"a file says {text[:100]!r} of itself, not {origin or _FINGERPRINT!r}"
        )


def same_seed_same_bytes(server: Server) -> None:
    """The same seed gives the same bytes, alone and anywhere in a batch."""
    exact = {name: each for name, each in server.promised("files").items() if each.row_exact}
    if not exact:
        raise Skipped("the model does not promise it")
    newest = server.available()[-1]
    for name, signature in exact.items():
        variants = signature.variants()
        alone = [server.columns(name, _columns([{"seed": 11, **given}]), newest)[0] for given in variants]
        mixed = [{"seed": seed, **given} for seed in (12, 11, 13) for given in variants]
        for rows in (*([{"seed": 11, **given}] * 3 for given in variants), mixed, mixed[::-1]):
            files = server.columns(name, _columns(rows), newest)
            same = all(
                file == alone[variants.index({key: row[key] for key in row if key != "seed"})]
                for row, file in zip(rows, files)
                if row["seed"] == 11
            )
            expect(same, f"{name}: seed 11 looks different among {len(rows)} rows")
    expect(server.files([11], newest) != server.files([12], newest), "seeds 11 and 12 give the same file")


def every_seed_is_taken(server: Server) -> None:
    """Every int64 is a seed."""
    expect(len(set(server.files(_INT64))) == len(_INT64), "different seeds give the same file")


def numbers_are_in_range(server: Server) -> None:
    """What gives content or vectors as numbers gives finite ones, in their range and of their shape."""
    for name, signature in server.promised("content", "draw", "decode", "morph", "encode", "reconstruct").items():
        for key, tensor in signature.outputs.items():
            answer = server.columns(name, server.sensible(name))
            numbers = np.array(answer[key] if len(signature.outputs) > 1 else answer, np.float64)
            right = _fits(numbers.shape, server.signatures[name].outputs[key].shape) and len(numbers) == 2
            expect(right, f"{name}: {key} of shape {numbers.shape}")
            expect(bool(np.isfinite(numbers).all()), f"{name}: {key} is not finite")
            low, high = bounds(tensor)
            expect(low <= numbers.min() and numbers.max() <= high, f"{key} spans [{numbers.min()}, {numbers.max()}]")


def scores_are_finite(server: Server) -> None:
    """What scores content gives finite numbers for each row."""
    server.promised("content")
    for name, signature in server.promised("score").items():
        answer = server.columns(name, server.sensible(name))
        for key, tensor in signature.outputs.items():
            scores = np.array(answer[key] if len(signature.outputs) > 1 else answer, np.float64)
            right = _fits(scores.shape, (2, *tensor.row)) and bool(np.isfinite(scores).all())
            expect(right, f"{name}: {key} {scores}")


def controls_keep_their_bounds(server: Server) -> None:
    """Inputs with bounds change nothing at their defaults, and keep what is promised of their bounds and beyond."""
    checked = 0
    for name, signature in server.contract.signatures.items():
        bounded = {key: each for key, each in signature.inputs.items() if each.beyond}
        if name not in server.signatures or not bounded:
            continue
        checked += 1
        if signature.same_as in server.signatures:
            whole, same = (server.columns(each, server.sensible(each)) for each in (name, signature.same_as))
            expect(whole == same, f"{name}: the defaults give something else than {signature.same_as}")
        for key, tensor in bounded.items():

            def at(value: float, others: Mapping[str, float], name: str = name, key: str = key) -> Any:
                return server.columns(name, server.sensible(name, given={**others, key: value}))

            low, high = bounds(tensor)
            default = tensor.default or 0
            meant = (low, high) if tensor.beyond == "clipped" else (default, default)
            for given, counts in zip((low - 1, high + 1), meant):
                answers = [at(tensor.typed(each), {}) for each in (given, counts)]
                expect(answers[0] == answers[1], f"{name}: {key} {given} does not count as {counts}")
            if tensor.fixed_at is not None:
                # Others whose default is none of their values may be drawn from the seed.
                drawn = {other: each for other, each in bounded.items() if each.beyond == "default"}
                told = {other: each.typed(bounds(each)[0]) for other, each in drawn.items()}
                answer = at(tensor.typed(tensor.fixed_at), told)
                expect(answer[0] == answer[1], f"{name}: {key} {tensor.fixed_at} still depends on the seed")
    if not checked:
        raise Skipped("the model has no input with bounds")


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

    def ask(number: int) -> int:
        count, batch = 0, 1 + number % 4
        own = Server(server.rest, server.model, timeout=server.timeout)  # a connection of its own
        while time.monotonic() < until:
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
        return count

    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        requests_sent = sum(threads.map(ask, range(_CONNECTIONS)))
    expect(requests_sent >= _CONNECTIONS, f"only {requests_sent} answers in {server.seconds:g} s")


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def _fits(shape: tuple[int | None, ...], promised: tuple[int | None, ...]) -> bool:
    """Whether a shape is the promised one, as far as both are told."""
    return len(shape) == len(promised) and all(None in sizes or sizes[0] == sizes[1] for sizes in zip(shape, promised))


CHECKS = (
    status_lists_versions,
    status_of_one_version,
    status_passes_over_labels,
    metadata_describes_signatures,
    contract_is_kept,
    rows_and_columns_agree,
    columns_may_hold_more,
    files_show_their_numbers,
    files_name_their_model,
    same_seed_same_bytes,
    every_seed_is_taken,
    numbers_are_in_range,
    scores_are_finite,
    controls_keep_their_bounds,
    versions_are_chosen_by_number,
    labels_name_versions,
    metrics_are_exposed,
    many_connections_at_once,
)
