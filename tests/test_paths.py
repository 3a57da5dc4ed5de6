"""Paths of every legal name: nothing in a name means anything, and nobody else's files are touched."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import ROOT, TINY, last_step, refused, run, succeed, train
from PIL import Image

from aigc_tf import event_files, plots, subjects
from aigc_tf.checkpoints import Checkpoints, load_model
from aigc_tf.config import TrainConfig
from aigc_tf.datasets import DATASETS, given_images
from aigc_tf.errors import UserError
from aigc_tf.families.model import GenerativeModel
from aigc_tf.metrics import keras_file
from aigc_tf.paths import expanded, is_pattern, plain
from aigc_tf.run_folder import RunFolder

_PIECES = (
    *"*?[]\\'\"`$ ~!#%&;:,{}()<>|=+@^-._\n\t",
    "[1]",
    "[!a]",
    "**",
    "..",
    "é",
    "字",
    "ש",
    "🎨",
    "a",
    "xa",
    "%s",
    "1",
)
NAMES = ["xa*", "a[1]", "a?", "a\\b", "\\", "[", "*", "-x", "~x", " ", "字" * 85, "x" * 255, "[" * 255, "a\nb"]


def random_names(count: int) -> list[str]:
    """Folder names of up to 255 bytes, made of what means something to a shell, a pattern or a format."""
    source = random.Random(0)
    names = {"".join(source.choices(_PIECES, k=source.randint(1, 12))) for _ in range(count)}
    return sorted(names - {".", ".."})


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> RunFolder:
    """A run of 20 steps in a folder whose name is a pattern, trained and published by the command."""
    logs = tmp_path_factory.mktemp("logs") / "logs [ab]*"
    arguments = (*TINY, "--steps", 20, "--keep-checkpoints", 2, "--no-evaluate", "--logs", logs, "--name", "xa* [1]?\\")
    done = train(*arguments)
    assert "published: " in succeed(done) and "takes" in done.stderr and "for a pattern" in done.stderr
    return RunFolder.open(logs / "xa* [1]?\\")


@pytest.fixture(scope="module")
def model(trained) -> GenerativeModel:
    return load_model(trained)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [*NAMES, *random_names(20)])
def test_a_run_works_under_every_name(trained, model, tmp_path, name):
    """It is found, goes on, keeps as many checkpoints as it should, and leaves what a pattern would also mean."""
    folder = tmp_path / name / name
    shutil.copytree(trained.path, folder, ignore=shutil.ignore_patterns("export"))
    others = [tmp_path / other for other in ("xa", "a1", "a", "ab", "x", "1") if other != name]
    for other in others:
        shutil.copytree(folder / "checkpoints", other / name / "checkpoints")
        shutil.copytree(folder / "checkpoints", other / "checkpoints")
    before = [everything_in(other) for other in others]

    run_folder = RunFolder.open(folder)
    checkpoints = Checkpoints(run_folder.checkpoints, model, keep=2)
    assert checkpoints.restore() == 20
    event_files.trim(run_folder.tensorboard, 20, run_folder.read_config())
    run_folder.trim(20, run_folder.read_config())
    model.step.assign(21)
    checkpoints.save()
    checkpoints.save_best()
    assert sorted(file.name for file in run_folder.checkpoints.glob("*.index")) == [
        *("best-21.index", "step-20.index", "step-21.index")
    ]
    assert Checkpoints(run_folder.checkpoints, model, keep=2).restore() == 21
    assert [everything_in(other) for other in others] == before


@pytest.mark.parametrize("name", ["a[1]*?\\", "'\"$ \n", "字" * 85])
def test_exports_samples_data_and_extractors_work_under_every_name(trained, tmp_path, name):
    folder = tmp_path / name
    shutil.copytree(trained.export / "synthetic", folder / "synthetic")
    export = subjects.of_export(folder / "synthetic")
    assert export.generate(np.arange(2)).shape == (2, 16, 16, 1)

    (folder / "images").mkdir()
    Image.new("L", (16, 16), 7).save(folder / "images" / "1.png")
    assert given_images.read(folder / "images", (16, 16, 1)).pixels.max() == 7

    pixels, labels = np.zeros([20, 28, 28], np.uint8), np.arange(20) % 10
    np.savez(folder / "mnist.npz", x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    assert DATASETS["mnist"](folder).spec.num_examples == 20

    network = tf.keras.Sequential([tf.keras.layers.Input((16, 16, 1)), tf.keras.layers.Dense(2)])
    network.export(str(folder / "network"))
    assert keras_file.load(folder / "network", (16, 16, 1), lambda line: None).num_features == 2


def test_the_commands_take_such_names(trained, tmp_path):
    """Another run has the name that ours means as a pattern."""
    ours, other = tmp_path / "xa*", tmp_path / "xa"
    for folder in (ours, other):
        shutil.copytree(trained.path, folder)
    before = everything_in(other)
    assert "trained to step 40" in succeed(train("--resume", ours, "--steps", 40, "--no-export"))
    assert everything_in(other) == before
    assert "is sound" in succeed(run("-m", "aigc_tf", "verify", ours / "export" / "synthetic" / "1"))
    line = refused(run("-m", "aigc_tf", "export", ours, "--to", tmp_path / "models" / "a[1]"))
    assert "for a pattern" in line and "--server-path" in line and not (tmp_path / "models").exists()
    assert "for a pattern" in refused(run("-m", "aigc_tf", "serve", ours / "export" / "synthetic"))


def test_tensorflows_manager_and_ours_read_each_others_index(trained, model, tmp_path):
    """Runs of versions before this one, which TensorFlow's CheckpointManager kept, go on; and the other way round."""
    checkpoints = Checkpoints(tmp_path, model, keep=2)
    theirs = tf.train.CheckpointManager(checkpoints._checkpoint, str(tmp_path), 3, checkpoint_name="step")
    for step in (3, 11, 7):
        theirs.save(checkpoint_number=step)
    model.step.assign(12)
    checkpoints = Checkpoints(tmp_path, model, keep=2)
    assert checkpoints.last_step == 7
    checkpoints.save()
    theirs = tf.train.CheckpointManager(checkpoints._checkpoint, str(tmp_path), 3, checkpoint_name="step")
    assert [Path(path).name for path in theirs.checkpoints] == ["step-7", "step-12"]
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "step-12")


