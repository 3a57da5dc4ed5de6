"""What a model server must refuse over REST, with which status, and always with {"error": a sentence}."""

from __future__ import annotations

from typing import Any

from aigc_tf.serving.server_under_test import Server, expect, refused


def integers_are_strict(server: Server) -> None:
    """Only integers of 64 bits are taken for an integer."""
    for value in (b"1.0", b"1e3", b'"1"', b"true", b"null", b"9223372036854775808", b'{"b64": "AQ=="}'):
        server.refused(f"{server.path}:predict", b'{"instances": [' + value + b"]}", 400)
        server.refused(f"{server.path}:predict", b'{"inputs": {"seed": [' + value + b"]}}", 400)


def floats_take_integers(server: Server) -> None:
    """An integer is taken for a float, a string is not."""
    server.require("truncated")
    expect(len(server.columns("truncated", {"seed": [1], "truncation": [1]})) == 1, "no image")
    body = {"signature_name": "truncated", "inputs": {"seed": [1], "truncation": ["1.0"]}}
    server.refused(f"{server.path}:predict", body, 400)


def large_integers_are_rounded_for_floats(server: Server) -> None:
    """A whole number with more digits than a float holds is rounded to one."""
    width = server.require("decode").inputs["latent"].shape[1] or 1
    exact = server.columns("decode", {"latent": [[float(2**25), *[0.0] * (width - 1)]]})
    rounded = server.columns("decode", {"latent": [[2**25 + 1, *[0.0] * (width - 1)]]})
    expect(rounded == exact, "2^25 + 1 and 2^25 give different images")


def rows_name_every_input(server: Server) -> None:
    """A row that lacks an input, or a column that does, is refused; so are columns of different lengths."""
    server.require("truncated")
    whole, part = {"seed": 1, "truncation": 0.5}, {"seed": 1}
    bodies: list[dict[str, Any]] = [
        {"instances": [part]},
        {"instances": [whole, part]},
        {"instances": [1]},
        {"inputs": {"seed": [1]}},
        {"inputs": [1]},
        {"inputs": {"seed": [1, 2], "truncation": [0.5, 0.5, 0.5]}},
    ]
    for body in bodies:
        server.refused(f"{server.path}:predict", {"signature_name": "truncated", **body}, 400)


def malformed_requests_are_refused(server: Server) -> None:
    """Malformed requests get HTTP 400 and {"error": a sentence}."""
    bodies: list[Any] = [
        b"",
        b"{",
        b'{"instances": [1, 2',
        b"[1, 2]",
        b'{"instances": [1]} and more',
        b'{"instances": [1]}{"instances": [1]}',
        b"\xff\xfe\x00",
        {},
        {"instances": []},
        {"instances": 5},
        {"instances": [1], "inputs": [1]},
        {"instances": [1, [1]]},
        {"instances": [{"nonsense": 1}]},
        {"instances": [{"seed": 1}, 1]},
        {"inputs": {"nonsense": [1]}},
        {"signature_name": 7, "instances": [1]},
        {"signature_name": "nonsense", "instances": [1]},
    ]
    for body in bodies:
        server.refused(f"{server.path}:predict", body, 400)


def latents_of_another_width_are_refused(server: Server) -> None:
    """A latent of the wrong width is refused."""
    width = server.require("decode").inputs["latent"].shape[1] or 0
    body = {"signature_name": "decode", "instances": [[0.5] * (width + 1)]}
    server.refused(f"{server.path}:predict", body, 400)


def unknown_names_are_refused(server: Server) -> None:
    """Unknown models and versions are 404, unknown labels, verbs and paths and negative versions 400."""
    body, model = {"instances": [1]}, server.path
    unknown = max(server.available()) + 10**6
    for path in ("no-such-model", f"{model}/versions/{unknown}", "..%2F..%2Fetc%2Fpasswd"):
        server.refused(f"{path}:predict", body, 404)
        refused(server.get(path), (404,), f"GET {path}")
    for path in (f"{model}/labels/no-such-label", f"{model}/versions/-1", f"{model}/versions/{2**64}"):
        server.refused(f"{path}:predict", body, 400)
    server.refused(f"{model}:improvise", body, 400)
    refused(server.get(f"{model}/metadata/metadata"), (400,), "metadata of metadata")


CHECKS = (
    integers_are_strict,
    floats_take_integers,
    large_integers_are_rounded_for_floats,
    rows_name_every_input,
    malformed_requests_are_refused,
    latents_of_another_width_are_refused,
    unknown_names_are_refused,
)
