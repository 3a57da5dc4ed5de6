"""The REST interface, against what TensorFlow Serving 2.15 documents and does."""

from __future__ import annotations

import base64
import http.client

import numpy as np
import pytest
import tensorflow as tf
from stand_in import ask, refusal

PREDICT = "/v1/models/digits:predict"


@pytest.fixture(scope="module")
def exports(published) -> dict[int, object]:
    return {number: tf.saved_model.load(str(published / str(number))) for number in (1, 2)}


def images(answer: list[dict]) -> list[bytes]:
    return [base64.b64decode(each["b64"]) for each in answer]


def test_both_forms_give_the_bytes_of_the_export(server, exports):
    seeds = [5, -1, 2**40, 5]
    expected = exports[2].signatures["serving_default"](seed=tf.constant(seeds, tf.int64))["image_bytes"].numpy()
    for body, key in (
        ({"instances": seeds}, "predictions"),
        ({"instances": [{"seed": seed} for seed in seeds], "signature_name": "serving_default"}, "predictions"),
        ({"inputs": seeds}, "outputs"),
        ({"inputs": {"seed": seeds}, "signature_name": "serving_default"}, "outputs"),
    ):
        status, answer = ask(server.rest, PREDICT, body)
        assert (status, list(answer)) == (200, [key])
        assert images(answer[key]) == list(expected)


def test_floats_survive_the_wire_exactly(server, exports):
    latent = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    expected = exports[2].signatures["decode"](latent=tf.constant(latent))["image"].numpy()
    body = {"signature_name": "decode", "inputs": latent.astype(float).tolist()}
    status, answer = ask(server.rest, PREDICT, body)
    assert status == 200
    np.testing.assert_allclose(np.float32(answer["outputs"]), expected, rtol=0, atol=1e-6)
    pixels = np.float32(answer["outputs"])
    body = {"signature_name": "discriminate", "instances": [{"image": each.astype(float).tolist()} for each in pixels]}
    status, answer = ask(server.rest, PREDICT, body)
    logits = exports[2].signatures["discriminate"](image=tf.constant(pixels))["logit"].numpy()
    np.testing.assert_allclose(np.float32(answer["predictions"]), logits, rtol=1e-5, atol=1e-6)


def test_more_rows_than_a_batch_come_in_order(server):
    seeds = list(range(150))
    together = ask(server.rest, PREDICT, {"instances": seeds})[1]["predictions"]
    apart = [ask(server.rest, PREDICT, {"instances": [seed]})[1]["predictions"][0] for seed in seeds[::30]]
    assert len(together) == 150
    assert together[::30] == apart


def test_versions_and_labels_choose(server, exports):
    expected = {
        number: export.signatures["serving_default"](seed=tf.constant([7], tf.int64))["image_bytes"].numpy()[0]
        for number, export in exports.items()
    }
    assert expected[1] != expected[2]
    for target, number in (("versions/1", 1), ("versions/2", 2), ("labels/stable", 1), ("labels/canary", 2)):
        status, answer = ask(server.rest, f"/v1/models/digits/{target}:predict", {"instances": [7]})
        assert (status, images(answer["predictions"])) == (200, [expected[number]])


def test_status_of_all_and_of_one_whatever_the_label(server):
    def entry(number: int) -> dict:
        return {
            "version": str(number),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }

    everything = (200, {"model_version_status": [entry(2), entry(1)]})
    assert ask(server.rest, "/v1/models/digits") == everything
    assert ask(server.rest, "/v1/models/digits/versions/1") == (200, {"model_version_status": [entry(1)]})
    for label in ("canary", "none"):
        assert ask(server.rest, f"/v1/models/digits/labels/{label}") == everything


