"""Judging through the command: runs, exports and folders of images, and what the record says."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import refused, run, succeed
from PIL import Image
from tensorflow.python.framework.config import disable_op_determinism

from aigc_tf import evaluator, subjects
from aigc_tf.cli import evaluate_main, main
from aigc_tf.comparison import ALIKE, VERSIONS
from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.metrics import METRICS
from aigc_tf.metrics.filters import HASH
from aigc_tf.reference import Reference
from aigc_tf.run_folder import RunFolder

# What a figure must be told with, so that it can be quoted alone.
PROVENANCE = {
    *("judged_by", "judge", "judge_hash", "resizer", "num_generated", "num_real", "num_training", "reference_split"),
    *("reference_hash", "weights", "step", "first_seed", "subject_fingerprint", "aigc_tf", "tensorflow", "numpy"),
}


@pytest.fixture(scope="module", autouse=True)
def op_determinism():
    """The command switches it on for its process, which here is that of other tests, too."""
    yield
    disable_op_determinism()


@pytest.fixture(scope="module")
def trained(tiny_run, tmp_path_factory) -> Path:
    """A run that was trained, and published, in twenty steps."""
    return Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("logs") / "run"))


@pytest.fixture(scope="module")
def data():
    return DATASETS["synthetic"](None)


@pytest.fixture(scope="module")
def reference(data) -> Reference:
    return Reference.prepare(data, "synthetic")


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory) -> tuple[str, dict]:
    """What `evaluate.py RUN` prints, and the record it writes where it is told to."""
    file = tmp_path_factory.mktemp("records") / "elsewhere.json"
    printed = succeed(run("evaluate.py", trained, "--num-samples", 500, "--json", file))
    return printed, json.loads(file.read_text())


def judge(reference: Reference, subject: subjects.Subject, measures=("fd",), **options) -> dict:
    return evaluator.judge_against(reference, subject, measures, **options).record["measures"]


def test_it_prints_a_table_and_writes_record_report_and_events(trained, evaluated):
    printed, record = evaluated
    assert record == json.loads((trained / "evaluation" / "20.json").read_text())
    assert "fid" not in printed.lower()
    assert str(trained / "evaluation" / "20" / "report.html") in printed
    assert "FD-LeNet" in (trained / "evaluation" / "20" / "report.html").read_text()
    assert list((trained / "tensorboard" / "evaluation-20").glob("**/events.*"))

    figures = record["measures"]
    for name in (
        *("fd_lenet", "kid_lenet", "classifier_score", "precision", "recall", "density", "coverage", "class_coverage"),
        *("class_kl", "ms_ssim", "memorisation_ct", "discriminator_accuracy", "discriminator_auc", "path_length_lenet"),
        *("train_on_generated_accuracy", "brightness", "sharpness"),
    ):
        assert name in printed
        assert np.isfinite(figures[name]["value"])
        assert set(figures[name]["provenance"]) >= PROVENANCE
    assert all(figure["interval"] is not None for figure in figures.values()), "each says how firm it is"
    fd, score = figures["fd_lenet"], figures["classifier_score"]
    assert fd["value"] > 5 * fd["reference"] > 0  # twenty steps are far from real images
    assert fd["interval"][0] < fd["value"] < fd["interval"][1]
    assert 1 <= score["value"] < score["reference"] <= 4
    assert fd["provenance"]["judge_hash"] == record["extractor"]["hash"]
    assert record["extractor"]["held_out_accuracy"] > 0.9
    assert (record["num_generated"], record["num_real"]) == (500, 500)
    assert record["subject"]["step"] == 20 and record["subject"]["weights"] == "ema"
    assert set(record["seconds"]) >= {"sampling", "looking", "fd"}


def test_the_same_command_gives_the_same_figures_bit_for_bit(trained, evaluated, tmp_path):
    succeed(run("evaluate.py", trained, "--num-samples", 500, "--json", tmp_path / "again.json", fresh=True))
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["measures"] == evaluated[1]["measures"]
    assert again["warnings"] == evaluated[1]["warnings"]


def test_a_judgement_of_fewer_images_replaces_no_larger_one(trained, evaluated):
    before = (trained / "evaluation" / "20.json").read_text()
    assert evaluate_main([str(trained), "--num-samples", "60", "--json", "/dev/null"]) == 0
    assert (trained / "evaluation" / "20.json").read_text() == before
    assert json.loads((trained / "evaluation" / "20-60-images.json").read_text())["num_generated"] == 60
    assert Path("/dev/null").is_char_device()


def test_two_evaluations_can_be_compared(evaluated, trained, tmp_path, capsys):
    """What `compare` asks of a record is what a record holds."""
    assert all(set(ALIKE) | set(VERSIONS) <= set(figure["provenance"]) for figure in evaluated[1]["measures"].values())
    assert main(["compare", *[str(trained / "evaluation" / "20.json")] * 2, "--out", str(tmp_path / "both.png")]) == 0
    assert "fd_lenet" in capsys.readouterr().out


def test_an_export_of_a_run_scores_what_the_run_scores(trained, evaluated, tmp_path):
    published = trained / "export" / "synthetic"
    assert evaluate_main([str(published), "--num-samples", "500", "--json", str(tmp_path / "export.json")]) == 0
    export, own = json.loads((tmp_path / "export.json").read_text()), evaluated[1]
    assert export["subject"]["kind"] == "export" and export["subject"]["path"] == str(published / "1")
    assert export["subject"]["fingerprint"] == own["subject"]["fingerprint"]
    for name in ("fd_lenet", "recall", "discriminator_accuracy", "path_length_lenet"):
        assert export["measures"][name]["value"] == pytest.approx(own["measures"][name]["value"], rel=1e-4), name
    assert not (published / "1" / "evaluation").exists()


def test_a_folder_of_real_images_reaches_the_floor(data, tmp_path, capsys):
    """The judge itself: training images in place of generated ones score what it calls the floor, about."""
    (tmp_path / "images").mkdir()
    for row, image in enumerate(data.train_images[-600:]):
        Image.fromarray(image[..., 0]).save(tmp_path / "images" / f"{row:04d}.png")
    arguments = ["--samples", tmp_path / "images", "--dataset", "synthetic", "--json", tmp_path / "record.json"]
    assert evaluate_main([*map(str, arguments), "--report", str(tmp_path / "report.html")]) == 0
    record = json.loads((tmp_path / "record.json").read_text())
    figures = record["measures"]
    assert record["num_generated"] == 600
    assert record["seeds"] is None and record["subject"]["weights"] is None
    assert figures["fd_lenet"]["value"] < 2 * figures["fd_lenet"]["reference"]
    assert figures["recall"]["value"] > 0.9 * figures["recall"]["reference"]
    # They are the training images, and the test for memorisation says so.
    assert figures["memorisation_ct"]["value"] < -3
    assert any(warning.startswith("memorisation_ct") for warning in record["warnings"])
    # What only a model could say of itself is not asked of images.
    assert "discriminator_accuracy" not in figures and "path_length_lenet" not in figures
    assert "was not measured" not in capsys.readouterr().out
    assert (tmp_path / "report.html").exists()


def test_what_lay_beside_samples_and_was_not_judged_is_counted(data, tmp_path, capsys):
    """Alpha is seen on white, too: these are the same images once as they are and once in alpha."""
    (tmp_path / "images").mkdir()
    for row, image in enumerate(data.test_images[:100]):
        hidden = np.concatenate([np.zeros_like(image), 255 - image], -1)
        Image.fromarray(hidden, "LA").save(tmp_path / "images" / f"{row:04d}.png")
    (tmp_path / "images" / "more").symlink_to(tmp_path)
    (tmp_path / "images" / "more.avif").touch()
    np.savez(tmp_path / "images.npz", data.test_images[:100])
    records = []
    for samples in (tmp_path / "images", tmp_path / "images.npz"):
        arguments = ["--samples", samples, "--dataset", "synthetic", "--json", tmp_path / "record.json"]
        assert evaluate_main([*map(str, arguments)]) == 0
        records.append(json.loads((tmp_path / "record.json").read_text()))
    folder, array = records
    assert folder["measures"] == array["measures"]
    assert folder["left_out"] == {"linked folders": 1, "files of other types (.avif)": 1} and array["left_out"] == {}
    assert "left out: linked folders 1, files of other types (.avif) 1" in capsys.readouterr().out.replace("\n", " ")


def test_a_folder_is_judged_against_a_folder(data, tmp_path):
    """No data set is needed, and no labels: random filters look at the images."""
    for name, images in {"real": data.train_images[:60], "generated": data.train_images[40:90]}.items():
        (tmp_path / name).mkdir()
        for row, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(tmp_path / name / f"{row:04d}.png")
    arguments = ["--samples", tmp_path / "generated", "--reference", tmp_path / "real", "--json", tmp_path / "r.json"]
    printed = succeed(run("evaluate.py", *arguments, "--report", tmp_path / "report.html"))
    assert "extractor: filters, sha256:" in printed and "50 generated against 60 real images" in printed
    record = json.loads((tmp_path / "r.json").read_text())
    figures = record["measures"]
    assert figures["memorised_share"]["value"] == pytest.approx(20 / 50) and figures["memorised_share"]["warning"]
    assert figures["brightness"]["reference"] == pytest.approx(data.train_images[:60].mean() / 255)
    assert figures["brightness"]["provenance"]["reference_hash"] == record["reference"]["fingerprint"]
    assert {"fd_filters", "kid_filters", "precision", "coverage"} <= set(figures)
    assert record["extractor"] == {"name": "filters", "hash": HASH, "resizer": "none", "held_out_accuracy": None}
    assert figures["fd_filters"]["provenance"]["judge_hash"] == HASH
    assert record["subject"]["dataset"] is None and record["num_training"] == 0
    assert str(tmp_path / "real") in record["reference"]["source"]
    assert "Closest to real images" in (tmp_path / "report.html").read_text()


def test_a_folder_is_judged_against_a_folder_by_a_network_of_a_persons_own(data, tmp_path):
    network = tf.keras.Sequential([tf.keras.layers.Flatten(input_shape=(16, 16, 1)), tf.keras.layers.Dense(5)])
    network.save(tmp_path / "eyes.keras")
    np.savez(tmp_path / "real.npz", data.train_images[:300])
    np.savez(tmp_path / "generated.npz", data.test_images[:200])
    arguments = ["--samples", tmp_path / "generated.npz", "--reference", tmp_path / "real.npz"]
    arguments += ["--extractor", tmp_path / "eyes.keras", "--json", tmp_path / "record.json"]
    assert evaluate_main([*map(str, arguments)]) == 0
    figures = json.loads((tmp_path / "record.json").read_text())["measures"]
    assert figures["fd_custom_eyes"]["value"] > 0 and figures["fd_custom_eyes"]["reference"] is None
    assert {"precision", "recall", "memorised_share", "ms_ssim"} <= set(figures)
    assert "memorisation_ct" not in figures


def test_images_without_labels_are_judged_beside_what_real_ones_score(trained, data):
    splits = (data.train_images[:300], data.test_images[:100])
    plain = [(images, np.zeros(len(images), int)) for images in splits]
    unlabelled = ImageDataset.of(*plain, class_names=(), source="a folder", licence="")
    subject = dataclasses.replace(subjects.of_run(RunFolder.open(trained)), data_fingerprint=None)
    record = evaluator.evaluate(subject, data=unlabelled, num_samples=60).record
    figures = record["measures"]
    with_reference = {"fd_filters", "kid_filters", "precision", "recall", "density", "coverage", "memorisation_ct"}
    assert {name for name in with_reference if figures[name]["reference"] is not None} == with_reference
    assert {"path_length_filters", "brightness", "ms_ssim", "memorised_share", "discriminator_auc"} <= set(figures)
    assert figures["fd_filters"]["value"] > 2 * figures["fd_filters"]["reference"]  # it has made 20 steps
    assert record["extractor"]["name"] == "filters" and record["classifier"] is None


def test_filters_are_a_second_judge_of_images_with_labels(trained):
    arguments = ["evaluate.py", trained, "--num-samples", 60]
    printed = succeed(run(*arguments, "--extractor", "filters"))
    assert "extractor: filters, sha256:" in printed and "classifier: lenet-synthetic, sha256:" in printed
    record = json.loads((trained / "evaluation" / "20-filters.json").read_text())
    assert {"fd_filters", "classifier_score"} <= set(record["measures"]) and "fd_lenet" not in record["measures"]


def test_a_run_says_which_device_trains(tiny_run):
    devices = json.loads((tiny_run / "environment.json").read_text())["devices"]
    assert devices and all(name.startswith(("CPU:", "GPU:")) for name in devices)
    first_lines = (tiny_run.parent / "printed").read_text().splitlines()[:2]
    assert any(line.startswith(f"training on {', '.join(devices)}") for line in first_lines)


def test_other_seeds_other_figures(trained, reference):
    subject = subjects.of_run(RunFolder.open(trained))
    one, other = (judge(reference, subject, num_samples=300, seed=seed)["fd_lenet"] for seed in (0, 1))
    assert one["value"] != other["value"]
    assert one["reference"] == other["reference"]
    assert other["provenance"]["first_seed"] == 1 << 32


def test_an_earlier_step_and_the_raw_weights_can_be_judged(trained, reference):
    folder = RunFolder.open(trained)
    early = subjects.of_run(folder, step=10)
    raw = subjects.of_run(folder, weights="raw")
    ema = subjects.of_run(folder)
    assert (early.step, raw.step, ema.step) == (10, 20, 20)
    assert len({early.fingerprint, raw.fingerprint, ema.fingerprint}) == 3
    figures = [judge(reference, subject, num_samples=100)["fd_lenet"] for subject in (early, raw, ema)]
    assert len({figure["value"] for figure in figures}) == 3
    assert [figure["provenance"]["weights"] for figure in figures] == ["ema", "raw", "ema"]


def test_generated_images_do_not_depend_on_their_number(trained):
    subject = subjects.of_run(RunFolder.open(trained))
    few, many = subject.generate(np.arange(3)), subject.generate(np.arange(600))
    assert many.dtype == np.uint8 and many.shape == (600, 16, 16, 1)
    np.testing.assert_array_equal(few, many[:3])
    assert len(np.unique(many.reshape(600, -1), axis=0)) > 500


def test_what_cannot_be_judged_is_refused(trained, tmp_path, capsys):
    published = trained / "export" / "synthetic"
    empty = Path(shutil.copytree(trained, tmp_path / "empty"))
    shutil.rmtree(empty / "checkpoints")
    (tmp_path / "strange" / "1").mkdir(parents=True)
    (tmp_path / "strange" / "1" / "saved_model.pb").write_bytes(b"who knows")
    for said, arguments in {
        "2 to 2000": [trained, "--num-samples", 2001],
        "at least 2": [trained, "--num-samples", 1],
        "is no folder that takes files": [trained, "--json", trained / "config.json" / "record.json"],
        "no run folder": [tmp_path / "nowhere"],
        "step 7; it has 0, 10, 20": [trained, "--step", 7],
        "no best checkpoint": [trained, "--step", "best"],
        "--reference) go together": ["--samples", tmp_path],
        "--reference stands in": ["--samples", tmp_path, "--reference", tmp_path, "--dataset", "synthetic"],
        "go together: images": [trained, "--reference", tmp_path],
        "nothing is no folder": ["--samples", tmp_path, "--reference", tmp_path / "nothing"],
        "holds no images": ["--samples", tmp_path / "strange", "--dataset", "synthetic"],
        "give one of": [],
        "nowhere": [trained, "--extractor", "/nowhere"],
        "give a run folder": [published, "--step", 10],
        "is a folder": [trained, "--json", tmp_path],
        "no checkpoint yet": [empty],
        "model_card.json": [tmp_path / "strange"],
    }.items():
        assert evaluate_main([str(argument) for argument in arguments]) == 2
        assert said in capsys.readouterr().err


def test_a_mistake_is_one_line_without_a_traceback(trained):
    assert "step 7; it has 0, 10, 20" in refused(run("evaluate.py", trained, "--step", 7))


def test_a_model_that_lost_its_numbers_is_told_of(trained, reference):
    subject = subjects.of_run(RunFolder.open(trained))
    broken = subject.signatures["sample"]
    lost = {"sample": lambda seed: {"image": broken(seed=seed)["image"] * np.nan}}
    subject = dataclasses.replace(subject, signatures={**subject.signatures, **lost})
    with pytest.raises(ValueError, match="NaN"):
        judge(reference, subject, num_samples=50)


def test_what_needs_latents_or_logits_is_skipped_without_them(trained, reference):
    subject = subjects.of_run(RunFolder.open(trained))
    left = {name: each for name, each in subject.signatures.items() if name not in ("decode", "discriminate")}
    subject = dataclasses.replace(subject, signatures=left)
    evaluation = evaluator.judge_against(reference, subject, ("path_length", "discriminator"), num_samples=100)
    assert not evaluation.record["measures"]
    assert len(evaluation.record["warnings"]) >= 2
    assert set(METRICS) >= {"path_length", "discriminator"}
