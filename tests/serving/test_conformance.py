"""The conformance checks: the stand-in passes them all, and a server that breaks one rule fails that check."""

from __future__ import annotations

import base64
import contextlib
import http.server
import itertools
import json
import os
import re
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import conditional
import grpc
import numpy as np
import pytest
import requests
from commands import ROOT, refused, run, succeed
from stand_in import StandIn, serving

from aigc_tf.modalities.image.png import chunks
from aigc_tf.serving import conformance, contract_checks, grpc_checks, rest_checks
from aigc_tf.serving.conformance import CHECKS
from aigc_tf.serving.server_under_test import Broken, Server, Skipped

LABELS = ("stable", "canary")
INPAINTS = contract_checks.kept_parts_stay.__doc__.partition(".")[0]
OF_OTHERS = "kept_parts_stay"  # a GAN makes no parts; test_every_family.py has a server that keeps nothing


def test_the_stand_in_passes_every_check(server):
    lines: list[str] = []
    subject = Server(server.rest, "digits", server.grpc, LABELS, seconds=1.0)
    assert conformance.run(subject, lines.append) == 0, lines
    (skipped,) = [line for line in lines if not line.startswith("pass  ")]
    assert skipped == f"skip  {INPAINTS}: the model has no signature that gives inpaint"
    assert len(lines) == len(CHECKS) == len(set(lines))


def test_versions_may_change_under_load(published, tmp_path):
    base = tmp_path / "digits"
    shutil.copytree(published / "1", base / "1")
    with serving(base) as stand_in:
        subject, answered = Server(stand_in.rest, "digits", seconds=6.0), threading.Event()

        def publish() -> None:
            for version in itertools.count(2):
                shutil.copytree(published / str(1 + version % 2), tmp_path / "building")
                os.rename(tmp_path / "building", base / str(version))
                if answered.wait(1.0):
                    return

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            rest_checks.many_connections_at_once(subject)
        finally:
            answered.set()
            publisher.join()
        assert subject.available()[0] > 1  # the first version is gone meanwhile


def test_the_command_says_it_line_by_line_and_with_its_status(server):
    check = ["-m", "aigc_tf", "conformance", "--model", "digits", "--seconds", 0.2]
    out = succeed(run(*check, server.rest)).splitlines()
    assert len(out) == len(CHECKS)
    skipped = [line for line in out if line.startswith("skip  ")]
    assert all(re.search("no --grpc given|no --labels given|gives inpaint", line) for line in skipped)
    assert len(skipped) == 2 + len(grpc_checks.CHECKS)
    done = run(*check, server.rest, "--labels", "stable", "nonsense")
    assert done.returncode == 1
    (fault,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL  ")]
    assert "nonsense" in fault and "HTTP 400" in fault
    assert "cannot reach 127.0.0.1:9" in refused(run(*check, "127.0.0.1:9"))


# How a server may be wrong: functions that spoil a request or its answer on the way through a proxy. Each is given the
# path, the body of the request, and the answer's status and body (None for the way in), and returns what to pass on.


def _json(change: Callable[[Any], Any]) -> Callable[..., tuple[int, bytes]]:
    def spoil(path: str, request: bytes, status: int, body: bytes) -> tuple[int, bytes]:
        with contextlib.suppress(ValueError):
            body = json.dumps(change(json.loads(body))).encode()
        return status, body

    return spoil


def _images(change: Callable[[bytes, int], bytes]) -> Callable[..., tuple[int, bytes]]:
    """Changes each PNG, given its place in the answer."""
    count = itertools.count()

    def change_all(answer: Any) -> Any:
        if isinstance(answer, dict) and answer.keys() == {"b64"}:
            png = change(base64.b64decode(answer["b64"]), next(count))
            return {"b64": base64.b64encode(png).decode()}
        if isinstance(answer, dict):
            return {key: change_all(value) for key, value in answer.items()}
        return [change_all(value) for value in answer] if isinstance(answer, list) else answer

    return _json(change_all)


def _without_text(png: bytes, _: int) -> bytes:
    kept = b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in chunks(png)
        if kind not in (b"tEXt", b"iTXt")
    )
    return png[:8] + kept