def test_a_checkpoint_is_called_damaged_only_if_it_is(trained, model, tmp_path, caplog):
    folder = shutil.copytree(trained.checkpoints, tmp_path / "checkpoints")
    (folder / "step-20.index").unlink()
    assert Checkpoints(folder, model, keep=2).restore() == 10
    assert "step-20 is gone" in caplog.text and "damaged" not in caplog.text
    data = folder / "step-10.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(UserError, match="no checkpoint that can be read"):
        Checkpoints(folder, model, keep=2).restore()
    assert "step-10 is damaged" in caplog.text


def test_foreign_files_in_a_run_are_left_alone(trained, tmp_path):
    """Copies by a file manager, and lines that a kill or a person left broken."""
    folder = shutil.copytree(trained.path, tmp_path / "run", ignore=shutil.ignore_patterns("export"))
    (events,) = (folder / "tensorboard").glob("events.*")
    copies = [
        folder / "samples" / "step-00000020 copy.png",
        folder / "samples" / "step-20.png",
        folder / "checkpoints" / "step-20 (1).index",
        folder / "checkpoints" / "best-5 copy.index",
        events.with_name(f"{events.name} (copy)"),
        events.with_name("events.out.tfevents.mine"),
    ]
    for copy in copies:
        copy.write_bytes(b"mine")
    metrics = folder / "metrics.jsonl"
    lines = metrics.read_text()
    metrics.write_text(
        '{"step": "x"}\n[]\n7\n\n{"step": 5, "loss/generator": "much"}\n' + lines + '{"step": 25, "loss/gen'
    )
    done = train("--resume", folder, "--steps", 30, "--no-export")
    assert "trained to step 30" in succeed(done)
    assert re.search(r"metrics\.jsonl: passed over 6 of 10 lines.*line 1\)", done.stderr), done.stderr
    assert all(copy.read_bytes() == b"mine" for copy in copies)
    assert metrics.read_text().startswith(lines) and last_step(folder) == 30
    metrics.write_text(metrics.read_text() + "half a line")
    (folder / "curves.png").unlink()
    plots.draw_curves(RunFolder.open(folder))
    assert (folder / "curves.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("~nosuchuser/x", "'~nosuchuser/x'.*the user nosuchuser"),
        ("logs/" + "x" * 256, "more than 255 bytes"),
        ("字" * 86, "more than 255 bytes"),
        ("a\0b", "UTF-8"),
        (os.fsdecode(b"\xff"), "UTF-8"),
    ],
)
def test_paths_that_no_file_can_have_are_refused(text, said):
    with pytest.raises(UserError, match=said):
        expanded(text)


