"""Publishing, and what a published export carries and answers."""

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
from commands import ROOT, refused, run, succeed

from aigc_tf import export
from aigc_tf.checkpoints import load_model
from aigc_tf.errors import UserError
from aigc_tf.export import contents, publishing


def test_it_carries_what_belongs_to_it(trained, published):
    extra = published / "assets.extra"
    card = json.loads((extra / "model_card.json").read_text())
    assert card["data"]["licence"] and card["data"]["fingerprint"].startswith("sha256:")
    assert card["fingerprint"] == load_model(trained).fingerprint() and card["step"] == 12
    offered = {"contract", "decode", "discriminate", "latent", "sample", "serving_default", "truncated"}
    assert set(card["signatures"]) == offered and card["signatures"] == sorted(offered)
    assert card["recipe"]["network"] == json.loads((extra / "config.json").read_text())["network"] == "dcgan"
    assert card["intended_use"] and card["limits"]
    assert sorted(path.name for path in published.parent.iterdir()) == ["1"]


def test_warm_up_requests_are_answerable(published, loaded):
    from tensorflow_serving.apis import prediction_log_pb2

    records = tf.data.TFRecordDataset(str(published / "assets.extra" / "tf_serving_warmup_requests"))
    sizes = []
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        sizes.append(len(loaded.signatures[request.model_spec.signature_name](**inputs)["image_bytes"]))
    assert sizes == [1, 8, 64]


def test_the_newest_evaluation_goes_with_it(trained, tmp_path):
    copy = type(trained).open(Path(shutil.copytree(trained.path, tmp_path / "run")))
    model = load_model(copy)
    record = {"subject": {"fingerprint": model.fingerprint()}, "measures": {"fd_lenet": {"value": 7.5}}}

    def evaluation(name: str, judged: str) -> dict | None:
        copy.evaluation_file(12).write_text(judged)
        (tmp_path / name).mkdir()
        contents.write(model, copy, "digits", tmp_path / name)
        return json.loads((tmp_path / name / "assets.extra" / "model_card.json").read_text())["evaluation"]

    assert evaluation("own", json.dumps(record)) == record
    assert evaluation("of other weights", json.dumps({**record, "subject": {"fingerprint": "sha256:0"}})) is None
    assert evaluation("damaged", "[") is None


def test_versions_count_up_and_nothing_is_overwritten(trained, tmp_path):
    first = Path(succeed(run("-m", "aigc_tf", "export", trained.path, "--to", tmp_path / "digits")).splitlines()[-1])
    assert first == tmp_path / "digits" / "1"
    (tmp_path / "digits" / "7").mkdir()
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    second = export.publish(trained, tmp_path / "digits")
    assert second == tmp_path / "digits" / "8"
    assert before == {path: path.stat().st_mtime_ns for path in first.rglob("*")}

    # A new publish of one run answers with the very same bytes.
    seeds = tf.constant([3, -3], tf.int64)
    answers = [
        tf.saved_model.load(str(folder)).signatures["serving_default"](seed=seeds)["image_bytes"].numpy().tolist()
        for folder in (first, second)
    ]
    assert answers[0] == answers[1]


# Reads all below its working directory as another user, who may come no other way.
READER = """
import os, sys
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
read = 0
for folder, folders, files in os.walk(".", onerror=print):
    for file in files:
        read += len(open(os.path.join(folder, file), "rb").read()) > 0
print(read)
"""


def test_a_server_of_another_user_can_read_it_whatever_the_umask(trained, tmp_path):
    tmp_path.chmod(0o755)
    models = tmp_path / "models"
    succeed(run("-m", "aigc_tf", "export", trained.path, "--to", models / "digits", "--label", "stable", umask=0o077))
    paths = [path for path in (models, *models.rglob("*"))]
    modes = {path: path.stat().st_mode & 0o777 for path in paths}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o755}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o644}
    done = subprocess.run([sys.executable, "-c", READER], cwd=models, capture_output=True, text=True)
    assert done.stdout == f"{sum(path.is_file() for path in paths)}\n", done.stderr

    (models / "models.config").chmod(0o664)
    succeed(run("-m", "aigc_tf", "label", models / "digits", "canary", "--version", 1, umask=0o077))
    assert (models / "models.config").stat().st_mode & 0o777 == 0o664


def test_two_publishers_never_share_a_number(trained, tmp_path):
    """A poller that looks as TensorFlow Serving does, while two publishers race."""
    base = tmp_path / "digits"
    parts = ("saved_model.pb", "variables/variables.index", "assets.extra/tf_serving_warmup_requests")
    seen, stop = [], threading.Event()

    def poll() -> None:
        while not stop.is_set():
            for child in base.iterdir() if base.exists() else []:
                if child.name.isdecimal():
                    seen.append(all((child / part).exists() for part in parts))
            time.sleep(0.001)

    poller = threading.Thread(target=poll)
    poller.start()
    command = [sys.executable, "-m", "aigc_tf", "export", str(trained.path), "--to", str(base)]
    publishers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [publisher.communicate()[0].splitlines()[-1] for publisher in publishers]
    stop.set()
    poller.join()
    assert sorted(Path(output).name for output in outputs) == ["1", "2"]
    assert seen and all(seen)
    assert sorted(child.name for child in base.iterdir()) == ["1", "2"]


def test_a_killed_export_leaves_no_version_and_is_cleaned_up(trained, tmp_path):
    base = tmp_path / "digits"
    command = [sys.executable, "-m", "aigc_tf", "export", str(trained.path), "--to", str(base)]
    publisher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not list(base.glob("building-*/assets.extra/tf_serving_warmup_requests")):
        assert publisher.poll() is None, "ended too early"
        time.sleep(0.002)
    publisher.kill()
    publisher.wait()
    assert [child.name for child in base.iterdir() if child.name.isdecimal()] == []
    with publishing.versions.building(base) as folder:
        assert list(base.iterdir()) == [folder]


def test_a_failed_check_publishes_nothing(trained, tmp_path, monkeypatch):
    """A generator that makes NaN is caught by the fresh process; the base path stays clean."""

    def broken(run_folder, step=None):
        model = load_model(run_folder, step)
        model.ema_generator.weights[0].assign(np.nan * model.ema_generator.weights[0])
        return model

    monkeypatch.setattr(publishing, "load_model", broken)
    with pytest.raises(export.ExportError, match="finite"):
        export.publish(trained, tmp_path / "digits")
    assert list((tmp_path / "digits").iterdir()) == []


def test_a_run_without_that_checkpoint(trained):
    with pytest.raises(UserError, match="no checkpoint of step 99; it has 0, 10, 12"):
        export.publish(trained, step=99)
    assert "has no checkpoint of step 99" in refused(run("-m", "aigc_tf", "export", trained.path, "--step", 99))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--label", "stable"], "go with --to"),
        (["--to", "models/digits", "--server", "127.0.0.1:8501"], "--server goes with --label"),
        (["--to", "models/digits", "--label", "stable", "--server", "here"], "is no HOST:PORT"),
        (["--to", "models/digits", "--label", "canary"], "no stable version beside which"),
    ],
)
def test_flags_that_make_no_sense_together(trained, tmp_path, flags, message):
    flags = [flag.replace("models/", f"{tmp_path}/") for flag in flags]
    assert message in refused(run("-m", "aigc_tf", "export", trained.path, *flags))
    assert list(tmp_path.iterdir()) == []