def _numbered_status(answer: Any) -> Any:
    for version in answer.get("model_version_status", []):
        version["version"] = int(version["version"])
    return answer


def _all_versions(answer: Any) -> Any:
    if "model_version_status" in answer:
        answer["model_version_status"] *= 2
    return answer


def _outputs(change: Callable[[Any], Any]) -> Callable[..., tuple[int, bytes]]:
    return _json(lambda answer: {**answer, "outputs": change(answer["outputs"])} if "outputs" in answer else answer)


def _numbers(change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., tuple[int, bytes]]:
    """Changes what comes as numbers, and neither files nor texts."""

    def spoil(outputs: Any) -> Any:
        numbers = np.array(outputs)
        return change(numbers).tolist() if numbers.dtype.kind == "f" else outputs

    return _outputs(spoil)


def _labelled(spoil: Callable[..., tuple[int, bytes]]) -> Callable[..., tuple[int, bytes]]:
    """Spoils only what was asked for by label."""
    return lambda path, request, status, body: (spoil if "/labels/" in path else _passed)(path, request, status, body)


def _now_and_then_broken() -> Callable[..., tuple[int, bytes]]:
    count = itertools.count(1)
    return lambda path, request, status, body: (500, b"{}") if next(count) % 30 == 0 else (status, body)


def _passed(path: str, request: bytes, status: int, body: bytes) -> tuple[int, bytes]:
    return status, body


def _same_request(path: str, request: bytes) -> tuple[str, bytes]:
    return path, request


# What a proxy of Python's own does wrong by itself: see `proxy`.
PLAIN = (_same_request, _passed)

