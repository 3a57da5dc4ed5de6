"""The check of an export, in processes that have none of our code."""

from __future__ import annotations

import re
from pathlib import Path

import conditional
import numpy as np
import pytest
import tensorflow as tf
from commands import refused, run, succeed
from lanes import WITH_ADDONS

from aigc_tf import contract, verification, verify_export
from aigc_tf.checkpoints import load_model
from aigc_tf.modalities import MODALITIES
from aigc_tf.modalities.image import levels
from aigc_tf.modalities.image.graph import encode


@pytest.fixture
def verify(capsys, tmp_path):
    """The faults and notes that the check prints."""

    def check(folder: Path, *expected: Path) -> list[str]:
        capsys.readouterr()
        promised = tmp_path / "contract.json"
        promised.write_text(contract.of_export(folder).to_json())
        status = verify_export.main([str(folder), str(promised), *map(str, expected)])
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
    image = (load_model(trained).sample(tf.constant(seeds, tf.int64)).numpy() + 1) / 2
    np.savez(tmp_path / "right.npz", seed=seeds.astype(np.int64), image=image)
    np.savez(tmp_path / "wrong.npz", seed=seeds.astype(np.int64), image=np.clip(image + 0.0005, 0, 1))
    assert verify(published, tmp_path / "right.npz") == []
    assert any("differs from the model's own" in fault for fault in verify(published, tmp_path / "wrong.npz"))


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


@WITH_ADDONS
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
            return {"image_bytes": encode(tf.cast(tf.round(images * 255), tf.uint8), wrong.get("text", "a test"))}

        signatures = {
            "serving_default": tf.function(lambda seed: png(images(seed)), input_signature=[seeds]),
            "truncated": tf.function(
                lambda seed, truncation: png(images(seed) * truncate(truncation)[:, None, None, None]),
                input_signature=[seeds, rows],
            ),
            "sample": tf.function(lambda seed: {"image": images(seed)}, input_signature=[seeds]),
            "decode": tf.function(
                lambda latent: {"image": tf.sigmoid(latent[:, :1, None, None]) * tf.ones([8, 8, 1])}, [latents]
            ),
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
        ({"without": "sample"}, "signatures are"),
        ({"images": lambda images: images * 2}, "expected finite numbers from 0.0 to 1.0"),
        ({"images": lambda images: images / 0}, "expected finite numbers from 0.0 to 1.0"),
        ({"images": lambda images: images / tf.reduce_max(images + 1e-6)}, "^serving_default: .* in batches of 1"),
        ({"images": lambda images: tf.reverse(images, [0])}, "^serving_default: .* in batches of 1"),
        ({"text": ""}, "do not say that they are generated"),
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
    assert lines and all(re.match("note: serving_default: .* by 1 of 255 levels at most", line) for line in lines)


def test_an_export_with_classes_keeps_its_contract(tmp_path, verify):
    folder = conditional.export(tmp_path / "1")
    assert verify(folder) == []
    assert "is sound" in succeed(run("-m", "aigc_tf", "verify", folder))
    rows = {"seed": np.array([3, 4]), "label": np.array([1, -1])}
    image = np.zeros([2, 8, 8, 1], np.float32) + np.array([60, 97], np.float32)[:, None, None, None] / 255
    np.savez(tmp_path / "unlike.npz", **rows, image=image)  # as if no class were asked for
    image[0, 2], image[1, 0] = 1, 1
    np.savez(tmp_path / "like.npz", **rows, image=image)
    assert verify(folder, tmp_path / "like.npz") == []
    (fault,) = verify(folder, tmp_path / "unlike.npz")
    assert "sample: image differs from the model's own" in fault


def of_company(image: tf.Tensor) -> tf.Tensor:
    return tf.cond(tf.shape(image)[0] > 1, lambda: image, lambda: image / 2)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"label": lambda label: label}, "^serving_default: label .* does not count as -1"),
        ({"label": lambda label: tf.clip_by_value(label, 0, 2)}, "^rate: label .* does not count as -1"),
        ({"strength": lambda given, kept: given}, "^strong: truncation 3.0 does not count as 2.0"),
        ({"strength": lambda given, kept: tf.minimum(kept, 1)}, None),
        ({"strength": lambda given, kept: kept + 0.25}, "^strong: at truncation 1.0 .* than serving_default"),
        ({"strength": lambda given, kept: kept * 0 + 1}, "^strong: at truncation 0 seeds have more than one answer"),
        ({"strength": lambda given, kept: tf.where(tf.math.is_nan(given), 0.0, kept)}, "nan does not count as 1.0"),
        ({"image": of_company}, "^serving_default: .* in batches of 1"),
        ({"image": lambda image: tf.where(tf.shape(image)[0] == 12, image, image / 2)}, "^strong: .* in batches of 1"),
        ({"image": lambda image: image * 3}, "^sample: image from .* from 0.0 to 1.0"),
        ({"rating": lambda rating: rating / 0}, "^rate: rating from .*inf.* expected finite numbers"),
        ({"rating": lambda rating: rating[:1]}, "^rate: 12 rows gave rating of shape"),
        ({"origin": "made by"}, "^serving_default: files do not say that they are made by hand"),
        ({"told": "another text"}, "^contract: it tells another contract"),
        ({"more": {"rate": None}}, "^signatures are .*, expected .*'rate'"),
        ({"promised": conditional.changed("sample", outputs={"image": contract.Tensor("float32", (9, 8, 1))})}, "rows"),
        ({"promised": conditional.changed("rate", outputs={"rating": contract.Tensor("float64")})}, "^rate: outputs"),
        ({"promised": conditional.changed("rate", outputs={"score": contract.Tensor("float32")})}, "^rate: outputs"),
        ({"promised": conditional.changed("mix", row_exact=True), "image": of_company}, "^mix: .* in batches of 1"),
        ({"promised": conditional.with_drawing()}, "^mix makes something else of what drawn gives for a seed"),
    ],
)
def test_each_broken_promise_of_a_contract_is_found(tmp_path, verify, wrong, fault):
    faults = verify(conditional.export(tmp_path / "1", **wrong))
    if fault is None:
        assert faults == []
    else:
        assert any(re.search(fault, found) for found in faults), faults


