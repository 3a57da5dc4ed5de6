"""What a model server must refuse over REST, with which status, and always with {"error": a sentence}."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_tf.contract import Tensor
from aigc_tf.serving.server_under_test import Server, Skipped, expect, refused

_HERE = "here"


def integers_are_strict(server: Server) -> None:
    """Only integers of 64 bits are taken for an integer."""
    columns = server.sensible("serving_default", 1)
    row = {name: rows[0] for name, rows in columns.items()}
    for name in columns:
        bodies: list[Any] = [{"instances": [{**row, name: _HERE}]}, {"inputs": {**columns, name: [_HERE]}}]
        bodies += [{"instances": [_HERE]}] * (len(row) == 1)
        for value in ("1.0", "1e3", '"1"', "true", "null", "9223372036854775808", '{"b64": "AQ=="}'):
            for body in bodies:
                text = json.dumps(body).replace(json.dumps(_HERE), value)
                server.refused(f"{server.path}:predict", text.encode(), 400)


def floats_take_integers(server: Server) -> None:
    """An integer is taken for a float, a string is not."""
    for signature, name in _inputs(server, lambda tensor: tensor.dtype.startswith("float") and not tensor.row):
        taken = server.columns(signature, server.sensible(signature, 1, {name: 1}))
        expect(len(taken) == 1, f"{signature}: no answer")
        body = {"signature_name": signature, "inputs": {**server.sensible(signature, 1), name: ["1.0"]}}
        server.refused(f"{server.path}:predict", body, 400)


def large_integers_are_rounded_for_floats(server: Server) -> None:
    """A whole number with more digits than a float holds is rounded to one."""
    for signature, name in _inputs(server, lambda tensor: tensor.dtype == "float32" and len(tensor.row) == 1):
        (width,) = server.shape(signature, name)
        columns = server.sensible(signature, 1)
        exact, rounded = (
            server.columns(signature, {**columns, name: [[first, *[0.0] * (width - 1)]]})
            for first in (float(2**25), 2**25 + 1)
        )
        expect(rounded == exact, f"{signature}: 2^25 + 1 and 2^25 give different answers")


def rows_name_every_input(server: Server) -> None:
    """A row that lacks an input, or a column that does, is refused; so are columns of different lengths."""
    several = {name: each for name, each in server.signatures.items() if len(each.inputs) > 1}
    several = {name: each for name, each in several.items() if name in server.contract.signatures}
    if not several:
        raise Skipped("no signature has several inputs")
    for signature in several:
        columns = server.sensible(signature, 1)
        whole = {name: rows[0] for name, rows in columns.items()}
        (first, *others) = columns
        part = {first: whole[first]}
        uneven = {first: columns[first] * 2, **{name: columns[name] * 3 for name in others}}
        bodies: list[dict[str, Any]] = [
            {"instances": [part]},
            {"instances": [whole, part]},
            {"instances": [whole[first]]},
            {"inputs": {first: columns[first]}},
            {"inputs": columns[first]},
            {"inputs": uneven},
        ]
        for body in bodies:
            server.refused(f"{server.path}:predict", {"signature_name": signature, **body}, 400)


def malformed_requests_are_refused(server: Server) -> None:
    """Malformed requests get HTTP 400 and {"error": a sentence}."""
    (row,) = server.rows([1])
    named = row if isinstance(row, dict) else {"seed": row}
    bodies: list[Any] = [
        b"",
        b"{",
        b'{"instances": [1, 2',
        b"[1, 2]",
        json.dumps({"instances": [row]}).encode() + b" and more",
        json.dumps({"instances": [row]}).encode() * 2,
        b"\xff\xfe\x00",
        {},
        {"instances": []},
        {"instances": 5},
        {"instances": [row], "inputs": server.sensible("serving_default", 1)},
        {"instances": [row, [1]]},
        {"instances": [{"nonsense": 1}]},
        {"instances": [named, 1]},
        {"inputs": {"nonsense": [1]}},
        {"signature_name": 7, "instances": [row]},
        {"signature_name": "nonsense", "instances": [row]},
    ]
    for body in bodies:
        server.refused(f"{server.path}:predict", body, 400)


def rows_of_another_shape_are_refused(server: Server) -> None:
    """A row of another shape than that of its input is refused."""
    for signature, name in _inputs(server, lambda tensor: True):
        shape = server.shape(signature, name)
        columns = server.sensible(signature, 1)
        wrong = [np.zeros((1, *shape, 1), int).tolist()]
        if server.signatures[signature].inputs[name].shape[1:2] == shape[:1] != ():
            wrong.append(np.zeros((1, shape[0] + 1, *shape[1:]), int).tolist())
        for value in wrong:
            body = {"signature_name": signature, "inputs": {**columns, name: value}}
            server.refused(f"{server.path}:predict", body, 400)


def unknown_names_are_refused(server: Server) -> None:
    """Unknown models and versions are 404, unknown labels, verbs and paths and negative versions 400."""
    body, model = {"instances": server.rows([1])}, server.path
    unknown = max(server.available()) + 10**6
    for path in ("no-such-model", f"{model}/versions/{unknown}", "..%2F..%2Fetc%2Fpasswd"):
        server.refused(f"{path}:predict", body, 404)
        refused(server.get(path), (404,), f"GET {path}")
    for path in (f"{model}/labels/no-such-label", f"{model}/versions/-1", f"{model}/versions/{2**64}"):
        server.refused(f"{path}:predict", body, 400)
    server.refused(f"{model}:improvise", body, 400)
    refused(server.get(f"{model}/metadata/metadata"), (400,), "metadata of metadata")


def _inputs(server: Server, wanted: Callable[[Tensor], bool]) -> list[tuple[str, str]]:
    """Signatures and inputs of them that are `wanted`; raises `Skipped` where there are none."""
    found = [
        (signature, name)
        for signature, each in server.contract.signatures.items()
        for name, tensor in each.inputs.items()
        if signature in server.signatures and wanted(tensor)
    ]
    if not found:
        raise Skipped("no signature has such an input")
    return found


CHECKS = (
    integers_are_strict,
    floats_take_integers,
    large_integers_are_rounded_for_floats,
    rows_name_every_input,
    malformed_requests_are_refused,
    rows_of_another_shape_are_refused,
    unknown_names_are_refused,
)