WRONG = {
    "status_lists_versions": (_same_request, _json(_numbered_status)),
    "status_of_one_version": (_same_request, _json(_all_versions)),
    "status_passes_over_labels": (
        _same_request,
        lambda path, request, status, body: (404, b"{}") if "/labels/" in path else (status, body),
    ),
    "metadata_describes_signatures": (
        _same_request,
        lambda path, request, status, body: (status, body.replace(b'"-1"', b'"1"')),
    ),
    "rows_and_columns_agree": (_same_request, _outputs(lambda outputs: outputs[::-1])),
    "columns_may_hold_more": (
        _same_request,
        lambda path, request, status, body: (400, b"{}") if b"no-such-" in request else (status, body),
    ),
    "contract_is_kept": (
        _same_request,
        lambda path, request, status, body: (status, body.replace(b'"discriminate"', b'"improvise"')),
    ),
    "files_show_their_numbers": (_same_request, _images(lambda png, _: png[:-1] + b"!")),
    "files_name_their_model": (_same_request, _images(_without_text)),
    "same_seed_same_bytes": (_same_request, _images(lambda png, place: png + bytes([place % 2]))),
    "every_seed_is_taken": (lambda path, request: (path, re.sub(rb"-?\d{19}", b"1", request)), _passed),
    "numbers_are_in_range": (_same_request, _numbers(lambda numbers: numbers + 1)),
    "scores_are_finite": (_same_request, _numbers(lambda numbers: numbers[None])),
    "controls_keep_their_bounds": (lambda path, request: (path, request.replace(b"0.0", b"0.5")), _passed),
    "integers_are_strict": (lambda path, request: (path, request.replace(b"1.0", b"1")), _passed),
    "floats_take_integers": (lambda path, request: (path, request.replace(b'"1.0"', b"1.0")), _passed),
    "large_integers_are_rounded_for_floats": (
        _same_request,
        lambda path, request, status, body: (400, b"{}") if b"33554433" in request else (status, body),
    ),
    "rows_name_every_input": (
        _same_request,
        lambda path, request, status, body: (
            (200, b'{"outputs": []}') if b'"instances": [1]' in request else (status, body)
        ),
    ),
    "malformed_requests_are_refused": (
        _same_request,
        lambda path, request, status, body: (status, b"Bad Request" if status == 400 else body),
    ),
    "rows_of_another_shape_are_refused": (
        _same_request,
        lambda path, request, status, body: (500 if status == 400 else status, body),
    ),
    "unknown_names_are_refused": (lambda path, request: (re.sub("/versions/-?[0-9]+", "", path), request), _passed),
    "versions_are_chosen_by_number": (
        lambda path, request: (path.replace("/versions/2", "/versions/1"), request),
        _passed,
    ),
    "labels_name_versions": (_same_request, _labelled(_images(lambda png, place: png + bytes([place])))),
    "metrics_are_exposed": (
        _same_request,
        lambda path, request, status, body: (status, body.replace(b"request_count", b"n")),
    ),
    "many_connections_at_once": (_same_request, _now_and_then_broken()),
    "offers_of_other_protocols_are_passed_over": PLAIN,
    "gzip_bodies_are_inflated": PLAIN,
    "byte_order_marks_are_passed_over": (lambda path, request: (path, request.replace(b"\xef\xbb\xbf", b"?")), _passed),
    "old_connections_are_kept": PLAIN,
    "malformed_http_is_refused": PLAIN,
    "queries_belong_to_the_path": (lambda path, request: (path.partition("?")[0], request), _passed),
    "browsers_may_ask_first": PLAIN,
    "both_protocols_list_the_same": (
        _same_request,
        lambda path, request, status, body: (status, body.replace(b'"DT_INT64"', b'"DT_INT32"')),
    ),
    "both_protocols_give_the_same_bytes": (_same_request, _images(_without_text)),
    "both_protocols_give_the_same_numbers": (
        _same_request,
        lambda path, request, status, body: (status, re.sub(rb"(0\.\d)\d+", rb"\1", body)),
    ),
    "grpc_labels_name_versions": (lambda path, request: (path.replace("/labels/stable", ""), request), _passed),
}


@contextlib.contextmanager
def proxy(rest: str, on_the_way_in: Callable, on_the_way_out: Callable) -> Iterator[str]:
    """Address of a proxy before `rest` that spoils requests and answers.

    It passes no headers on, loses the body behind an offer of another protocol, takes headers that are none, keeps
    connections of HTTP/1.0 without a word, and does not know OPTIONS.
    """
    session = threading.local()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            request = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = b"" if "Upgrade" in self.headers else request
            path, sent = on_the_way_in(self.path, request)
            if not hasattr(session, "own"):
                session.own = requests.Session()
                session.own.trust_env = False
            answer = session.own.request(self.command, f"http://{rest}{path}", data=sent or None, timeout=30)
            status, body = on_the_way_out(path, request, answer.status_code, answer.content)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", WRONG)
def test_each_check_fails_on_a_server_that_breaks_its_rule(server, name):
    (check,) = [check for check in CHECKS if check.__name__ == name]
    with proxy(server.rest, *WRONG[name]) as spoiled, pytest.raises(Broken):
        check(Server(spoiled, "digits", server.grpc, LABELS, seconds=0.5))


AGREEABLE = {
    "grpc_status_passes_over_labels": "no version is listed",
    "grpc_metadata_may_be_asked_twice": "metadata of",
    "unknown_methods_are_unimplemented": "an answer to a method that does not exist",
    "grpc_refuses_with_the_right_code": "serving_default took",
}


def test_every_check_is_seen_to_fail():
    assert {check.__name__ for check in CHECKS} == WRONG.keys() | AGREEABLE.keys() | {OF_OTHERS}


