"""The client against the stand-in, and against servers that fail in the ways servers fail."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import conditional
import grpc
import numpy as np
import pytest
import tensorflow as tf
from commands import ROOT, refused, run, succeed
from stand_in import StandIn, serving
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from aigc_tf.errors import UserError
from aigc_tf.serving.client import connect, contract_of, generate, save, wait_until_available
from aigc_tf.serving.target import ServingError

PROTOCOLS = ("rest", "grpc")
PNG = tf.io.encode_png(tf.zeros([8, 8, 1], tf.uint8)).numpy()
# A model with one signature, as TensorFlow Serving describes it.
METADATA = {
    "metadata": {
        "signature_def": {
            "signature_def": {
                "serving_default": {
                    "inputs": {"seed": {"dtype": "DT_INT64", "tensor_shape": {"dim": [{"size": "-1"}]}}},
                    "outputs": {"image_bytes": {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1"}]}}},
                }
            }
        }
    }
}


def address(server, protocol: str) -> str:
    return server.rest if protocol == "rest" else server.grpc


@contextlib.contextmanager
def answering(answer: Callable[[str, int], tuple[int, object] | None]) -> Iterator[tuple[str, list[str]]]:
    """An HTTP server and the paths it was asked for; `answer(path, how often asked)` gives status and JSON, or None to
    hang up."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(self.path)
            answered = answer(self.path, asked.count(self.path))
            if answered is None:
                self.close_connection = True
                return
            body = json.dumps(answered[1]).encode()
            self.send_response(answered[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


class Models(model_service_pb2_grpc.ModelServiceServicer, prediction_service_pb2_grpc.PredictionServiceServicer):
    """A gRPC server that is UNAVAILABLE to its first callers, and then gives 5 MB of zeros."""

    def __init__(self, failures: int) -> None:
        self.failures, self.calls = failures, 0

    def _count(self, context) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    def GetModelStatus(self, request, context):
        self._count(context)
        if request.model_spec.name != "digits":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=[{"version": 1, "state": 30}])

    def Predict(self, request, context):
        self._count(context)
        zeros = tf.make_tensor_proto(np.zeros((1, 5 * 2**20 // 4), np.float32))
        return predict_pb2.PredictResponse(outputs={"image": zeros})


@contextlib.contextmanager
def grpc_server(failures: int = 0) -> Iterator[tuple[str, Models]]:
    models = Models(failures)
    server = grpc.server(ThreadPoolExecutor(2))
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(models, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", models
    server.stop(None)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_images_come_in_order_whatever_the_batch(server, protocol):
    with connect(address(server, protocol), "digits", protocol) as client:
        wait_until_available(client)
        alone = [next(generate(client, [seed])) for seed in (9, 2**62, 3)]
        assert list(generate(client, iter([9, 2**62, 3]), batch=2)) == alone
        assert [seed for seed, _ in alone] == [9, 2**62, 3]
        assert len({png for _, png in alone}) == 3


def test_both_protocols_give_the_same_from_every_signature(server):
    with connect(server.rest, "digits") as rest, connect(server.grpc, "digits", "grpc") as over_grpc:
        assert rest.states() == over_grpc.states() == {1: "AVAILABLE", 2: "AVAILABLE"}
        assert rest.signatures() == over_grpc.signatures()
        width = rest.signatures()["decode"].inputs["latent"].shape[1]
        image = rest.predict({"seed": np.array([1, 2])}, "sample")["image"]
        calls = {
            "serving_default": {"seed": np.array([1, -2])},
            "sample": {"seed": np.array([1, 2])},
            "truncated": {"seed": np.array([1, 2]), "truncation": np.array([0.3, 1], np.float32)},
            "latent": {"seed": np.array([1, 2])},
            "decode": {"latent": np.linspace(-2, 2, 3 * width, dtype=np.float32).reshape(3, width)},
            "discriminate": {"image": image},
            "contract": {"seed": np.array([1, 2])},
        }
        assert calls.keys() == rest.signatures().keys()
        for signature, inputs in calls.items():
            one, other = rest.predict(inputs, signature), over_grpc.predict(inputs, signature)
            assert one.keys() == other.keys() == rest.signatures()[signature].outputs.keys()
            for name in one:
                assert one[name].dtype == other[name].dtype
                np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_versions_and_labels_choose_the_model(server, protocol):
    def image(**choice: object) -> bytes:
        with connect(address(server, protocol), "digits", protocol, **choice) as client:
            return next(generate(client, [5]))[1]

    assert image() == image(version=2) == image(label="canary")
    assert image(version=1) == image(label="stable") != image()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_refusals_have_the_same_codes(server, protocol):
    def code(model: str = "digits", signature: str = "serving_default", seeds=(1,), **choice: object) -> str:
        with (
            connect(address(server, protocol), model, protocol, **choice) as client,
            pytest.raises(ServingError) as error,
        ):
            client.predict({"seed": np.array(seeds)}, signature)
        assert model in str(error.value)
        return error.value.code

    assert code("nonsense") == "NOT_FOUND"
    assert code(version=99) == "NOT_FOUND"
    assert code(label="nonsense") == "INVALID_ARGUMENT"
    assert code(seeds=[[1]]) == "INVALID_ARGUMENT"
    assert code(signature="nonsense") in ("INVALID_ARGUMENT", "FAILED_PRECONDITION")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_is_not_there_or_never_answers_is_named(protocol):
    with socket_of_nobody() as (listening, closed):
        with connect(closed, "digits", protocol) as client, pytest.raises(ServingError, match=f"cannot reach {closed}"):
            client.states()
        begun = time.monotonic()
        with connect(listening, "digits", protocol, timeout=0.4) as client, pytest.raises(ServingError) as error:
            client.states()
        assert time.monotonic() - begun < 5
    assert error.value.code == "DEADLINE_EXCEEDED"
    assert f"digits on {listening} did not answer within 0.4 s" in str(error.value)


@contextlib.contextmanager
def socket_of_nobody() -> Iterator[tuple[str, str]]:
    """Addresses of a port where connections are taken and never answered, and of one where they are refused."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            closed = gone.getsockname()[1]
        yield f"127.0.0.1:{silent.getsockname()[1]}", f"127.0.0.1:{closed}"


def test_rest_asks_again_after_what_a_moment_mends_and_after_nothing_else():
    failures = iter([(503, {"error": "full"}), None, (429, {"error": "slow down"})])
    image = {"outputs": [{"b64": base64.b64encode(PNG).decode()}]}

    def answer(path: str, _: int) -> tuple[int, object] | None:
        return (200, METADATA) if path.endswith("/metadata") else next(failures, (200, image))

    with answering(answer) as (server, asked), connect(server, "digits") as client:
        assert list(generate(client, [1])) == [(1, PNG)]
        assert len(asked) == 1 + 4

    def refuse(path: str, _: int) -> tuple[int, object]:
        return (200, METADATA) if path.endswith("/metadata") else (400, {"error": "no such seed"})

    with answering(refuse) as (server, asked), connect(server, "digits") as client:
        with pytest.raises(ServingError, match="answered HTTP 400: no such seed") as error:
            list(generate(client, [1]))
        assert error.value.code == "INVALID_ARGUMENT"
        assert len(asked) == 2


def test_grpc_asks_again_after_what_a_moment_mends_and_after_nothing_else():
    with grpc_server(failures=2) as (server, models), connect(server, "digits", "grpc") as client:
        assert client.states() == {1: "AVAILABLE"}
        assert models.calls == 3
        with connect(server, "nonsense", "grpc") as other, pytest.raises(ServingError, match="NOT_FOUND"):
            other.states()
        assert models.calls == 4


def test_grpc_takes_answers_above_four_megabytes():
    with grpc_server() as (server, _), connect(server, "digits", "grpc") as client:
        assert client.predict({"seed": np.array([1])}, "sample")["image"].nbytes == 5 * 2**20


def test_only_the_state_available_is_ready():
    def states(*states: str):
        versions = [{"version": str(number), "state": state} for number, state in enumerate(states, 1)]
        return 200, {"model_version_status": versions}

    looks = [
        (404, {"error": "no versions yet"}),
        states("LOADING"),
        states("END", "LOADING"),
        states("END", "AVAILABLE"),
    ]
    with answering(lambda _, times: looks[min(times, 4) - 1]) as (server, asked), connect(server, "digits") as client:
        wait_until_available(client, 10)
        assert len(asked) == 4
        with connect(server, "digits", version=1) as first, pytest.raises(ServingError) as error:
            wait_until_available(first, 0.1)
    assert "digits version 1 on" in str(error.value)
    assert "was not AVAILABLE within 0.1 s: versions 1 END, 2 AVAILABLE" in str(error.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_label_is_waited_for(published, models_config, tmp_path, protocol):
    """The model is AVAILABLE all the while, in another version than the one that gets the label."""
    file = tmp_path / "models.config"
    labelled = models_config.read_text()
    file.write_text(labelled.replace('version_labels { key: "canary" value: 2 }', ""))
    with (
        serving(published, "--model-config", file) as stand_in,
        connect(address(stand_in, protocol), "digits", protocol, label="canary") as client,
    ):
        with pytest.raises(ServingError, match="label canary on .* was not AVAILABLE within 0.1 s: .*label: canary"):
            wait_until_available(client, 0.1)
        file.write_text(labelled)
        wait_until_available(client, 30)
        assert len(list(generate(client, [1]))) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {},
        [],
        {"outputs": None},
        {"outputs": [{"b64": "A"}]},
        {"outputs": [{"b64": "??=="}]},
        {"outputs": [{"b64": 1}]},
        {"outputs": [{}]},
        {"outputs": [1]},
    ],
    ids=str,
)
def test_an_answer_of_another_form_is_told_in_a_sentence(broken):
    def refused_answer(metadata: object) -> ServingError:
        def answer(path: str, _: int) -> tuple[int, object]:
            return 200, (metadata if path.endswith("/metadata") else broken)

        with answering(answer) as (server, _), connect(server, "digits") as client:
            with pytest.raises(ServingError) as states:
                client.states()
            assert states.value.code == "INTERNAL"
            with pytest.raises(ServingError) as error:
                list(generate(client, [1]))
        return error.value

    for metadata in (METADATA, {"metadata": {}}):
        error = refused_answer(metadata)
        assert error.code == "INTERNAL"
        assert "digits on 127.0.0.1" in str(error)


def test_what_is_no_whole_png_is_not_saved(tmp_path):
    states = {"model_version_status": [{"version": 1, "state": "AVAILABLE"}]}
    sent = [b"<html>"]

    def answer(path: str, _: int) -> tuple[int, object]:
        files = {"outputs": [{"b64": base64.b64encode(sent[0]).decode()}]}
        looks = {"metadata": METADATA, "predict": files, "digits": states}
        return 200, next(look for end, look in looks.items() if path.endswith(end))

    with answering(answer) as (server, _):
        ask = ["-m", "aigc_tf", "generate", "--server", server, "--model", "digits", "--count", 1, "--out", tmp_path]
        assert "gave no image for 0: b'<html>' does not begin like a PNG" in refused(run(*ask))
        for sent[0] in (PNG[:-1], PNG[:40] + b"?" + PNG[41:]):
            with connect(server, "digits") as client, pytest.raises(ServingError, match="gave no image for 5: the "):
                list(generate(client, [5]))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    path = save(tmp_path, "00000007.png", PNG)
    assert path.name == "00000007.png" and path.read_bytes() == PNG
    assert path.stat().st_mode & 0o777 == 0o644
    assert save(tmp_path, "00000007.png", PNG) == path
    with pytest.raises(UserError, match="something else"):
        save(tmp_path, "00000007.png", PNG + b"!")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, "00000008.png", PNG)
    assert os.listdir(tmp_path) == ["00000007.png"]


def test_wrong_addresses_and_choices_are_refused():
    for server in (
        "localhost",
        "localhost:0",
        "localhost:70000",
        "http://localhost:8501",
        "localhost:8501/v1",
        ":8501",
    ):
        with pytest.raises(UserError, match="is no HOST:PORT"):
            connect(server, "digits")
    with pytest.raises(UserError, match="cannot be combined"):
        connect("localhost:8501", "digits", version=1, label="stable")
    with pytest.raises(UserError, match="negative"):
        connect("localhost:8501", "digits", version=-1)


def test_the_command_saves_the_same_files_over_both_protocols(server, tmp_path):
    ask = [
        "-m",
        "aigc_tf",
        "generate",
        "--model",
        "digits",
        "--count",
        5,
        "--seed",
        40,
        "--batch",
        2,
        "--out",
        tmp_path / "o",
    ]
    done = run(*ask, "--server", server.rest)
    succeed(done)
    assert done.stderr == f"5 images in {tmp_path / 'o'}\n"
    assert sorted(os.listdir(tmp_path / "o")) == [f"000000{seed}.png" for seed in range(40, 45)]
    # A file that differs is refused.
    succeed(run(*ask, "--server", server.grpc, "--protocol", "grpc"))
    assert "00000040.png is there already and holds something else" in refused(
        run(*ask, "--server", server.rest, "--truncation", 0.5)
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--count", 0], "--count 0"),
        (["--seed", -1], "--seed -1"),
        (["--seed", 2**63 - 3], "so that all seeds are int64"),
        (["--truncation", 1.5], "truncation 1.5 must be from 0 to 1"),
        (["--truncation", "nan"], "truncation nan must be from 0 to 1"),
        (["--class", 1], "this model takes no classes"),
        (["--timeout", "nan"], "--timeout nan"),
        (["--out", ROOT / "README.md"], "nothing can be saved in"),
        (["--model", "nonsense", "--wait", 0.1], "was not AVAILABLE"),
    ],
)
def test_the_command_refuses_in_a_sentence(server, tmp_path, flags, said):
    ask = ["-m", "aigc_tf", "generate", "--server", server.rest, "--model", "digits", "--out", tmp_path]
    assert said in refused(run(*ask, *flags))


def test_rest_needs_no_tensorflow(server):
    program = (
        "import sys; from aigc_tf.serving.client import connect, generate\n"
        f"with connect({server.rest!r}, 'digits') as client: assert len(list(generate(client, range(3)))) == 3\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def clothes(tmp_path_factory) -> Iterator[StandIn]:
    """A server of a model that has classes."""
    folder = tmp_path_factory.mktemp("models") / "clothes"
    conditional.export(folder / "1")
    with serving(folder) as stand_in:
        yield stand_in


def test_images_are_asked_for_by_class(clothes):
    with connect(clothes.rest, "clothes") as client:
        assert contract_of(client) == conditional.PROMISED

        def images(label: int | str | None, **given: float) -> list[bytes]:
            return [file for _, file in generate(client, range(7), 2, label=label, **given)]

        by_class = [images(number) for number in range(3)]
        assert images("sneaker") == images("1") == by_class[1]
        assert images("each") == [by_class[place % 3][place] for place in range(7)]
        lines = [np.flatnonzero((tf.io.decode_png(each[0]).numpy() == 255).all((1, 2))).tolist() for each in by_class]
        assert lines == [[1], [2], [3]]
        assert images(None)[0] not in [each[0] for each in by_class]
        assert images("bag", truncation=1) == by_class[2] != images("bag", truncation=2)
        for wrong in ("boot", 3, -1, "-1", "1.0", " 1"):
            with pytest.raises(UserError, match=r"is no class of this model: it has 0 \(shirt/top\), 1 \(sneaker\)"):
                generate(client, [1], label=wrong)
        with pytest.raises(UserError, match="truncation 3 must be from 0 to 2"):
            generate(client, [1], truncation=3)
        with pytest.raises(UserError, match="this model takes no guidance: it takes label, seed, truncation"):
            generate(client, [1], guidance=1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_command_names_files_by_seed_and_class(clothes, tmp_path, protocol):
    server = address(clothes, protocol)
    ask = ["-m", "aigc_tf", "generate", "--server", server, "--protocol", protocol, "--model", "clothes"]
    ask += ["--out", tmp_path / "o", "--count", 4]
    succeed(run(*ask, "--class", "each"))
    assert sorted(os.listdir(tmp_path / "o")) == [f"0000000{name}.png" for name in ("0-0", "1-1", "2-2", "3-0")]
    succeed(run(*ask, "--class", "shirt/top"))
    assert len(os.listdir(tmp_path / "o")) == 6  # seeds 0 and 3 were there already, the same
    refusal = refused(run(*ask, "--class", "boot", "--out", tmp_path / "none"))
    assert "'boot' is no class of this model: it has 0 (shirt/top), 1 (sneaker), 2 (bag)" in refusal
    refusal = refused(run(*ask, "--label", "sneaker", "--wait", 0, "--out", tmp_path / "none"))
    assert "clothes label sneaker on" in refusal and "--class a class" in refusal
    assert not (tmp_path / "none").exists()


def test_a_contract_that_is_none_is_told_in_a_sentence():
    text = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1"}]}}
    known = METADATA["metadata"]["signature_def"]["signature_def"]
    telling = {"inputs": known["serving_default"]["inputs"], "outputs": {"contract": text}}
    metadata = {"metadata": {"signature_def": {"signature_def": {**known, "contract": telling}}}}
    for told in ("{", conditional.PROMISED.to_json().replace('"files"', '"pictures"')):
        answer = {"outputs": [told]}
        with (
            answering(lambda path, _, answer=answer: (200, metadata if path.endswith("/metadata") else answer)) as (
                server,
                _,
            ),
            connect(server, "digits") as client,
            pytest.raises(ServingError, match="the contract is damaged") as error,
        ):
            generate(client, [1])
        assert error.value.code == "INTERNAL"
