"""What a model server must do over REST (https://www.tensorflow.org/tfx/serving/api_rest)."""

from __future__ import annotations

import io
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import requests
from PIL import Image

from aigc_tf.serving.server_under_test import Broken, Server, Skipped, answered, expect, provenance

_STATES = {"START", "LOADING", "AVAILABLE", "UNLOADING", "END"}
_CONNECTIONS = 16
_INT64 = (-(2**63), -1, 0, 2**63 - 1)


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
    """Rows, named rows, a column and a named column give the same bytes."""
    path, seeds = f"{server.path}:predict", [3, 5]
    rows = [seeds, [{"seed": seed} for seed in seeds]]
    answers = [answered(server.post(path, {"instances": row}))["predictions"] for row in rows]
    columns: list[Any] = [seeds, {"seed": seeds}]
    answers += [answered(server.post(path, {"inputs": column}))["outputs"] for column in columns]
    expect(len(answers[0]) == len(seeds), f"{len(answers[0])} answers for {len(seeds)} seeds")
    expect(all(answer == answers[0] for answer in answers), "the four forms of one request differ")


def columns_may_hold_more(server: Server) -> None:
    """Among columns nobody looks at a name that is no input, nor at other keys of the request."""
    expected = server.columns("serving_default", {"seed": [3]})
    more = server.columns("serving_default", {"seed": [3], "no-such-input": ["anything"]})
    expect(more == expected, "a column that is no input changes the answer")
    body = {"inputs": {"seed": [3]}, "no-such-key": 1}
    expect(answered(server.post(f"{server.path}:predict", body))["outputs"] == expected, "a further key does")


def images_are_pngs(server: Server) -> None:
    """Images come as {"b64": a whole PNG}, and show what `sample` gives as numbers."""
    server.require("sample")
    (png,) = server.images([7])
    provenance(png)  # walks through all chunks and their CRCs
    pixels = np.asarray(Image.open(io.BytesIO(png)), np.float64) / 255
    (image,) = np.array(server.columns("sample", {"seed": [7]}))
    expect(pixels.size == image.size, f"a PNG of {pixels.shape} for an image of {image.shape}")
    worst = float(np.abs(pixels.reshape(image.shape) - image).max())
    expect(worst <= 0.5001 / 255, f"the PNG is {worst * 255:.2f} levels away from the image")


def images_name_their_model(server: Server) -> None:
    """Each PNG says in a text chunk by which model it was generated."""
    texts = {provenance(png) for png in server.images([1, 2], f"/versions/{server.available()[-1]}")}
    expect(len(texts) == 1, "images of one version name different models")
    expect(b"sha256:" in texts.pop(), "no text chunk holds the fingerprint of the model's weights")


def same_seed_same_bytes(server: Server) -> None:
    """The same seed gives the same bytes, alone and anywhere in a batch."""
    where = f"/versions/{server.available()[-1]}"
    (alone,) = server.images([11], where)
    for seeds in ([11], [11, 12], [*range(100, 107), 11], [11] * 3):
        images = server.images(seeds, where)
        same = all(image == alone for seed, image in zip(seeds, images) if seed == 11)
        expect(same, f"seed 11 looks different among {len(seeds)} seeds")
    expect(server.images([12], where) != [alone], "seeds 11 and 12 give the same image")


def every_seed_is_taken(server: Server) -> None:
    """Every int64 is a seed."""
    expect(len(set(server.images(list(_INT64)))) == len(_INT64), "different seeds give the same image")


def samples_are_in_range(server: Server) -> None:
    """`sample` and `decode` give finite pixels in [0, 1]."""
    server.require("sample")
    width = server.require("decode").inputs["latent"].shape[1]
    latents = [[math.sin(row + column) for column in range(width or 0)] for row in range(2)]
    calls: dict[str, dict[str, Any]] = {"sample": {"seed": [1, 2]}, "decode": {"latent": latents}}
    for name, inputs in calls.items():
        images = np.array(server.columns(name, inputs), np.float64)
        expect(images.shape[1:] == server.signatures[name].outputs["image"].shape[1:], f"{name}: {images.shape}")
        expect(len(images) == 2 and bool(np.isfinite(images).all()), f"{name} is not finite, or not two images")
        expect(images.min() >= 0 and images.max() <= 1, f"{name} spans [{images.min()}, {images.max()}]")


def discriminate_answers(server: Server) -> None:
    """`discriminate` gives a finite logit for each image."""
    server.require("discriminate")
    server.require("sample")
    logits = server.columns("discriminate", {"image": server.columns("sample", {"seed": [1, 2]})})
    expect(np.shape(logits) == (2,) and bool(np.isfinite(logits).all()), f"logits {logits}")


def truncated_answers(server: Server) -> None:
    """`truncated` gives at 1 what `serving_default` gives, and at 0 one image for all seeds."""
    server.require("truncated")
    whole = server.columns("truncated", {"seed": [1, 2], "truncation": [1.0, 1.0]})
    expect(whole == server.columns("serving_default", {"seed": [1, 2]}), "truncation 1 changes the images")
    none = server.columns("truncated", {"seed": [1, 2], "truncation": [0.0, 0.0]})
    expect(none[0] == none[1], "truncation 0 still depends on the seed")


def versions_are_chosen_by_number(server: Server) -> None:
    """Each AVAILABLE version answers by its number, and no number means the newest."""
    images = {version: server.images([21], f"/versions/{version}") for version in server.available()}
    newest = server.images([21])
    # Whatever was published in between is the newest now.
    images |= {version: server.images([21], f"/versions/{version}") for version in server.available()}
    expect(newest in images.values(), "without a number another image comes than from any version")
    if max(server.available()) == max(images):
        expect(server.images([21]) == images[max(images)], "without a number the newest version does not answer")


def labels_name_versions(server: Server) -> None:
    """Each label answers as one of the AVAILABLE versions does."""
    if not server.labels:
        raise Skipped("no --labels given")
    images = [server.images([22], f"/versions/{version}") for version in server.available()]
    for label in server.labels:
        expect(server.images([22], f"/labels/{label}") in images, f"label {label!r} answers like no version")


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
    """Many connections at once get right images and no failure, also while versions change."""
    seen: dict[tuple[bytes, int], bytes] = {}
    lock, until = threading.Lock(), time.monotonic() + server.seconds

    def ask(number: int) -> int:
        count, batch = 0, 1 + number % 4
        own = Server(server.rest, server.model, timeout=server.timeout)  # a connection of its own
        while time.monotonic() < until:
            seeds = [(number + 7 * count + row) % 50 for row in range(batch)]
            images = own.images(seeds)
            expect(len(images) == batch, f"{len(images)} images for {batch} seeds")
            with lock:
                for seed, png in zip(seeds, images):
                    # A version that comes in between may make another image, but then it names another model.
                    if seen.setdefault((provenance(png), seed), png) != png:
                        raise Broken(f"seed {seed} gave two images of one model")
            count += 1
        return count

    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        requests_sent = sum(threads.map(ask, range(_CONNECTIONS)))
    expect(requests_sent >= _CONNECTIONS, f"only {requests_sent} answers in {server.seconds:g} s")


CHECKS = (
    status_lists_versions,
    status_of_one_version,
    status_passes_over_labels,
    metadata_describes_signatures,
    rows_and_columns_agree,
    columns_may_hold_more,
    images_are_pngs,
    images_name_their_model,
    same_seed_same_bytes,
    every_seed_is_taken,
    samples_are_in_range,
    discriminate_answers,
    truncated_answers,
    versions_are_chosen_by_number,
    labels_name_versions,
    metrics_are_exposed,
    many_connections_at_once,
)