@pytest.fixture(scope="module")
def agreeable() -> Iterator[str]:
    """Address of a gRPC server that answers everything with an empty message."""

    class Agreeable(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    made = grpc.server(ThreadPoolExecutor(1), handlers=(Agreeable(),))
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    yield f"127.0.0.1:{port}"
    made.stop(None)


@pytest.mark.parametrize("name", AGREEABLE)
def test_a_grpc_server_that_takes_everything_fails(server, agreeable, name):
    with pytest.raises(Broken, match=AGREEABLE[name]):
        getattr(grpc_checks, name)(Server(server.rest, "digits", agreeable))


def test_what_a_server_stumbles_over_is_a_failure_and_no_traceback(server):
    lines: list[str] = []
    spoil = _json(lambda answer: [] if "predictions" in answer else answer)
    with proxy(server.rest, _same_request, spoil) as spoiled:
        begun = time.monotonic()
        assert conformance.run(Server(spoiled, "digits", seconds=0.2), lines.append) > 3
        assert time.monotonic() - begun < 60
    assert "FAIL  Every int64 is a seed: no JSON object: []" in lines


def test_checks_that_cannot_tell_say_so(server):
    with pytest.raises(Skipped, match="no --grpc given"):
        grpc_checks.both_protocols_list_the_same(Server(server.rest, "digits"))
    with pytest.raises(Skipped, match="no --labels given"):
        rest_checks.labels_name_versions(Server(server.rest, "digits"))
    without_scores = WRONG["contract_is_kept"]
    with proxy(server.rest, *without_scores) as spoiled, pytest.raises(Skipped, match="gives score"):
        contract_checks.scores_are_finite(Server(spoiled, "digits"))


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Iterator[StandIn]:
    """A server of two models: `clothes` has classes and a contract of its own, `shapes` is of version 0.1.0."""
    models = tmp_path_factory.mktemp("others")
    conditional.export(models / "clothes" / "1")
    shutil.copytree(ROOT / "tests/data/run_of_0.1.0/export/synthetic", models / "shapes")
    config = models / "models.config"
    shapes = f'name: "shapes" base_path: "{models / "shapes"}" model_platform: "tensorflow"'
    config.write_text(f"model_config_list {{ config {{ {shapes} }} }}")
    with serving(models / "clothes", "--model-config", config) as stand_in:
        yield stand_in


@pytest.mark.parametrize(("model", "skipped"), [("clothes", set()), ("shapes", {"the model tells no contract"})])
def test_any_model_is_checked_by_its_own_contract(others, model, skipped):
    lines: list[str] = []
    assert conformance.run(Server(others.rest, model, others.grpc, seconds=0.2), lines.append) == 0, lines
    left_out = [line for line in lines if line.startswith("skip  ")]
    always = {"no --labels given", "the model has no signature that gives inpaint"}
    assert {line.rpartition(": ")[2] for line in left_out} == always | skipped, left_out


OF_CLASSES = {
    "contract_is_kept": (
        _same_request,
        lambda path, request, status, body: (status, body.replace(b'"vector"', b'"scalar"')),
    ),
    "rows_and_columns_agree": (_same_request, _outputs(lambda outputs: outputs[::-1])),
    "controls_keep_their_bounds": (
        lambda path, request: (path, request.replace(b'"label": [3, 3]', b'"label": [0, 0]')),
        _passed,
    ),
    "same_seed_same_bytes": (
        lambda path, request: (path, request.replace(b"2, -1, 0, 2", b"2, -1, 1, 2")),
        _passed,
    ),
    "integers_are_strict": (lambda path, request: (path, request.replace(b'"label": 1.0', b'"label": 1')), _passed),
    "scores_are_finite": (_same_request, _numbers(lambda numbers: numbers[None])),
}


@pytest.mark.parametrize("name", OF_CLASSES)
def test_a_check_fails_on_a_broken_promise_about_classes(others, name):
    (check,) = [check for check in CHECKS if check.__name__ == name]
    with proxy(others.rest, *OF_CLASSES[name]) as spoiled, pytest.raises(Broken):
        check(Server(spoiled, "clothes", others.grpc))