def test_files_of_an_unknown_kind_must_be_the_same_bytes(tmp_path, verify, monkeypatch):
    def last_row_otherwise(images):
        last = tf.range(tf.shape(images)[0])[:, None, None, None] == tf.shape(images)[0] - 1
        return tf.minimum(tf.where(last, images + 1 / 255, images), 1.0)

    folder = conditional.export(tmp_path / "1", image=last_row_otherwise)
    assert all(line.startswith("note: ") for line in verify(folder))
    monkeypatch.setattr(verify_export, "levels_of", lambda content: None)
    (fault, *_) = verify(folder)
    assert re.fullmatch("serving_default: .* answers differ in another order", fault)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("\xff", "cannot read"),
        (conditional.PROMISED.to_json().replace('"sample"', '"simple"'), "no signature sample"),
        (conditional.PROMISED.to_json().replace('"default": -1,', ""), "has no bounds or no default"),
        (conditional.PROMISED.to_json().replace('"same_as": "serving_default"', '"same_as": "rate"'), "same as rate"),
        (conditional.PROMISED.to_json().replace('"float32"', '"float31"'), "float31"),
        (conditional.PROMISED.to_json().replace('"image",', '"../image",', 1), "'../image' is not one of"),
    ],
)
def test_a_damaged_contract_is_a_fault_in_a_sentence(published, text, said):
    (published / contract.FILE).write_bytes(text.encode("latin-1"))
    (fault,) = verification.verify(published).faults
    assert said in fault and "\n" not in fault


def test_levels_are_of_the_kind_of_file_that_images_have():
    assert MODALITIES["image"].file == levels.FILE
