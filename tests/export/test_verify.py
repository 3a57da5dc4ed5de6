"""The check of an export, in processes that have none of our code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import refused, run, succeed

from aigc_tf import verify_export
from aigc_tf.checkpoints import load_model
from aigc_tf.modalities.png import encode, text_chunk

TEXT = text_chunk("Source", "a test")


@pytest.fixture
def verify(capsys):
    """The faults and notes that the check prints."""

    def check(folder: Path, *expected: Path) -> list[str]:
        capsys.readouterr()
        status = verify_export.main([str(folder), *map(str, expected)])
        lines = capsys.readouterr().out.splitlines()
        if status == 0:
            assert lines.pop().startswith("answers sha256:")
        assert (status == 1) == any(not line.startswith("note: ") for line in lines)
        return lines

    return check


def save(folder: Path, module: tf.Module, **signatures) -> Path:
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def test_the_command(published):
    said = succeed(run("-m", "aigc_tf", "verify", published, fresh=True))
    assert f"{published} is sound; answers sha256:" in said
    (published / "variables" / "variables.index").unlink()
    done = run("-m", "aigc_tf", "verify", published)
    assert done.returncode == 1 and done.stdout == "variables/variables.index is missing\n"
    assert "is no SavedModel" in refused(run("-m", "aigc_tf", "verify", published.parent))
    assert "does not exist" in refused(run("-m", "aigc_tf", "verify", published / "absent"))


def test_the_models_own_pixels(trained, published, tmp_path, verify):
    seeds = np.arange(3)
    image = load_model(trained).sample(tf.constant(seeds, tf.int64)).numpy()
    np.savez(tmp_path / "right.npz", seed=seeds.astype(np.int64), image=image)
    np.savez(tmp_path / "wrong.npz", seed=seeds.astype(np.int64), image=np.clip(image + 0.001, -1, 1))
    assert verify(published, tmp_path / "right.npz") == []
    assert any("differ from the model's own" in fault for fault in verify(published, tmp_path / "wrong.npz"))


def test_damaged_weights_are_found(published, verify):
    (data,) = published.glob("variables/variables.data*")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    (fault,) = verify(published)
    assert "variables cannot be read" in fault
    data.unlink()
    (fault,) = verify(published)
    assert "variables cannot be read" in fault


def test_forbidden_operations_are_found(tmp_path, verify):
    module = tf.Module()
    seeds = tf.TensorSpec([None], tf.int64, name="seed")

    @tf.function(input_signature=[seeds])
    def stateful(seed):
        return {"image": tf.random.normal([tf.size(seed), 8, 8, 1], seed=1)}

    @tf.function(input_signature=[seeds], jit_compile=True)
    def compiled(seed):
        return {"image": tf.cast(seed, tf.float32)}

    @tf.function(input_signature=[seeds])
    def python(seed):
        return {"image": tf.numpy_function(lambda rows: rows, [seed], tf.int64)}

    module.weight = tf.Variable(1.0)
    faults = verify(save(tmp_path / "1", module, stateful=stateful, compiled=compiled, python=python))
    assert any("RandomStandardNormal draws random numbers" in fault for fault in faults)
    assert any("XLA" in fault for fault in faults)
    assert any("PyFunc calls Python" in fault for fault in faults)


def test_operations_of_addons_are_found(tmp_path, verify):
    from tensorflow_addons.image import connected_components

    module = tf.Module()
    module.weight = tf.Variable(1.0)

    @tf.function(input_signature=[tf.TensorSpec([8, 8], tf.bool, name="image")])
    def label(image):
        return {"logit": connected_components(image)}

    # A process without Addons cannot even load it; the graph is read before that.
    faults = verify(save(tmp_path / "1", module, label=label))
    assert any("Addons>" in fault and "is not part of TensorFlow" in fault for fault in faults)


def test_an_export_that_reaches_out_is_not_loaded(tmp_path):
    """Loading runs what a variable begins with, in a foreign export whatever its author likes."""
    module, sign = tf.Module(), tmp_path / "sign"

    class Deed(tf.saved_model.experimental.TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.string)

        def _initialize(self):
            tf.io.write_file(str(sign), "it ran")

    module.deed = Deed()
    module.weight = tf.Variable(1.0)
    folder = save(tmp_path / "1", module)
    assert module.deed.resource_handle is not None
    sign.unlink(missing_ok=True)
    done = run("-m", "aigc_tf", "verify", folder)
    assert done.returncode == 1 and "danger: operation WriteFile writes files" in done.stdout, done.stdout + done.stderr
    assert "nothing of it was loaded" in done.stdout
    assert not sign.exists()
    tf.saved_model.load(str(folder))
    assert sign.read_text() == "it ran"  # so it would have run


@pytest.fixture
def faults_of(tmp_path, verify):
    """The faults of an export that keeps all promises but those that are told."""

    def check(**wrong) -> list[str]:
        seeds, rows = tf.TensorSpec([None], tf.int64, name="seed"), tf.TensorSpec([None], tf.float32, name="truncation")
        pictures = tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image")
        latents = tf.TensorSpec([None, 4], tf.float32, name="latent")

        def images(seed):
            made = tf.cast(seed[:, None, None, None] % 251, tf.float32) / 255 * tf.ones([8, 8, 1])
            return wrong.get("images", lambda images: images)(made)

        truncate = wrong.get("truncate", clip)

        def png(images):
            return {"image_bytes": encode(tf.cast(tf.round(images * 255), tf.uint8), wrong.get("text", TEXT))}

        signatures = {
            "serving_default": tf.function(lambda seed: png(images(seed)), input_signature=[seeds]),
            "truncated": tf.function(
                lambda seed, truncation: png(images(seed) * truncate(truncation)[:, None, None, None]),
                input_signature=[seeds, rows],
            ),
            "sample": tf.function(lambda seed: {"image": images(seed)}, input_signature=[seeds]),
            "decode": tf.function(lambda latent: {"image": latent[:, :1, None, None] * tf.ones([8, 8, 1])}, [latents]),
            "discriminate": tf.function(lambda image: {"logit": tf.reduce_sum(image, [1, 2, 3])}, [pictures]),
        }
        module = tf.Module()
        module.weight = tf.Variable(wrong.get("weight", 1.0))
        kept = {name: function for name, function in signatures.items() if name != wrong.get("without")}
        return verify(save(tmp_path / "1", module, **kept))

    return check


def clip(truncation):
    return tf.clip_by_value(tf.where(tf.math.is_nan(truncation), 1.0, truncation), 0.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({}, None),
        ({"without": "truncated"}, "signatures are"),
        ({"images": lambda images: images * 2}, "expected finite ones from 0 to 1"),
        ({"images": lambda images: images / 0}, "expected finite ones from 0 to 1"),
        ({"images": lambda images: images / tf.reduce_max(images + 1e-6)}, "^serving_default: .* in batches of 1"),
        ({"images": lambda images: tf.reverse(images, [0])}, "^serving_default: .* in batches of 1"),
        ({"text": b""}, "do not say that they are generated"),
        ({"truncate": lambda truncation: truncation}, "truncated: "),
        ({"weight": float("nan")}, "weight .* is not finite"),
    ],
)
def test_each_broken_promise_is_found(faults_of, wrong, fault):
    faults = faults_of(**wrong)
    if fault is None:
        assert faults == []
    else:
        assert any(re.search(fault, found) for found in faults), faults


def test_one_level_in_a_pixel_is_noted_and_no_fault(faults_of):
    """As of a network whose kernels add the rows of a batch in unlike orders, just where rounding shows it."""

    def last_row_otherwise(images):
        last = tf.range(tf.shape(images)[0])[:, None, None, None] == tf.shape(images)[0] - 1
        return tf.minimum(tf.where(last, images + 1 / 255, images), 1.0)

    lines = faults_of(images=last_row_otherwise)
    assert lines and all(re.match("note: serving_default: .* by 1 of 255 levels in a pixel", line) for line in lines)
