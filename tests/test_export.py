"""Publishing, and what a published export does where none of our code is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import ROOT, TINY, refused, run, succeed, train

from aigc_tf import export
from aigc_tf.checkpoints import load_model
from aigc_tf.errors import UserError
from aigc_tf.run_folder import RunFolder

VERIFY = ROOT / "aigc_tf" / "verify_export.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> RunFolder:
    """A run that was trained, judged and published by one command."""
    logs = tmp_path_factory.mktemp("logs")
    done = train(*TINY, "--steps", 12, "--logs", logs, "--name", "run", "--network", "dcgan", "--spectral-norm")
    assert "published: " in succeed(done)
    return RunFolder.open(logs / "run")


@pytest.fixture
def published(trained, tmp_path) -> Path:
    """A copy of the version that the training published, to be damaged."""
    return Path(shutil.copytree(trained.export / "synthetic" / "1", tmp_path / "1"))


def verify(folder: Path, *expected: Path) -> list[str]:
    """The faults that the check finds, by running it as its user would."""
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFY), str(folder), *map(str, expected)],
        capture_output=True,
        text=True,
        cwd=folder.parent,
    )
    assert done.returncode == (1 if done.stdout else 0), done.stderr
    return done.stdout.splitlines()


def test_it_carries_what_belongs_to_it(published):
    extra = published / "assets.extra"
    card = json.loads((extra / "model_card.json").read_text())
    assert card["data"]["licence"] and card["data"]["fingerprint"].startswith("sha256:")
    assert card["fingerprint"].startswith("sha256:") and card["step"] == 12
    assert "fd_lenet" in card["evaluation"]["measures"]
    assert json.loads((extra / "config.json").read_text())["network"] == "dcgan"
    assert sorted(path.name for path in published.parent.iterdir()) == ["1"]


def test_warm_up_requests_are_answerable(published):
    from tensorflow_serving.apis import prediction_log_pb2

    records = tf.data.TFRecordDataset(str(published / "assets.extra" / "tf_serving_warmup_requests"))
    model = tf.saved_model.load(str(published))
    sizes = []
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        answer = model.signatures[request.model_spec.signature_name](**inputs)["image_bytes"]
        sizes.append(len(answer))
    assert sizes == [1, 8, 64]


def test_same_seed_same_pixels_as_the_run(trained, published):
    seeds = tf.constant([5, -1, 2**50, 5], tf.int64)
    own = load_model(trained).sample(seeds).numpy()
    assert np.abs(own[0] - own[1]).max() > 0
    model = tf.saved_model.load(str(published))
    served = model.signatures["sample"](seed=seeds)["image"].numpy()
    np.testing.assert_allclose(served, (own + 1) / 2, atol=1e-6)
    pngs = model.signatures["serving_default"](seed=seeds)["image_bytes"].numpy()
    assert pngs[0] == pngs[3]
    levels = np.stack([tf.io.decode_png(png).numpy() for png in pngs])
    np.testing.assert_allclose(levels, served * 255, atol=0.51)
    logits = model.signatures["discriminate"](image=tf.constant(served))["logit"].numpy()
    own_logits = load_model(trained).discriminator(own, training=False)[:, 0].numpy()
    np.testing.assert_allclose(logits, own_logits, atol=1e-4)


def test_a_sound_export_has_no_faults(published):
    assert verify(published) == []


def test_versions_count_up_and_nothing_is_overwritten(trained, tmp_path):
    first = Path(succeed(run("-m", "aigc_tf", "export", trained.path, "--to", tmp_path / "digits")).splitlines()[-1])
    assert first == tmp_path / "digits" / "1"
    (tmp_path / "digits" / "7").mkdir()
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    assert export.publish(trained, tmp_path / "digits") == tmp_path / "digits" / "8"
    assert before == {path: path.stat().st_mtime_ns for path in first.rglob("*")}


def test_nobody_ever_sees_half_a_version(trained, tmp_path):
    """A poller that looks as TensorFlow Serving does, while two publishers race."""
    base = tmp_path / "digits"
    seen, stop = [], threading.Event()

    def poll() -> None:
        while not stop.is_set():
            for child in base.iterdir() if base.exists() else []:
                if child.name.isdecimal():
                    parts = ("saved_model.pb", "variables/variables.index", "assets.extra/model_card.json")
                    seen.append((child.name, all((child / part).exists() for part in parts)))
            time.sleep(0.001)

    poller = threading.Thread(target=poll)
    poller.start()
    command = [sys.executable, "-m", "aigc_tf", "export", str(trained.path), "--to", str(base)]
    publishers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [publisher.communicate()[0].splitlines()[-1] for publisher in publishers]
    stop.set()
    poller.join()
    assert sorted(Path(output).name for output in outputs) == ["1", "2"]
    assert seen and all(whole for _, whole in seen)
    assert sorted(child.name for child in base.iterdir()) == ["1", "2"]


def test_a_failed_check_publishes_nothing(trained, tmp_path, monkeypatch):
    """A generator that makes NaN is caught by the fresh process; the base path stays clean."""

    def broken(run_folder, step=None):
        model = load_model(run_folder, step)
        model.ema_generator.weights[0].assign(np.nan * model.ema_generator.weights[0])
        return model

    monkeypatch.setattr(export, "load_model", broken)
    with pytest.raises(export.ExportError, match="finite"):
        export.publish(trained, tmp_path / "digits")
    assert list((tmp_path / "digits").iterdir()) == []


def test_missing_weights_are_found(published):
    (published / "variables" / "variables.index").unlink()
    done = subprocess.run([sys.executable, "-I", str(VERIFY), str(published)], capture_output=True)
    assert done.returncode != 0


def save(folder: Path, module: tf.Module, **signatures) -> Path:
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def test_forbidden_operations_are_found(tmp_path):
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="seed")])
    def stateful(seed):
        return {"image": tf.random.normal([tf.size(seed), 8, 8, 1], seed=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="seed")], jit_compile=True)
    def compiled(seed):
        return {"image": tf.cast(seed, tf.float32)}

    faults = verify(save(tmp_path / "1", module, stateful=stateful, compiled=compiled))
    assert any("RandomStandardNormal draws random numbers" in fault for fault in faults)
    assert any("XLA" in fault for fault in faults)
    assert any("signatures are" in fault for fault in faults)


def test_operations_of_addons_are_found(tmp_path):
    from tensorflow_addons.image import connected_components

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([8, 8], tf.bool, name="image")])
    def label(image):
        return {"logit": connected_components(image)}

    save(tmp_path / "1", module, label=label)
    # A process without Addons cannot even load it; the graph is read before that.
    done = subprocess.run([sys.executable, "-I", str(VERIFY), str(tmp_path / "1")], capture_output=True, text=True)
    assert done.returncode != 0
    assert "Addons>" in done.stdout + done.stderr


def test_wrong_pixels_are_found(trained, published, tmp_path):
    seeds = np.arange(3)
    image = load_model(trained).sample(tf.constant(seeds, tf.int64)).numpy()
    np.savez(tmp_path / "right.npz", seed=seeds.astype(np.int64), image=image)
    np.savez(tmp_path / "wrong.npz", seed=seeds.astype(np.int64), image=np.clip(image + 0.001, -1, 1))
    assert verify(published, tmp_path / "right.npz") == []
    assert any("differ from the model's own" in fault for fault in verify(published, tmp_path / "wrong.npz"))


def test_a_run_without_that_checkpoint(trained):
    with pytest.raises(UserError, match="no checkpoint of step 99; it has 0, 10, 12"):
        export.publish(trained, step=99)
    line = refused(run("-m", "aigc_tf", "export", trained.path, "--step", 99))
    assert "has no checkpoint of step 99" in line
