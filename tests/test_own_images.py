"""Training on images of a person's own, from the command line: from their check to the export, and back again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, TINY, assert_same_training, killed_behind, refused, run, signal_when, succeed, train
from PIL import Image

from aigc_tf.cli import EvaluateCommand, parse_training
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.errors import UserError

SMALL = [*TINY[2:], "--image-size", "8", "--max-bad", "0.05"]


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """80 readable images of several sizes in two classes, and a broken one."""
    folder, random = tmp_path_factory.mktemp("data") / "my pictures", np.random.default_rng(0)
    for number in range(80):
        path = folder / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8 + number % 5, 12, 3), np.uint8)).save(path)
    (folder / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture(scope="module")
def logs(images, tmp_path_factory) -> Path:
    """Two runs of 20 steps: `unbroken`, and `resumed`, which went on from step 10, and was judged and published."""
    logs, quick = tmp_path_factory.mktemp("logs"), ("--no-evaluate", "--no-export")
    begin = (*SMALL, "--dataset", f"folder:{images}", "--conditional", "--licence", "CC0-1.0", "--logs", logs)
    said = succeed(train(*begin, *quick, "--steps", 20, "--name", "unbroken"))
    assert "passed over 1 of 81 images that cannot be read (cat/broken.jpg: " in said
    killed_behind(10, logs / "unbroken", logs / "resumed")
    said = succeed(train("--resume", logs / "resumed", "--evaluate", "--export"))
    assert f"published: {logs}/resumed/export/my_pictures/1" in said and "going on from step 10" in said
    return logs


def test_they_are_sound(images):
    assert "sound" in run("-m", "aigc_tf", "data", "check", images).stdout


def test_a_run_goes_on_bit_for_bit(logs):
    assert_same_training(logs / "unbroken", logs / "resumed")


def test_the_run_and_the_model_card_tell_of_the_data(logs, images):
    data = json.loads((logs / "resumed" / "data.json").read_text())
    assert data["class_names"] == ["cat", "dog"] and data["licence"] == "CC0-1.0"
    assert data["figures"]["height"] == {"least": 8, "median": 10.0, "most": 12}
    assert data["figures"]["bad"][0][0] == "cat/broken.jpg"
    config = json.loads((logs / "resumed" / "config.json").read_text())
    assert (config["dataset"], config["image_size"], config["max_bad"]) == (f"folder:{images}", "8", 0.05)
    card = logs / "resumed" / "export" / "my_pictures" / "1" / "assets.extra" / "model_card.json"
    told = json.loads(card.read_text())
    assert told["name"] == "my_pictures" and told["data"]["licence"] == "CC0-1.0"
    assert told["data"]["figures"] == data["figures"]


def test_other_images_than_those_of_a_file_of_settings_are_those_that_are_named(logs, tmp_path):
    """A run whose images have moved keeps where they lie; a run on others by the same settings does not look there."""
    settings = json.loads((logs / "resumed" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "data_dir": str(tmp_path / "moved")}))
    begin = ["--config", str(tmp_path / "config.json")]
    assert parse_training(begin)[1].place == tmp_path / "moved"
    assert parse_training([*begin, "--dataset", f"folder:{tmp_path}"])[1].place == tmp_path.resolve()


def test_a_run_and_its_export_find_their_images_again(logs, tmp_path):
    file = tmp_path / "export.json"
    succeed(run("evaluate.py", logs / "resumed" / "export" / "my_pictures", "--json", file))
    measures = json.loads(file.read_text())["measures"]
    before = json.loads((logs / "resumed" / "evaluation" / "20.json").read_text())["measures"]
    assert {"fd_lenet", "label_accuracy"} <= measures.keys()
    assert measures["fd_lenet"]["value"] == pytest.approx(before["fd_lenet"]["value"], rel=1e-3)


def test_other_images_are_noticed(logs, images, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(images, moved)
    assert "nothing left to train" in succeed(
        train("--resume", shutil.copytree(logs / "unbroken", tmp_path / "run"), "--data-dir", moved, "--no-evaluate")
    )
    next(moved.rglob("*.png")).unlink()
    for command in (("train.py", "--resume"), ("evaluate.py",)):
        line = refused(run(*command, tmp_path / "run", "--data-dir", moved))
        assert "--data-dir" in line and f"from the folder {moved}" in line


def test_images_of_others_are_held_against_ones_own_of_several_sizes(images, tmp_path):
    """Which cannot be held against anything before they are of one size."""
    flat, made = tmp_path / "flat", tmp_path / "made"
    flat.mkdir()
    made.mkdir()
    for path in images.rglob("[0-9]*.png"):
        shutil.copy(path, flat)
    for path in (images / "cat").glob("*8.png"):
        Image.open(path).resize((8, 8)).save(made / path.name)
    judge = ["evaluate.py", "--samples", made, "--dataset", f"folder:{flat}", "--json", tmp_path / "judged.json"]
    assert "say with --image-size" in refused(run(*judge))
    succeed(run(*judge, "--image-size", 8, "--fit", "stretch", "--channels", "gray"))
    judged = json.loads((tmp_path / "judged.json").read_text())
    assert judged["num_generated"] == 8 and "brightness" in judged["measures"]


def test_without_classes_they_are_judged_while_training_and_behind(images, tmp_path):
    flat = tmp_path / "扁平"
    flat.mkdir()
    for path in images.rglob("*.png"):
        shutil.copy(path, flat)
    for number, image in enumerate(np.random.default_rng(1).integers(0, 256, (240, 8, 8, 3), np.uint8)):
        Image.fromarray(image).save(flat / f"more {number}.png")  # so that some 30 are held out
    begin = (*SMALL, "--dataset", f"folder:{flat}", "--steps", 20, "--evaluate-every", 10, "--on-collapse", "best")
    said = succeed(train(*begin, "--logs", tmp_path / "logs", "--name", "run"))
    assert "extractor: filters, sha256:" in said and "published: " in said and "/export/folder/1" in said
    folder = tmp_path / "logs" / "run"
    record = json.loads((folder / "evaluation" / "20.json").read_text())
    wanted = {"fd_filters", "kid_filters", "precision", "recall", "density", "coverage", "memorisation_ct"}
    assert {*wanted, "memorised_share", "path_length_filters"} <= record["measures"].keys()
    assert record["measures"]["fd_filters"]["reference"] > 0
    lines = [json.loads(line) for line in (folder / "evaluation" / "during-training.jsonl").read_text().splitlines()]
    distances = {line["step"]: line["measures"]["fd_filters"] for line in lines}
    assert list(distances) == [10, 20]
    best = min(distances, key=distances.__getitem__)
    assert [path.name for path in (folder / "checkpoints").glob("best-*.index")] == [f"best-{best}.index"]


FROM_DISK = """
import sys
from aigc_tf.quiet import import_tensorflow
import_tensorflow()
from aigc_tf.datasets.records import record_dataset
record_dataset.IN_MEMORY = 0
from aigc_tf.cli import train_main
sys.exit(train_main(sys.argv[1:]))
"""


def test_from_the_disk_as_from_memory(images, tmp_path):
    begin = (*SMALL, "--dataset", f"folder:{images}", "--conditional", "--replicas", 2)
    succeed(train(*begin, "--steps", 20, "--no-evaluate", "--no-export", "--logs", tmp_path, "--name", "unbroken"))
    succeed(run("-c", FROM_DISK, "--resume", killed_behind(10, tmp_path / "unbroken", tmp_path / "disk")))
    assert_same_training(tmp_path / "unbroken", tmp_path / "disk")


def test_a_disk_that_fails_while_training_ends_the_run_in_a_sentence(images, tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_TF_CACHE", str(tmp_path / "cache"))
    begin = (*SMALL, "--dataset", f"folder:{images}", "--steps", 10**6, "--log-every", 5, "--logs", tmp_path)

    def fails() -> bool:
        if not (tmp_path / "run" / "metrics.jsonl").exists():
            return False
        (shard,) = (tmp_path / "cache").rglob("*.tfrecord")
        shard.write_bytes(b"")
        return True

    ended = signal_when(["-c", FROM_DISK, *begin, "--name", "run", "--no-evaluate"], 0, fails)
    assert ended.returncode == 1 and "Traceback" not in ended.output
    assert "was cut short while it was in use" in ended.output and "checkpoint" in ended.output


def test_copies_are_not_handed_out_unasked(tmp_path):
    """Four images, ten times each, are learned by heart in seconds."""
    four = np.zeros((4, 8, 8), np.uint8)
    four[0, :, :4] = four[1, :4] = four[2, 2:6, 2:6] = four[3, ::4] = 255
    np.savez(
        tmp_path / "four.npz",
        train=np.tile(four, (10, 1, 1)),
        test=np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8),
    )
    data = ("--dataset", f"npz:{tmp_path / 'four.npz'}", "--network", "mlp", "--latent-dim", 8)
    done = train(*data, "--global-batch-size", 8, "--steps", 400, "--logs", tmp_path, "--name", "few")
    assert "fewer than 1,000 are learned by heart, unless they are much alike" in done.stdout
    line = refused(done, status=1)
    assert re.search("not published, since .*% of the images are near copies of training images", line), line
    assert not (tmp_path / "few/export").exists()
    command = line[line.index("-m aigc_tf export") :].split(" publishes")[0]
    version = succeed(run(*command.split())).split()[-1]
    card = json.loads((Path(version) / "assets.extra/model_card.json").read_text())
    assert any("near copies of training images" in warning for warning in card["evaluation"]["warnings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "mnist_5k", "--image-size", "32"], "image_size cannot be combined with mnist_5k"),
        (["--dataset", "mnist_5k", "--licence", "x", "--fit", "pad"], "fit, licence cannot be combined"),
        (["--dataset", "fodler:x"], "'fodler' is not one of the sources: folder, npz, records, tfds"),
        (["--dataset", "folder:"], "does not say where the images lie"),
        (["--dataset", "folder:/nowhere"], "/nowhere does not exist"),
        (["--dataset", "npz:/nowhere.npz"], "/nowhere.npz does not exist"),
        pytest.param(
            *(["--dataset", "tfds:mnist"], "needs TensorFlow Datasets .*pip install -r requirements-tfds.txt"),
            marks=pytest.mark.skipif(find_spec("tensorflow_datasets") is not None, reason="it is installed"),
        ),
        (["--dataset", "records:/nowhere/*"], "matches no file"),
        (["--dataset", "folder:x", "--image-size", "big"], "image_size is 'big'"),
        (["--dataset", "folder:x", "--image-size", "4"], "from 8 to 4096"),
        (["--dataset", "folder:x", "--image-size", "64x"], "height and width"),
        (["--dataset", "folder:x", "--background", "nice"], "background is 'nice'"),
        (["--dataset", "folder:x", "--background", "#11223344"], "background is '#11223344'"),
        (["--dataset", "folder:x", "--background", "red", "--channels", "alpha"], "what is transparent stays so"),
        (["--dataset", "folder:x", "--max-bad", "2"], "max_bad is 2.0, but must be from 0 to 1"),
        (["--dataset", "folder:x", "--data-dir", "."], "--data-dir cannot be combined"),
        (["--dataset", "pictures"], "'pictures' is not one of the datasets.*folder:PICTURES"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, said):
    assert re.search(said, refused(train(*arguments)))


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("mnist", "mnist"),
        ("folder:/data/Twitter emoji", "Twitter_emoji"),
        ("folder:/data/猫", "folder"),
        ("folder:/data/2024", "folder_2024"),
        ("folder:/data/.hidden", "hidden"),
        ("folder:/data/été-1", "ete-1"),
        ("folder:/" + "a" * 200, "a" * 60),
        ("npz:/data/my.faces.npz", "my_faces"),
        ("records:/data/out/*.tfrecord", "out"),
        ("records:/data/out", "out"),
    ],
)
def test_runs_and_models_have_a_plain_name(dataset, name):
    assert DataConfig(dataset=dataset).data_name == name


def test_settings_of_before_and_of_now_are_read(tmp_path):
    old = json.loads(TrainConfig.of().to_json())
    for name in ("image_size", "fit", "channels", "background", "max_bad", "licence"):
        del old[name]
    assert TrainConfig.from_json(json.dumps(old), "here") == TrainConfig.of()
    new = TrainConfig.of(dataset="folder:/data/x", image_size="64x96", fit="pad", channels="alpha", max_bad=0.5)
    assert TrainConfig.from_json(new.to_json(), "here") == new
    with pytest.raises(UserError, match='fit is "squeeze", but must be one of crop, pad, stretch or null'):
        TrainConfig.from_json('{"dataset": "folder:x", "fit": "squeeze"}', "here")
    with pytest.raises(UserError, match="is not one of the sources"):
        EvaluateCommand(samples=tmp_path, dataset="other:x")
    with pytest.raises(UserError, match="image_size cannot be combined with mnist"):
        EvaluateCommand(samples=tmp_path, dataset="mnist", image_size="32")
    with pytest.raises(UserError, match="image_size, fit say how images of --dataset are read"):
        EvaluateCommand(subject=tmp_path, image_size="32", fit="pad")


def test_a_relative_folder_is_found_from_anywhere(images, tmp_path):
    command = [sys.executable, str(ROOT / "train.py"), *map(str, SMALL), "--dataset", "folder:my pictures", "--dry-run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=images.parent, env=environment, capture_output=True, text=True)
    assert f'"dataset": "folder:{images}"' in succeed(done)
