"""An export of another kind than ours, made by hand: classes beside the seed, and a contract that says so."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import tensorflow as tf

from aigc_tf import contract
from aigc_tf.contract import Contract, Signature, Tensor
from aigc_tf.modalities.image.graph import encode, to_stored

CLASSES = ("shirt/top", "sneaker", "bag")
ORIGIN = "made by hand"
SEED = Tensor("int64")
LABEL = Tensor("int64", (), 0, len(CLASSES) - 1, default=-1, beyond="default")
STRENGTH = Tensor("float32", (), 0.0, 2.0, default=1.0, beyond="clipped", fixed_at=0.0)
IMAGE = Tensor("float32", (8, 8, 1), 0.0, 1.0)
FILE = Tensor("string", file="png")
PROMISED = Contract(
    content="image",
    signatures={
        "serving_default": Signature(
            "files", {"seed": SEED, "label": LABEL}, {"image_bytes": FILE}, row_exact=True, shows="sample"
        ),
        "sample": Signature("content", {"seed": SEED, "label": LABEL}, {"image": IMAGE}),
        "strong": Signature(
            "files",
            {"seed": SEED, "label": LABEL, "truncation": STRENGTH},
            {"image_bytes": FILE},
            row_exact=True,
            same_as="serving_default",
        ),
        "mix": Signature("decode", {"vector": Tensor("float32", (5,)), "label": LABEL}, {"image": IMAGE}),
        "rate": Signature("score", {"image": IMAGE, "label": LABEL}, {"rating": Tensor("float32")}),
        "contract": Signature("contract", {"seed": SEED}, {"contract": Tensor("string")}, row_exact=True),
    },
    origin=ORIGIN,
    class_names=CLASSES,
)


def export(folder: Path, promised: Contract = PROMISED, **wrong: Any) -> Path:
    """Write a version that keeps PROMISED, but for what is given: `image`, `label`, `strength`, `rating` functions that
    spoil these, `origin`, `told` texts, and `more` or fewer (None) signatures. Its contract.json says `promised`."""
    text = promised.to_json()

    def sensible(label: tf.Tensor) -> tf.Tensor:
        return wrong.get("label", lambda rows: tf.where((rows >= 0) & (rows < len(CLASSES)), rows, -1))(label)

    def draw(shade: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        """Images [N, 8, 8, 1]: a shade, and a white line for the class."""
        line = tf.cast(tf.range(8, dtype=tf.int64) == sensible(label)[:, None] + 1, tf.float32)[:, :, None, None]
        return wrong.get("image", lambda image: image)(
            tf.maximum(shade[:, None, None, None] * tf.ones([8, 8, 1]), line)
        )

    def sampled(seed: tf.Tensor, label: tf.Tensor, strength: tf.Tensor | float = 1.0) -> tf.Tensor:
        return draw(tf.cast((seed * 37 + 50) % 101, tf.float32) / 255 * strength, label)

    def files(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image_bytes": encode(to_stored(images * 2 - 1), wrong.get("origin", ORIGIN))}

    def strength(given: tf.Tensor) -> tf.Tensor:
        kept = tf.clip_by_value(tf.where(tf.math.is_nan(given), 1.0, given), 0.0, 2.0)
        return wrong.get("strength", lambda given, kept: kept)(given, kept)

    def rate(image: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        rating = tf.reduce_sum(image, [1, 2, 3]) + tf.cast(sensible(label), tf.float32)
        return {"rating": wrong.get("rating", lambda rating: rating)(rating)}

    def drawn(seed: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        """Not what `mix` makes the seed's sample of."""
        return {
            "vector": tf.tile(tf.cast(seed % 3, tf.float32)[:, None], [1, 5]),
            "label": tf.maximum(sensible(label), 0),
        }

    functions = {
        "serving_default": lambda seed, label: files(sampled(seed, label)),
        "sample": lambda seed, label: {"image": sampled(seed, label)},
        "strong": lambda seed, label, truncation: files(sampled(seed, label, strength(truncation))),
        "mix": lambda vector, label: {"image": draw(tf.sigmoid(tf.reduce_sum(vector, 1)), label)},
        "rate": rate,
        "drawn": drawn,
        "contract": lambda seed: {"contract": tf.fill(tf.shape(seed), wrong.get("told", text))},
    }
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    signatures = {**PROMISED.signatures, "drawn": promised.signatures.get("drawn")}
    made = {name: _function(signature, functions[name]) for name, signature in signatures.items() if signature}
    made |= wrong.get("more", {})
    kept = {name: function for name, function in made.items() if function is not None}
    tf.saved_model.save(module, str(folder), signatures=kept)
    (folder / contract.FILE).parent.mkdir()
    (folder / contract.FILE).write_text(text)
    return folder


def changed(name: str, **fields: Any) -> Contract:
    """PROMISED with these fields of one signature."""
    signature = dataclasses.replace(PROMISED.signatures[name], **fields)
    return dataclasses.replace(PROMISED, signatures={**PROMISED.signatures, name: signature})


def with_drawing() -> Contract:
    """PROMISED with a signature that should tell what `mix` makes a sample of."""
    mix = PROMISED.signatures["mix"]
    drawn = Signature("draw", {"seed": SEED, "label": LABEL}, mix.inputs)
    return dataclasses.replace(PROMISED, signatures={**PROMISED.signatures, "drawn": drawn})


def _function(signature: Signature, function: Any) -> Any:
    specs = [tf.TensorSpec([None, *each.row], each.dtype, name=name) for name, each in signature.inputs.items()]
    names = list(signature.inputs)
    return tf.function(lambda *rows: function(**dict(zip(names, rows))), input_signature=specs, autograph=False)
