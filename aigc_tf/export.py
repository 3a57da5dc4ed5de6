"""Publishes a model for TensorFlow Serving: whole or not at all, never over another version."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from aigc_tf import __version__
from aigc_tf.checkpoints import load_model
from aigc_tf.errors import UserError
from aigc_tf.models.generative_model import GenerativeModel
from aigc_tf.run_folder import RunFolder

_WARM_UP_BATCHES = (1, 8, 64)


class ExportError(RuntimeError):
    """An export does not do what it promises; nothing was published."""


def publish(run: RunFolder, base: Path | None = None, step: int | None = None) -> Path:
    """Publish the averaged generator of a run as the next version below `base` and return its folder.

    TensorFlow Serving takes up every folder with a number for a name as soon as it sees it, complete or not. So the
    export is built beside them under a name that is no number, checked in a fresh process, forced to the disk, and only
    then renamed to the next number.

    Args:
        run: the run to export.
        base: the model's base path, whose last part is the model's name; by default `export/<dataset>` in the run.
        step: the checkpoint; by default the newest.

    Raises:
        UserError: the run has no such checkpoint, or `base` cannot be written.
        ExportError: the written export failed its checks; nothing was published.
    """
    config = run.read_config()
    base = run.export / config.dataset if base is None else base
    name = base.resolve().name
    model = load_model(run, step)
    try:
        base.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix="building-", dir=base))
    except OSError as error:
        raise UserError(f"cannot export to {base}: {error.strerror}") from None
    try:
        _write(model, run, name, building)
        _verify(building, model)
        _force_to_disk(building)
        building.chmod(0o755)  # mkdtemp lets nobody else in, but the server is often somebody else
        version = _rename_to_next_version(building, base)
        _sync(base)
        return version
    except tf.errors.OpError as error:
        raise OSError(f"the export could not be written to {base}: {error.message}") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)


def versions(base: Path) -> list[int]:
    """Numbers of the versions published below `base`, ascending."""
    return sorted(int(child.name) for child in base.iterdir() if child.name.isdecimal())


def fingerprint(model: GenerativeModel) -> str:
    """Hash of the averaged generator's weights, "sha256:<64 hex digits>": it names the model that made an image."""
    digest = hashlib.sha256()
    for variable in model.ema_generator.variables:
        digest.update(variable.numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def _write(model: GenerativeModel, run: RunFolder, name: str, folder: Path) -> None:
    # Only weights are attached: with the Keras models themselves the export would carry all their Python structure.
    module = tf.Module()
    module.weights = [*model.ema_generator.variables, *model.discriminator.variables]
    tf.saved_model.save(module, str(folder), signatures=model.signatures())
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "model_card.json").write_text(json.dumps(_model_card(model, run, name), indent=2) + "\n")
    shutil.copy(run.config_file, extra / "config.json")
    _write_warm_up(name, extra / "tf_serving_warmup_requests")


def _model_card(model: GenerativeModel, run: RunFolder, name: str) -> dict[str, Any]:
    step = int(model.step.numpy())
    spec = model.spec
    evaluation = run.evaluation_file(step)
    height, width, channels = spec.image_shape
    return {
        "name": name,
        "step": step,
        "fingerprint": fingerprint(model),
        "made_by": f"aigc_tf {__version__}, TensorFlow {tf.__version__}",
        "makes": f"images of {height}x{width} pixels with {channels} channels, like its training data",
        "data": {
            "source": spec.source,
            "licence": spec.licence,
            "num_examples": spec.num_examples,
            "fingerprint": spec.fingerprint,
        },
        "recipe": json.loads(run.config_file.read_text()),
        "evaluation": json.loads(evaluation.read_text()) if evaluation.exists() else None,
        "intended_use": "teaching, experiments, and as a stand-in for images of this kind",
        "limits": "It shows what its training data show, with their gaps; single images can be malformed. Generated "
        "images are no evidence of anything, and the licence of the data applies to them where the law says so.",
    }


def _write_warm_up(name: str, path: Path) -> None:
    """Requests that TensorFlow Serving sends itself before a version counts as available."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for count in _WARM_UP_BATCHES:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=name, signature_name="serving_default"),
                inputs={"seed": tf.make_tensor_proto(np.arange(count, dtype=np.int64))},
            )
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def _verify(folder: Path, model: GenerativeModel) -> None:
    seeds = np.array([0, 1, 2**40], np.int64)
    with tempfile.TemporaryDirectory() as scratch:
        expected = Path(scratch) / "expected.npz"
        np.savez(expected, seed=seeds, image=model.sample(tf.constant(seeds)).numpy())
        script = Path(__file__).with_name("verify_export.py")
        # -I: neither the working directory nor the script's own can lend it our code.
        command = [sys.executable, "-I", str(script), str(folder.resolve()), str(expected)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=scratch)
    if done.returncode:
        faults = done.stdout.strip() or done.stderr.strip()[-2000:]
        raise ExportError(f"the export failed its checks and was not published:\n{faults}")


def _force_to_disk(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_to_next_version(building: Path, base: Path) -> Path:
    while True:
        target = base / str(max(versions(base), default=0) + 1)
        try:
            os.rename(building, target)  # fails on a folder that holds anything: somebody else was first
            return target
        except OSError:
            if not target.exists():
                raise