def test_metadata_tells_the_signatures(server):
    status, answer = ask(server.rest, "/v1/models/digits/labels/stable/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "digits", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "sample", "decode", "discriminate"} <= set(signatures)
    seed = signatures["serving_default"]["inputs"]["seed"]
    assert seed["dtype"] == "DT_INT64"
    assert seed["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"


def decode(*latents: list) -> dict:
    return {"signature_name": "decode", "inputs": {"latent": list(latents)}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"instances": [1.0]}, "1.0 (decimal) is not of expected type: int64"),
        ({"instances": ["1"]}, '"1" (string) is not of expected type: int64'),
        ({"instances": [True]}, "true (boolean) is not of expected type: int64"),
        ({"instances": [None]}, "null (null) is not of expected type: int64"),
        ({"instances": [2**63]}, "9223372036854775808 (integer) is not of expected type: int64"),
        ({"instances": [{"b64": "AA=="}]}, "is not of expected type: int64"),
        ({"instances": []}, "'instances' must be a list with at least one element"),
        ({"instances": 3}, "'instances' must be a list"),
        ({"instances": [1, {"seed": 2}]}, "element 0 of 'instances' must be an object with exactly the keys: seed"),
        ({"instances": [{"seed": 1, "label": 2}]}, "element 0 of 'instances' must be an object with exactly the keys"),
        ({"instances": [{"seed": 1}, {}]}, "element 1 of 'instances' must be an object"),
        ({"instances": [[1], [2]]}, "shape [2, 1], expected [N]"),
        (decode([0.0] * 8, [0.0] * 7), "differ in length"),
        (decode([0.0] * 8, 0.0), "are not all lists"),
        ({"instances": [1, [2]]}, "is not of expected type: int64"),
        ({"inputs": 3}, "shape [], expected [N]"),
        ({"inputs": []}, "0 rows"),
        ({"inputs": {"label": [-1]}}, "the inputs given are label; signature serving_default has seed"),
        ({"inputs": [1], "instances": [1]}, "exactly one of the keys"),
        ({"seed": [1]}, "exactly one of the keys"),
        ({"instances": [1], "signature_name": "none"}, 'signature name: "none" not found'),
        ({"instances": [1], "signature_name": 3}, "'signature_name' key must be a string"),
        ([1], "the body is a JSON array, expected an object"),
        (b'{"instances": [1', "JSON Parse error"),
        (b"", "JSON Parse error"),
        (b"\xff\xfe{}", "JSON Parse error"),
        (b'{"instances": ' + b"[" * 100_000, "JSON Parse error"),
        (b'{"instances": [' + b"9" * 10_000 + b"]}", "JSON Parse error"),
        (decode([0.0] * 7), "shape [1, 7], expected [N, 8]"),
        (decode([0.0] * 7 + [1e39]), "is not of expected type: float32"),
        (decode([0.0] * 7 + [10**39]), "is not of expected type: float32"),
        (b'{"instances": [1]} and more', "JSON Parse error"),
        (b'{"instances": [1]}{}', "JSON Parse error"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"instances": [1]}', "JSON Parse error"),
        (b'\0{"instances": [1]}', "JSON Parse error"),
        (decode([0.0] * 7 + [float("nan")]), "holds NaN or infinity"),
        (decode([0.0] * 7 + [float("-inf")]), "holds NaN or infinity"),
        ({"instances": list(range(4097))}, "4097 rows, expected 1 to 4096"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_cannot_be_answered_is_refused_in_words(server, body, message):
    status, error = refusal(server.rest, PREDICT, body)
    assert status == 400
    assert message in error


@pytest.mark.parametrize(
    ("body", "same"),
    [
        (b'\xef\xbb\xbf{"instances": [1]}', {"instances": [1]}),
        (b'{"instances": [1]} \n\0 and more', {"instances": [1]}),
        (b'{"instances": [1], "instances": [2]}', {"instances": [1]}),
        ({"instances": [1], "none": {"label": 2}}, {"instances": [1]}),
        ({"inputs": {"seed": [1], "label": [-1]}}, {"inputs": {"seed": [1]}}),
        (decode([0.0] * 7 + [2**25 + 1]), decode([0.0] * 7 + [float(2**25)])),
        (decode([0.0] * 7 + [10**30]), decode([0.0] * 7 + [1e30])),
    ],
)
def test_what_real_clients_send_is_understood(server, body, same):
    """Each as TensorFlow Serving's parser, RapidJSON, takes it."""
    status, answer = ask(server.rest, PREDICT, body)
    assert (status, answer) == ask(server.rest, PREDICT, same)
    assert status == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/models/none:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(none)"),
        ("/v1/models/digits/versions/9:predict", {"instances": [1]}, 404, "Specific(digits, 9)"),
        ("/v1/models/digits/labels/none:predict", {"instances": [1]}, 400, "Unrecognized servable version label: none"),
        ("/v1/models/digits/versions/99999999999999999999:predict", {"instances": [1]}, 400, "to numeric"),
        ("/v1/models/digits/versions/-1:predict", {"instances": [1]}, 400, "Malformed request"),
        ("/v1/models/none:predict", b"{", 400, "JSON Parse error"),
        ("/v1/models/digits:predict?key=value", {"instances": [1]}, 400, "Malformed request"),
        ("/v1/models/digits:PREDICT", {"instances": [1]}, 400, "Malformed request"),
        ("/v1/models/digits?key=value", None, 404, "Could not find any versions of model digits?key=value"),
        ("/v1/models/digits/metadata/metadata", None, 400, "Malformed request"),
        ("/v1/models/digits/metadata?key=value", None, 400, "Malformed request"),
        ("/monitoring/prometheus/metrics?key=value", None, 400, "Unexpected path"),
        ("/v1/models/digits:classify", {"examples": [{}]}, 400, "Malformed request"),
        ("/v1/models/none", None, 404, "Could not find any versions of model none"),
        ("/v1/models/digits/versions/9", None, 404, "Could not find version 9 of model digits"),
        ("/v1/models/none/metadata", None, 404, "Servable not found"),
        ("/v1/models", None, 400, "Malformed request"),
        ("/v1/models/digits/elsewhere", None, 400, "Malformed request"),
        ("/elsewhere", None, 404, "nothing is at /elsewhere"),
    ],
)
def test_what_is_not_there(server, path, body, status, message):
    found, error = refusal(server.rest, path, body)
    assert found == status
    assert message in error


