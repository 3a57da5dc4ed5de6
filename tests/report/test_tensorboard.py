"""The folder for TensorBoard, read by a TensorBoard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from evaluations import digits, noise, record
from sklearn.metrics import precision_recall_curve

from aigc_tf.report import tensorboard

RUN = "evaluation-6000"


@pytest.fixture(scope="module")
def told() -> dict:
    return {**record(digits()), "class_names": ["zero", "one\ttab", *map(str, range(2, 10))]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, told) -> Path:
    folder = tmp_path_factory.mktemp("tensorboard") / RUN
    tensorboard.write(folder, 6000, told, digits())
    return folder


@pytest.fixture(scope="module")
def get(folder) -> Iterator[Callable[..., bytes]]:
    """Asks a TensorBoard on a loopback port, once it knows the run."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", folder.parent, "--host", "127.0.0.1", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = next(line for line in process.stderr if "http://" in line)
        address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def get(path: str, **query: str) -> bytes:
            return opener.open(f"{address}/data/{path}?{urllib.parse.urlencode(query)}", timeout=60).read()

        deadline = time.monotonic() + 60
        while RUN not in json.loads(get("plugin/pr_curves/tags")) or RUN not in json.loads(get("runs")):
            assert time.monotonic() < deadline, "TensorBoard never found the run"
            time.sleep(0.2)
        yield get
    finally:
        process.terminate()
        process.wait(timeout=30)


def asked(get: Callable[..., bytes], path: str, **query: str) -> Any:
    return json.loads(get(path, run=RUN, **query))


def test_scalars_are_the_figures_at_their_step(get, told):
    tags = json.loads(get("plugin/scalars/tags"))[RUN]
    assert set(tags) == {f"evaluation/{name}" for name in told["measures"]}
    for name, figure in told["measures"].items():
        ((_, step, value),) = asked(get, "plugin/scalars/scalars", tag=f"evaluation/{name}")
        assert step == 6000
        assert value == pytest.approx(figure["value"], rel=1e-6)
    assert "classes lost: 7" in tags["evaluation/class_coverage"]["description"]


def test_pictures_come_out_as_they_went_in(get):
    tags = json.loads(get("plugin/images/tags"))[RUN]
    assert set(tags) == {f"evaluation/{name}" for name in ("samples", "real", "closest_pairs", "classes")}
    (entry,) = asked(get, "plugin/images/images", tag="evaluation/samples", sample="0")
    picture = tf.io.decode_png(get("plugin/images/individualImage", **dict(urllib.parse.parse_qsl(entry["query"]))))
    assert picture.shape == (302, 302, 1)
    np.testing.assert_array_equal(picture.numpy()[2:30, 2:30], digits().generated.images[0])


def test_the_discriminators_curve_is_that_of_scikit_learn(get):
    (curve,) = asked(get, "plugin/pr_curves/pr_curves", tag="evaluation/discriminator/pr_curves")[RUN]
    assert curve["step"] == 6000
    evidence = digits()
    real, generated = evidence.real.scores["logit"], evidence.generated.scores["logit"]
    truth = np.repeat([1, 0], [len(real), len(generated)])
    weights = np.where(truth, 1 / len(real), 1 / len(generated))
    precision, recall, _ = precision_recall_curve(truth, np.concatenate([real, generated]), sample_weight=weights)
    # Each of TensorBoard's points is one of the exact curve.
    exact, drawn = np.stack([precision, recall], 1), np.stack([curve["precision"], curve["recall"]], 1)
    drawn = drawn[drawn[:, 1] > 0]
    distances = np.abs(drawn[:, None] - exact[None]).max(axis=2).min(axis=1)
    assert len(drawn) > 150 and distances.max() < 1e-5
    assert drawn[:, 1].min() < 0.05 and drawn[:, 1].max() == pytest.approx(1)


def test_the_projector_shows_features_with_kind_class_and_picture(get, told):
    assert json.loads(get("plugin/projector/runs")) == [RUN]
    (embedding,) = asked(get, "plugin/projector/info")["embeddings"]
    name = embedding["tensorName"]
    assert embedding["sprite"]["singleImageDim"] == [28, 28]
    header, *rows = get("plugin/projector/metadata", run=RUN, name=name).decode().splitlines()
    assert header == "kind\tclass"
    kinds = [row.split("\t")[0] for row in rows]
    assert (kinds.count("real"), kinds.count("generated")) == (400, 300)
    classes = {row.split("\t")[1] for row in rows}
    assert classes == {"zero", "one tab", *map(str, range(2, 10))}
    points = np.frombuffer(get("plugin/projector/tensor", run=RUN, name=name), np.float32).reshape(700, -1)
    evidence = digits()
    expected = np.concatenate([evidence.real.features, evidence.generated.features])
    np.testing.assert_allclose(points, expected, rtol=1e-5, atol=1e-5)
    sprite = tf.io.decode_png(get("plugin/projector/sprite_image", run=RUN, name=name)).numpy()
    assert sprite.shape == (26 * 28, 27 * 28, 1)  # 26 rows of 27 hold 700
    row, column = divmod(400, 27)  # the first generated image
    seen = sprite[row * 28 : row * 28 + 28, column * 28 : column * 28 + 28]
    np.testing.assert_array_equal(seen, evidence.generated.images[0])


def test_at_most_a_thousand_points_of_each_kind(tmp_path):
    evidence = noise((80, 100, 3), count=1200)
    tensorboard.write(tmp_path / "run", 0, record(evidence), evidence)
    assert len((tmp_path / "run" / "tensors.tsv").read_text().splitlines()) == 2000
    sprite = tf.io.decode_png((tmp_path / "run" / "sprite.png").read_bytes())
    assert max(sprite.shape) <= 8192  # no graphics card takes larger textures for sure


def test_judged_again_it_is_made_anew(tmp_path, told):
    run = tmp_path / RUN
    tensorboard.write(run, 6000, told, digits())
    (run / "left over").touch()
    tensorboard.write(run, 6000, told, digits())
    assert sorted(path.name.partition(".out")[0] for path in run.iterdir()) == [
        *("events", "metadata.tsv", "projector_config.pbtxt", "sprite.png", "tensors.tsv")
    ]
    assert [path.name for path in tmp_path.iterdir()] == [RUN]


def test_a_failure_leaves_the_old_folder(tmp_path, told, folder):
    run = Path(shutil.copytree(folder, tmp_path / RUN))
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(KeyError):
        tensorboard.write(run, 6000, {"measures": told["measures"]}, digits())  # no class names
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == [RUN]