def test_links_in_a_circle_are_refused(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    for path in (loop, loop / "x"):
        with pytest.raises(UserError, match="links that lead in a circle"):
            expanded(str(path))
    assert expanded(str(tmp_path / "dangling")) == tmp_path / "dangling"
    judge = ["evaluate.py", "--samples", ".", "--dataset", "synthetic"]
    commands = (
        ["-m", "aigc_tf", "list", loop],
        ["-m", "aigc_tf", "withdraw", loop],
        ["train.py", "--data-dir", loop],
        [*judge, "--json", loop],
        [*judge, "--report", loop / "x"],
    )
    for command in commands:
        assert "links that lead in a circle" in refused(run(*command))


def test_logs_that_lie_too_deep_are_refused():
    """Before a run finds that it cannot save."""
    with pytest.raises(UserError, match="too long for the files of a run"):
        RunFolder.planned(TrainConfig(logs=Path("/", *["x" * 200] * 18)))


def test_home_folders_are_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert expanded("~/runs") == Path("/home/ada/runs")
    assert expanded("~") == Path("/home/ada")
    assert [expanded(path) for path in ("./~x", "a/~", "x" * 255)] == [Path("~x"), Path("a/~"), Path("x" * 255)]
    config = TrainConfig.from_json(json.dumps({"logs": "~/runs", "data_dir": "~/data"}), "here")
    assert (config.logs, config.data_dir) == (Path("/home/ada/runs"), Path("/home/ada/data"))


def test_every_path_flag_is_expanded(tmp_path):
    """Also where a shell leaves the ~ as it is; no folder is called so."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "some.json").write_text('{"data_dir": "~/data", "name": "run"}')
    environment = {**os.environ, "HOME": str(home)}
    plan = succeed(train(*TINY, "--dry-run", "--config=~/some.json", "--logs=~/runs", env=environment))
    assert f'"data_dir": "{home}/data"' in plan and f"{home}/runs/run" in plan
    assert not (ROOT / "~").exists()
    for arguments in (
        ["--resume=~nosuchuser"],
        ["--logs=~nosuchuser/x"],
        ["--config", "x" * 300],
        ["--logs", "x" * 300],
    ):
        assert "no home folder" in (line := refused(train(*arguments, env=environment))) or "255 bytes" in line
    for arguments in (["list", "~/nothing"], ["verify", "~/nothing"], ["serve", "~/nothing"], ["prune", "~/nothing"]):
        assert f"{home}/nothing" in refused(run("-m", "aigc_tf", *arguments, env=environment))
    line = refused(run("evaluate.py", "--samples", ".", "--dataset", "synthetic", "--json=~", env=environment))
    assert f"--json {home} is a folder" in line


def test_no_home_folder_at_all_is_told_in_a_sentence(tmp_path):
    """As under a user number that the machine has no name for."""
    code = (
        "import os, pwd, sys; del os.environ['HOME']\n"
        "def nobody(number): raise KeyError(number)\n"
        f"pwd.getpwuid = nobody; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['train.py', '--dataset', 'synthetic']\n"
        "from aigc_tf.cli import train_main; sys.exit(train_main())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    line = refused(run("-c", code, env=environment))
    assert "HOME is not set" in line
    assert not (ROOT / "~").exists()


def test_a_plain_path_stays_as_it_is_and_others_get_a_link(tmp_path):
    with plain(tmp_path) as same:
        assert same == tmp_path
    special = tmp_path / "a[1]"
    special.mkdir()
    with plain(special) as link:
        assert not is_pattern(link) and link.samefile(special)
    assert not link.exists() and special.exists()


def test_temporary_files_in_a_folder_of_a_special_name(tmp_path, monkeypatch):
    (tmp_path / "t[1]").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t[1]"))
    with pytest.raises(UserError, match="set TMPDIR"), plain(tmp_path / "a*"):
        pass


def test_batches_beyond_memory_are_refused_before_a_folder_is_made(tmp_path):
    for arguments in (["--global-batch-size", 3_000_000_000], ["--global-batch-size", 2**31 - 1], ["--steps", 2**64]):
        done = train("--dataset", "synthetic", "--logs", tmp_path / "logs", *arguments)
        assert re.search("memory|must be from 1 to", refused(done))
        assert not (tmp_path / "logs").exists()
