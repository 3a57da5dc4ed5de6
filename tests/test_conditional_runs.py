"""A GAN that takes labels, from training over judging to an export that is asked for a class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import TINY, random_images, refused, run, succeed, train
from PIL import Image

from aigc_tf import contract, subjects

CLASSES = ("disc", "ring", "square", "cross")


@pytest.fixture(scope="module")
def conditional_run(tmp_path_factory) -> Path:
    logs = tmp_path_factory.mktemp("logs")
    succeed(train(*TINY, "--conditional", "--steps", 20, "--logs", logs, "--name", "run"))
    return logs / "run"


def test_it_is_judged_by_what_it_was_asked_for(conditional_run, tmp_path):
    record = json.loads((conditional_run / "evaluation" / "20.json").read_text())
    measures = record["measures"]
    for name in ("label_accuracy", "fd_within_class_lenet", "classification_accuracy_score"):
        figure = measures[name]
        assert figure["interval"][0] <= figure["value"] <= figure["interval"][1], name
    # After 20 steps of 8 images nothing is right yet, and the judges say so.
    assert measures["label_accuracy"]["value"] < 0.7 < measures["label_accuracy"]["reference"]
    assert measures["classification_accuracy_score"]["value"] < measures["classification_accuracy_score"]["reference"]
    assert measures["fd_within_class_lenet"]["value"] > 5 * measures["fd_within_class_lenet"]["reference"]
    assert not any("was not measured" in warning for warning in record["warnings"])
    page = (conditional_run / "evaluation" / "20" / "report.html").read_text()
    assert "label_accuracy" in page and "classification_accuracy_score" in page

    file = tmp_path / "export.json"
    succeed(run("evaluate.py", conditional_run / "export" / "synthetic", "--json", file))
    again = json.loads(file.read_text())["measures"]
    assert again.keys() == measures.keys()
    for name in ("label_accuracy", "fd_within_class_lenet", "discriminator_auc", "path_length_lenet"):
        assert again[name]["value"] == pytest.approx(measures[name]["value"], rel=1e-3), name


def test_its_export_takes_labels_and_names_its_classes(conditional_run):
    version = conditional_run / "export" / "synthetic" / "1"
    promised = contract.of_export(version)
    assert promised.class_names == CLASSES
    card = json.loads((version / "assets.extra" / "model_card.json").read_text())
    assert card["data"]["class_names"] == list(CLASSES) and card["recipe"]["conditional"] is True
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]

    def files(*labels: int) -> list[bytes]:
        seed = tf.fill([len(labels)], tf.constant(7, tf.int64))
        return serve(seed=seed, label=tf.constant(labels, tf.int64))["image_bytes"].numpy().tolist()

    each = files(0, 1, 2, 3)
    assert len(set(each)) == 4
    anything = files(-1, 4, 2**40, -(2**63))
    assert len(set(anything)) == 1 and anything[0] in each
    assert files(3, 2, 1, 0) == each[::-1]


def test_it_is_walked_from_class_to_class(conditional_run, tmp_path):
    succeed(run("-m", "aigc_tf", "explore", conditional_run, "--out", tmp_path))
    assert Image.open(tmp_path / "classes.gif").n_frames > len(CLASSES)
    subject = subjects.of_export(conditional_run / "export" / "synthetic")
    vectors, label = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8), np.array([0, 3])
    here, there = (subject.decode(vectors, "decode", each) for each in (label, label[::-1]))

    def at(*share: float) -> np.ndarray:
        return subject.decode(vectors, "morph", label, toward=label[::-1], share=np.array(share))

    np.testing.assert_array_equal(at(0, 0), here)
    np.testing.assert_array_equal(at(1, 7), there)  # clipped
    halfway = at(0.5, np.nan)
    assert (halfway[0] != here[0]).any() and (halfway[0] != there[0]).any()
    np.testing.assert_array_equal(halfway[1], here[1])


def test_what_a_conditional_run_would_be():
    said = succeed(run("train.py", "--dataset", "synthetic", "--conditional", "--dry-run"))
    assert '"conditional": true' in said and "-synthetic-lean-non_saturating-conditional" in said


def own_images(folder: Path, **counts: int) -> tuple[object, ...]:
    """Flags for small images of such classes, so many of each."""
    random_images(folder, (8, 8), **counts)
    return *TINY[2:], "--dataset", f"folder:{folder}", "--conditional", "--steps", 10


def test_a_class_of_three_images_is_trained_judged_and_published(tmp_path):
    own = own_images(tmp_path / "own", many=60, three=3)
    succeed(train(*own, "--logs", tmp_path, "--name", "run"))
    measures = json.loads((tmp_path / "run" / "evaluation" / "10.json").read_text())["measures"]
    assert {"label_accuracy", "fd_within_class_lenet", "classification_accuracy_score"} <= measures.keys()
    export = tmp_path / "run" / "export" / "own"
    assert contract.of_export(export / "1").class_names == ("many", "three")
    made = ("-m", "aigc_tf", "generate", export, "--count", 2, "--out")
    succeed(run(*made, tmp_path / "made", "--label", "three"))
    assert len(list((tmp_path / "made").glob("*.png"))) == 2
    line = refused(run("-m", "aigc_tf", "generate", export, "--label", "dog", "--out", tmp_path / "none"))
    assert "dog" in line and "many" in line
    assert not (tmp_path / "none").exists()


def test_one_class_alone_is_none(tmp_path):
    line = refused(train(*own_images(tmp_path / "own", only=60), "--logs", tmp_path / "logs"))
    assert "conditional needs labels" in line and "has none: learn it with --no-conditional" in line
    assert not (tmp_path / "logs").exists()
