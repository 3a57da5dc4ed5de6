"""A model from a file of the user's own as feature extractor: `.keras`, `.h5`, or the folder of a SavedModel.

The convention: the model has one input of rank 4, channels last, and is given float32 in [-1, 1], the form in which our
own networks see images (a model for [0, 1] or [0, 255] begins with a Rescaling layer). Where the model fixes height or
width and the images have another, they are resized bilinearly with antialiasing, as TensorFlow 2 does it: without it, a
shrunk image holds patterns that the original does not (Parmar et al. 2022, "On Aliased Resizing and Surprising
Subtleties in GAN Evaluation", https://arxiv.org/abs/2104.11222). Grey images are repeated for a model that wants three
channels. Features are the output, flattened; an output of rank 4 is first averaged over its height and width. Of
several outputs the one called "features" is taken.

A model file is a program. It is looked into first (`aigc_tf.untrusted`), and refused where it would do more than
compute, but that is no guarantee: load only files of somebody you trust.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import tensorflow as tf

from aigc_tf import untrusted
from aigc_tf.errors import UserError
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor
from aigc_tf.paths import plain

_BATCH = 100


def load(path: Path, image_shape: tuple[int, int, int], announce: Callable[[str], None] = print) -> Extractor:
    """The model in `path` as an extractor of features float32 [N, D] for images of `image_shape` (H, W, C).

    Its figures end in `custom_<name of the file>`, its hash is of the bytes of the file, or of names and bytes of all
    files in the folder. `announce` is told that the file is a program. Raises UserError for a path that is missing or
    holds no model that follows the convention above.
    """
    if not path.exists():
        raise UserError(
            f"--extractor {path} does not exist: give lenet, filters, inception, or the path of a Keras model (.keras, "
            ".h5) or of a SavedModel's folder"
        )
    if not (path / "saved_model.pb").is_file() and path.suffix not in (".keras", ".h5"):
        raise UserError(
            f"--extractor {path} is no model: expected a file .keras or .h5, or a folder that holds saved_model.pb"
        )
    dangers = untrusted.inspect(path).dangers
    if dangers:
        raise UserError(f"--extractor {path} was not loaded: {'; '.join(dangers)}")
    announce(f"Loading {path}: a model file is a program, so use only one from somebody you trust")
    try:
        model, input_shape = _saved_model(path) if path.is_dir() else _keras_model(path)
    except UserError:
        raise
    except Exception as error:  # whatever a loader trips over in a file that is damaged or none of its own
        raise UserError(f"--extractor {path} cannot be loaded ({_first_line(error)}): is it a whole model?") from error
    prepare, resizer = _preparation(path, input_shape, image_shape)

    @tf.function(input_signature=[tf.TensorSpec([None, *image_shape], tf.uint8)])
    def see(images: tf.Tensor) -> tf.Tensor:
        seen = tf.cast(model(prepare(images)), tf.float32)
        if seen.shape.rank == 4:
            seen = tf.reduce_mean(seen, axis=[1, 2])
        return tf.reshape(seen, [tf.shape(seen)[0], -1])

    try:
        tried = see(tf.zeros([2, *image_shape], tf.uint8))
    except Exception as error:  # the model's own code runs here
        raise UserError(
            f"--extractor {path} cannot look at images of {image_shape} ({_first_line(error)}): expected a model that "
            "takes a batch of them, float32 in [-1, 1]"
        ) from error
    if tried.shape[0] != 2:
        raise UserError(f"--extractor {path} gives {tried.shape[0]} rows for 2 images: expected one row an image")
    return Extractor(
        name=path.name,
        short=f"custom_{re.sub(r'[^0-9A-Za-z]+', '_', path.stem).strip('_').lower()}",
        hash=_hash(path),
        resizer=resizer,
        held_out_accuracy=None,
        num_features=int(tried.shape[1]),
        look=lambda images: Observations(see(tf.constant(images)).numpy()),
        batch_size=_BATCH,
    )


def _keras_model(path: Path) -> tuple[Callable[[tf.Tensor], tf.Tensor], list[int | None]]:
    """The model as a function to its features, and its input shape [None, H, W, C] (None where free)."""
    if path.suffix == ".h5":
        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise UserError(f"--extractor {path} holds weights without their network: save the whole model")
    model = tf.keras.models.load_model(path, compile=False, safe_mode=True)
    if len(model.inputs or ()) != 1:
        raise UserError(f"--extractor {path} has {len(model.inputs or ())} inputs: expected one, of images")
    name = _features(path, model.output_names)
    features = tf.keras.Model(model.inputs, model.outputs[model.output_names.index(name)])
    return lambda images: features(images, training=False), list(model.inputs[0].shape)


def _saved_model(path: Path) -> tuple[Callable[[tf.Tensor], tf.Tensor], list[int | None]]:
    """The same for `serving_default` of a SavedModel."""
    with plain(path) as readable:
        loaded = tf.saved_model.load(str(readable))
    if "serving_default" not in loaded.signatures:
        raise UserError(f"--extractor {path} lacks the signature serving_default, through which images are looked at")
    signature = loaded.signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    name = _features(path, sorted(signature.structured_outputs))
    if len(inputs) != 1 or next(iter(inputs.values())).dtype != tf.float32:
        given = ", ".join(f"{key} {spec.dtype.name}" for key, spec in inputs.items())
        raise UserError(f"--extractor {path} takes {given}: expected one float32 input, of images")
    ((key, spec),) = inputs.items()

    def features(images: tf.Tensor, keep: Any = loaded) -> tf.Tensor:
        del keep  # without the loaded object its variables are gone
        return signature(**{key: images})[name]

    return features, [None] * 4 if spec.shape.rank is None else spec.shape.as_list()


def _features(path: Path, outputs: list[str]) -> str:
    """The name of the output to look at."""
    if len(outputs) == 1:
        return outputs[0]
    if "features" not in outputs:
        raise UserError(
            f"--extractor {path} has the outputs {', '.join(outputs)}: expected a single one, or one called features"
        )
    return "features"


def _preparation(
    path: Path, input_shape: list[int | None], image_shape: tuple[int, int, int]
) -> tuple[Callable[[tf.Tensor], tf.Tensor], str]:
    """The way from uint8 images [N, H, W, C] to what the model wants, and what it does to their size in words."""
    if len(input_shape) != 4:
        raise UserError(f"--extractor {path} takes an input of shape {input_shape}: expected [N, H, W, C]")
    height, width, channels = image_shape
    wanted = (input_shape[1] or height, input_shape[2] or width)
    repeats = 3 if (channels, input_shape[3]) == (1, 3) else 1
    if input_shape[3] not in (None, channels * repeats):
        raise UserError(
            f"--extractor {path} wants images of {input_shape[3]} channels, these have {channels}: expected the same, "
            "or 3 for grey images"
        )

    def prepare(images: tf.Tensor) -> tf.Tensor:
        scaled = tf.cast(images, tf.float32) / 127.5 - 1.0
        if wanted != (height, width):
            scaled = tf.image.resize(scaled, wanted, "bilinear", antialias=True)
        return tf.repeat(scaled, repeats, axis=-1)

    return prepare, "none" if wanted == (height, width) else f"bilinear {wanted[0]}x{wanted[1]}, antialiased"


def _hash(path: Path) -> str:
    if path.is_file():
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
