"""Extractors from Keras files and SavedModels, and every file that is none."""

import json
import re
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.errors import UserError
from aigc_tf.metrics import keras_file
from aigc_tf.metrics.extractor import observe
from aigc_tf.metrics.extractors import load_extractor

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
layers = tf.keras.layers
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (5, 12, 10, 3), dtype=np.uint8)
GREY = RANDOM.integers(0, 256, (5, 12, 10, 1), dtype=np.uint8)
KERNEL = RANDOM.normal(size=(3, 4)).astype(np.float32)


def projection(height: int | None = None, width: int | None = None, name: str = "projection") -> tf.keras.Model:
    """A 1x1 convolution to four maps: its mean over the places is the mean colour times KERNEL."""
    images = layers.Input((height, width, 3))
    convolution = layers.Conv2D(4, 1, use_bias=False, name=name)
    model = tf.keras.Model(images, convolution(images))
    convolution.set_weights([KERNEL[None, None]])
    return model


def scaled(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 127.5 - 1


def load(path, shape=(12, 10, 3)):
    return keras_file.load(path, shape, lambda line: None)


@pytest.mark.parametrize("form", ["model.keras", "model.h5", "folder"])
def test_every_form_sees_the_same(form, tmp_path):
    path = tmp_path / form
    projection().save(path)
    lines: list[str] = []
    data = type("Images", (), {"spec": type("Spec", (), {"image_shape": (12, 10, 3)})})
    extractor = load_extractor(str(path), "some", data, None, lines.append)
    assert len(lines) == 1 and "a model file is a program" in lines[0]
    assert extractor.name == form and extractor.short == f"custom_{form.split('.')[0]}"
    assert extractor.resizer == "none" and extractor.held_out_accuracy is None and extractor.num_features == 4
    seen = observe(extractor, IMAGES)
    assert seen.features.dtype == np.float32 and seen.probabilities is None
    np.testing.assert_allclose(seen.features, scaled(IMAGES).mean(axis=(1, 2)) @ KERNEL, rtol=1e-4, atol=1e-5)


def test_the_hash_is_of_every_byte_of_file_or_folder(tmp_path):
    hashes = set()
    for name in ("a.h5", "folder"):
        projection().save(tmp_path / name)
        hashes.add(load(tmp_path / name).hash)
        hashes.add(load(tmp_path / name).hash)
    assert len(hashes) == 2 and all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes)
    (tmp_path / "folder" / "assets" / "note.txt").write_text("another file")
    assert load(tmp_path / "folder").hash not in hashes


def test_grey_images_are_repeated_and_other_channels_refused(tmp_path):
    projection().save(tmp_path / "model.keras")
    seen = observe(load(tmp_path / "model.keras", (12, 10, 1)), GREY)
    expected = np.repeat(scaled(GREY), 3, axis=3).mean(axis=(1, 2)) @ KERNEL
    np.testing.assert_allclose(seen.features, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="wants images of 3 channels, these have 4"):
        load(tmp_path / "model.keras", (12, 10, 4))


def test_images_of_another_size_are_resized_with_antialiasing_and_that_is_recorded(tmp_path):
    model = projection(6, 20)
    model = tf.keras.Model(model.inputs, layers.Flatten()(model.output))
    model.save(tmp_path / "Fixed Size-1.keras")
    extractor = load(tmp_path / "Fixed Size-1.keras")
    assert extractor.resizer == "bilinear 6x20, antialiased" and extractor.num_features == 6 * 20 * 4
    assert extractor.short == "custom_fixed_size_1"
    expected = tf.image.resize(scaled(IMAGES), (6, 20), "bilinear", antialias=True).numpy() @ KERNEL
    np.testing.assert_allclose(observe(extractor, IMAGES).features, expected.reshape(5, -1), rtol=1e-4, atol=1e-5)


def test_of_several_outputs_the_one_called_features_is_taken(tmp_path):
    images = layers.Input((12, 10, 3))
    pooled = layers.GlobalAveragePooling2D(name="features")(images)
    both = tf.keras.Model(images, [layers.Dense(2, name="logits")(pooled), pooled])
    both.save(tmp_path / "both.keras")
    both.export(tmp_path / "exported")
    seen = observe(load(tmp_path / "both.keras"), IMAGES)
    np.testing.assert_allclose(seen.features, scaled(IMAGES).mean(axis=(1, 2)), atol=1e-5)
    with pytest.raises(UserError, match="has the outputs output_0, output_1: expected a single one, or one called"):
        load(tmp_path / "exported")


