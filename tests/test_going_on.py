"""Runs that go on from another model, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import TINY, assert_same_training, killed_behind, refused, run, succeed, train

from aigc_tf.checkpoints import load_model
from aigc_tf.datasets import mnist_5k
from aigc_tf.errors import UserError
from aigc_tf.export import contents
from aigc_tf.families import signatures
from aigc_tf.metrics.classifier import load_classifier
from aigc_tf.metrics.fd import Gaussian, frechet_distance
from aigc_tf.run_folder import RunFolder
from aigc_tf.train_command import parse_training

QUICK = ["--no-evaluate", "--no-export"]
OFTEN = TINY[-8:]  # how often what is written
FROZEN = "generator/batch_normalization,discriminator/dense_1"


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """Digits from 0 to 4 in low.npz, 500 others to learn, and some to judge by, in high.npz."""
    folder, data = tmp_path_factory.mktemp("digits"), mnist_5k.load()
    images, labels = (
        np.concatenate(both)
        for both in zip((data.train_images, data.train_labels), (data.test_images, data.test_labels))
    )
    for name, rows, learned in (("low", labels < 5, 2000), ("high", labels > 4, 500)):
        x, y = images[rows], labels[rows]
        arrays = {"x_train": x[:learned], "y_train": y[:learned], "x_test": x[learned:], "y_test": y[learned:]}
        np.savez(folder / f"{name}.npz", **arrays)
    return folder


def test_500_images_of_a_new_kind_are_learned_sooner_than_from_nothing(digits, tmp_path):
    logs = ["--logs", tmp_path, *QUICK]
    succeed(
        train(
            "--dataset", f"npz:{digits}/low.npz", "--global-batch-size", 16, "--steps", 200, *logs, "--name", "parent"
        )
    )
    new = ["--dataset", f"npz:{digits}/high.npz", "--steps", 40, *logs]
    said = succeed(train("--from", tmp_path / "parent", *new, "--name", "child"))
    assert f"begins with weights of {tmp_path / 'parent'}, step 200: " in said and "new are" not in said
    succeed(train(*new, "--global-batch-size", 16, "--name", "scratch"))

    eyes = load_classifier("mnist_5k", mnist_5k.load())
    real = Gaussian.of(eyes.look(np.load(digits / "high.npz")["x_test"]).features)
    distances = {}
    for name in ("child", "scratch"):
        model = load_model(RunFolder.open(tmp_path / name))
        made = model.spec.modality.graph.to_stored(model.sample(tf.range(200, dtype=tf.int64)))
        distances[name] = frechet_distance(Gaussian.of(eyes.look(made.numpy()).features), real)
    assert distances["child"] < distances["scratch"] / 2, distances


@pytest.fixture(scope="module")
def logs(tiny_run, tmp_path_factory) -> Path:
    """The run `child`, which went on from `tiny_run` for 10 steps on two replicas, frozen in part, and `parts`, which
    was killed behind step 5 and went on when its parent was gone."""
    logs = tmp_path_factory.mktemp("logs")
    parent = Path(shutil.copytree(tiny_run, logs / "the [old] parent"))
    begin = [*OFTEN, "--checkpoint-every", 5, *QUICK, "--replicas", 2, "--freeze", FROZEN, "--logs", logs]
    checkpoint = parent / "checkpoints" / "step-20.index"
    succeed(train("--from", checkpoint, *begin, "--steps", 10, "--name", "child"))
    shutil.rmtree(parent)
    succeed(train("--resume", killed_behind(5, logs / "child", logs / "parts")))
    return logs


def test_it_goes_on_bit_for_bit_without_its_parent(logs):
    assert_same_training(logs / "child", logs / "parts")


def test_weights_begin_as_the_average_and_what_is_frozen_stays(logs, tiny_run):
    first, last = (load_model(RunFolder.open(logs / "child"), step) for step in (0, 10))
    parent = load_model(RunFolder.open(tiny_run))
    for network in (first.generator, first.ema_generator):
        for value, wanted in zip(network.get_weights(), parent.ema_generator.get_weights()):
            np.testing.assert_array_equal(value, wanted)
    for layer, networks in (
        ("batch_normalization", [last.generator, last.ema_generator, parent.ema_generator]),
        ("dense_1", [last.discriminator, parent.discriminator]),
    ):
        *now, before = (network.get_layer(layer).get_weights() for network in networks)
        for weights in now:
            for value, wanted in zip(weights, before):
                np.testing.assert_array_equal(value, wanted)
    for network in ("generator", "ema_generator"):
        both = (getattr(model, network).get_layer("batch_normalization_1").get_weights() for model in (first, last))
        assert not any(np.array_equal(*pair) for pair in zip(*both))


def test_where_it_came_from_is_on_record(logs, tiny_run, tmp_path):
    record = json.loads((logs / "child" / "parentage.json").read_text())
    data = json.loads((tiny_run / "data.json").read_text())
    assert (record["step"], record["checkpoint"], record["dataset"]) == (20, "step-20", "synthetic")
    assert record["run"] == str(logs / "the [old] parent") and record["frozen"] == FROZEN.split(",")
    assert record["fingerprint"] == load_model(RunFolder.open(tiny_run)).fingerprint()
    assert record["checkpoint_hash"].startswith("sha256:")
    assert record["data"]["fingerprint"] == data["fingerprint"] and record["data"]["licence"] == data["licence"]
    assert record["new"] == [] and record["parentage"] is None
    config = json.loads((logs / "child" / "config.json").read_text())
    assert config["parent"] == f"{record['run']}/checkpoints/step-20" and config["freeze"] == FROZEN.split(",")

    model = load_model(RunFolder.open(logs / "child"))
    promised = signatures.build(model)[0]
    assert contents._model_card(model, RunFolder.open(logs / "child"), "shapes", promised)["parentage"] == record
    succeed(run("evaluate.py", logs / "child", "--num-samples", 20))
    judged = json.loads((logs / "child" / "evaluation" / "10.json").read_text())
    assert judged["subject"]["parentage"] == record
    assert judged["measures"]["brightness"]["provenance"]["parent_fingerprint"] == record["fingerprint"]

    third = ["--from", logs / "child", "--from-step", 10, *OFTEN, *QUICK, "--steps", 1, "--logs", tmp_path]
    said = succeed(train(*third, "--name", "third"))
    assert "step 10: " in said
    third = json.loads((tmp_path / "third" / "parentage.json").read_text())
    assert third["step"] == 10 and third["parentage"] == record and third["frozen"] == []


def test_what_a_run_would_begin_with(tiny_run):
    said = succeed(train("--from", tiny_run, "--conditional", "--dry-run"))
    assert "trained in discriminator  discriminator/conv2d_2, " in said
    assert "new are generator/dense_1, " in said and "class disc, class ring, class square, class cross" in said


def test_settings_are_those_of_the_parent(tiny_run, tmp_path):
    begin = ["--from", str(tiny_run)]
    config = parse_training(begin)[1]
    assert config.family.latent_dim == 8 and config.global_batch_size == 8 and config.dataset == "synthetic"
    assert config.parent == tiny_run.resolve() / "checkpoints" / "step-20"
    assert config.steps is None and config.name is None and config.log_every == 50
    config = parse_training(
        [*begin, "--latent-dim", "9", "--from-step", "10", "--freeze", "generator/dense,discriminator"]
    )[1]
    assert config.family.latent_dim == 9 and config.parent.name == "step-10"
    assert config.freeze == ("generator/dense", "discriminator")
    config = parse_training([*begin, "--dataset", f"folder:{tmp_path}"])[1]
    assert (config.image_size, config.channels, config.dataset) == ("16", "gray", f"folder:{tmp_path.resolve()}")
    assert parse_training([*begin, "--dataset", "mnist"])[1].image_size is None
    config = parse_training([*begin, "--dataset", f"records:{tmp_path}"])[1]  # whose form is their own
    assert (config.image_size, config.channels, config.fit) == (None, None, None)
    (tmp_path / "config.json").write_text(config.to_json())
    assert parse_training(["--config", str(tmp_path / "config.json")])[1] == config


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "RUN", "--resume", "RUN"], "--resume and --from cannot be combined"),
        (["--from", "RUN", "--preset", "dcgan"], "--preset and --from cannot be combined"),
        (["--from", "RUN", "--model", "vae"], "--model vae cannot be combined with --from, whose model is gan"),
        (["--from", "RUN", "--from-step", "15"], "there is no .*step-15; there are step-0, step-10, step-20"),
        (["--from", "RUN", "--from-step", "best"], "keeps no best checkpoint"),
        (["--from", "RUN/checkpoints/step-10", "--from-step", "10"], "--from-step chooses among"),
        (["--from", "RUN/checkpoints/good"], "there is no .*good; there are step-0, step-10, step-20"),
        (["--from", "/nowhere"], "/nowhere is no run folder"),
        (["--from-step", "10"], "give that with --from"),
        (["--freeze", "generator"], "freeze keeps what another model has learned, so it needs --from"),
        (["--resume", "RUN", "--freeze", "generator"], "freeze keeps what another model has learned"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, said, tiny_run):
    with pytest.raises(UserError, match=said):
        parse_training([given.replace("RUN", str(tiny_run)) for given in arguments])


def test_where_runs_and_checkpoints_lie_is_free(tiny_run, tmp_path):
    run = Path(shutil.copytree(tiny_run, tmp_path / "checkpoints" / "run"))
    for name in ("good.index", "good.data-00000-of-00001"):
        shutil.copy(run / "checkpoints" / name.replace("good", "step-10"), run / "checkpoints" / name)
    assert parse_training(["--from", str(run)])[1].parent == run.resolve() / "checkpoints" / "step-20"
    with pytest.raises(UserError, match="there is no .*good; there are step-0, step-10, step-20"):
        parse_training(["--from", str(run / "checkpoints" / "good")])
    (run / "checkpoints").rename(tmp_path / "elsewhere")
    (run / "checkpoints").symlink_to(tmp_path / "elsewhere")
    assert parse_training(["--from", str(run / "checkpoints" / "step-10")])[1].parent.name == "step-10"


def test_a_run_without_a_checkpoint_needs_what_it_begins_with(logs, tiny_run, tmp_path):
    """Its parent has gone; and then there is another one in its place."""
    young = Path(shutil.copytree(logs / "parts", tmp_path / "young"))
    shutil.rmtree(young / "checkpoints")
    (young / "metrics.jsonl").unlink()
    line = refused(train("--resume", young))
    assert "has no checkpoint yet, and what it begins with cannot be had" in line
    config = json.loads((young / "config.json").read_text())
    config["parent"] = str(tiny_run / "checkpoints" / "step-10")
    (young / "config.json").write_text(json.dumps(config))
    assert "the model that it was to begin with has changed" in refused(train("--resume", young))


def test_models_that_hardly_fit_are_refused(tiny_run, tmp_path):
    line = refused(train("--from", tiny_run, "--network", "dcgan", "--logs", tmp_path / "logs"))
    assert "cannot be gone on from: its network is lean_generator, and that of this run dcgan_generator" in line
    assert not (tmp_path / "logs").exists()