def test_other_methods_are_refused(server):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert refusal(server.rest, PREDICT, {"instances": [1]}, method)[0] == 400
    assert refusal(server.rest, PREDICT)[0] == 400


def test_prometheus_sees_requests_latencies_and_batches(server):
    def figures() -> dict[str, float]:
        connection = http.client.HTTPConnection(server.rest, timeout=30)
        connection.request("GET", "/monitoring/prometheus/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
        lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    answered = ':tensorflow:serving:request_count{model_name="digits",status="OK"}'
    refused = ':tensorflow:serving:request_count{model_name="digits",status="INVALID_ARGUMENT"}'
    timed, looked = (
        f':tensorflow:serving:request_latency_count{{API="{api}",entrypoint="REST",model_name="digits"}}'
        for api in ("predict", "")
    )
    batch = ":tensorflow:serving:batching_session:processed_batch_size_sum"
    rows = batch + '{model_name="digits",signature_name="serving_default"}'
    before = figures()
    ask(server.rest, PREDICT, {"instances": [1, 2, 3]})
    ask(server.rest, PREDICT, {"instances": ["x"]})
    ask(server.rest, "/v1/models/digits")
    ask(server.rest, "/v1/models/digits/metadata")
    ask(server.rest, "/v1/models/made-up:predict", {"instances": [1]})
    ask(server.rest, "/v1/models/made-up/labels/made-up:predict", {"instances": [1]})
    after = figures()
    grown = [after[name] - before.get(name, 0) for name in (answered, refused, timed, looked, rows)]
    assert grown == [3, 1, 1, 2, 3]  # probes count, but not as predictions; what is refused has no latency
    assert not [name for name in after if "made-up" in name]
    assert after["process_resident_memory_bytes"] > 1e7