def two_inputs() -> tf.keras.Model:
    inputs = [layers.Input((12, 10, 3)), layers.Input((12, 10, 3))]
    return tf.keras.Model(inputs, layers.Add()(inputs))


def of_vectors() -> tf.keras.Model:
    vectors = layers.Input((12,))
    return tf.keras.Model(vectors, layers.Dense(2)(vectors))


def of_large_images() -> tf.keras.Model:
    images = layers.Input((None, None, 3))
    return tf.keras.Model(images, layers.MaxPool2D(100)(images))


def with_lambda() -> tf.keras.Model:
    images = layers.Input((12, 10, 3))
    inner = tf.keras.Sequential([layers.Lambda(lambda x: x * 2.0, name="hidden")])
    return tf.keras.Model(images, inner(images))


DOUBTFUL = {
    "two inputs": (two_inputs, "has 2 inputs: expected one"),
    "vectors": (of_vectors, r"takes an input of shape \[None, 12\]: expected \[N, H, W, C\]"),
    "large images": (of_large_images, r"cannot look at images of \(12, 10, 3\)"),
    "lambda": (with_lambda, "was not loaded: holds 1 Lambda: Keras would run the Python code in it"),
}


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("name", DOUBTFUL)
def test_networks_that_cannot_be_extractors_are_refused(name, form, tmp_path):
    path = tmp_path / f"model.{form}"
    build, said = DOUBTFUL[name]
    build().save(path)
    with pytest.raises(UserError, match=said) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_class_from_outside_keras_is_refused_before_it_is_imported(tmp_path):
    projection().save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    config["config"]["layers"][1].update(module="this", class_name="anything")
    with zipfile.ZipFile(tmp_path / "evil.keras", "w") as archive:
        for name, content in {**files, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)
    with pytest.raises(UserError, match="was not loaded: imports this.anything"):
        load(tmp_path / "evil.keras")


def test_what_is_no_model_is_one_clear_error(tmp_path):
    model = projection()
    model.save(tmp_path / "whole.keras")
    model.save(tmp_path / "whole.h5")
    model.save_weights(tmp_path / "weights.h5")
    half_keras, half_h5 = ((tmp_path / name).read_bytes()[:2000] for name in ("whole.keras", "whole.h5"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"hello")
    for name, content in {"half.keras": half_keras, "half.h5": half_h5, "empty.keras": b"", "text.h5": b"hi"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name} (is no model|is a damaged HDF5 file)") as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="broken.*(damaged|no SavedModel)"):
        load(tmp_path / "broken")
    with pytest.raises(UserError, match="holds weights without their network"):
        load(tmp_path / "weights.h5")
    with pytest.raises(UserError, match="does not exist: give lenet, filters, inception, or the path"):
        load(tmp_path / "none.keras")
    (tmp_path / "picture.png").touch()
    for name in ("picture.png", "."):
        with pytest.raises(UserError, match=r"is no model: expected a file \.keras or \.h5, or a folder"):
            load(tmp_path / name)


class Signed(tf.Module):
    """A module for signatures of every kind."""

    def __init__(self):
        self.kernel = tf.Variable(KERNEL)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "pixels")])
    def features(self, pixels):
        return {"features": tf.reduce_mean(pixels, [1, 2]) @ self.kernel, "mean": tf.reduce_mean(pixels, [1, 2, 3])}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "pixels")])
    def of_bytes(self, pixels):
        return {"features": tf.cast(pixels, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "pixels")])
    def one_row(self, pixels):
        return {"features": tf.reduce_mean(pixels, [0, 1, 2])[None]}


def test_signatures_of_saved_models(tmp_path):
    module = Signed()
    for name, signatures in {
        "good": {"serving_default": module.features},
        "unsigned": {"other": module.features},
        "of_bytes": {"serving_default": module.of_bytes},
        "one_row": {"serving_default": module.one_row},
    }.items():
        tf.saved_model.save(module, str(tmp_path / name), signatures)
    seen = observe(load(tmp_path / "good"), IMAGES)
    np.testing.assert_allclose(seen.features, scaled(IMAGES).mean(axis=(1, 2)) @ KERNEL, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="lacks the signature serving_default"):
        load(tmp_path / "unsigned")
    with pytest.raises(UserError, match="takes pixels uint8: expected one float32 input"):
        load(tmp_path / "of_bytes")
    with pytest.raises(UserError, match="gives 1 rows for 2 images"):
        load(tmp_path / "one_row")
