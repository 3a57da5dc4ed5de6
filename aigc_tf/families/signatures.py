"""What an export of a model offers, made from what the model declares: the functions, and the contract about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from aigc_tf import contract
from aigc_tf.contract import Contract, Signature, Tensor
from aigc_tf.families.model import GenerativeModel, Served, Weights


def build(model: GenerativeModel, origin: str = "", weights: Weights = "ema") -> tuple[Contract, dict[str, Any]]:
    """The contract, and the functions that keep it, each with its input signature, by name.

    serving_default: seed int64 [N], and what `model.conditions` names -> files string [N], each of which says `origin`
    sample: the same -> content float32 [N, ...] as numbers
    contract: seed -> the text of the contract, string [N]
    `model.controlled`, if the model has controls: the same, and each of these float32 [N] -> files
    and what the model has beside those.
    """
    served = {**_sampling(model, origin, weights), **model.extra_signatures(weights)}
    own = Signature("contract", {"seed": Tensor("int64")}, {"contract": Tensor("string")}, row_exact=True)
    promised = Contract(
        content=model.spec.modality.name,
        signatures={**{name: signature for name, (signature, _) in served.items()}, contract.SIGNATURE: own},
        origin=origin,
        class_names=model.spec.class_names if "label" in model.conditions else (),
    )
    text = promised.to_json()
    served[contract.SIGNATURE] = (own, lambda seed: {"contract": tf.fill(tf.shape(seed), text)})
    return promised, {name: _function(*each) for name, each in served.items()}


def _sampling(model: GenerativeModel, origin: str, weights: Weights) -> dict[str, Served]:
    modality, shape = model.spec.modality, model.spec.shape
    draw = model.sampler(weights)
    made, inputs = modality.name, {"seed": Tensor("int64"), **model.conditions}
    files = {f"{made}_bytes": Tensor("string", file=modality.file)}

    def encoded(content: tf.Tensor) -> dict[str, tf.Tensor]:
        return {f"{made}_bytes": modality.graph.encode(modality.graph.to_stored(content), origin)}

    def sampled(seed: tf.Tensor, **given: tf.Tensor) -> tf.Tensor:
        kinds = {**model.conditions, **model.controls}
        return draw(seed, **{name: _sensible(rows, kinds[name]) for name, rows in given.items()})

    offered: dict[str, Served] = {
        "serving_default": (
            Signature("files", inputs, files, row_exact=True, shows="sample"),
            lambda **given: encoded(sampled(**given)),
        ),
        "sample": (
            Signature("content", inputs, {made: modality.numbers(shape)}),
            lambda **given: {made: modality.graph.to_numbers(sampled(**given))},
        ),
    }
    if model.controls:
        signature = Signature("files", {**inputs, **model.controls}, files, row_exact=True, same_as="serving_default")
        offered[model.controlled] = (signature, offered["serving_default"][1])
    return offered


def _sensible(given: tf.Tensor, kind: Tensor) -> tf.Tensor:
    """Values [N] as a stranger's request may hold them, within the bounds of their kind: a failing assertion would fail
    the whole batch, with the requests of others in it."""
    if not kind.beyond:
        return given
    default = tf.constant(kind.default, given.dtype)
    if kind.beyond == "default":
        return tf.where((given >= kind.minimum) & (given <= kind.maximum), given, default)
    numbers = tf.where(tf.math.is_nan(given), default, given) if given.dtype.is_floating else given
    return tf.clip_by_value(numbers, kind.minimum, kind.maximum)


def _function(signature: Signature, function: Callable[..., dict[str, tf.Tensor]]) -> Any:
    names = list(signature.inputs)
    specs = [tf.TensorSpec([None, *each.row], each.dtype, name=name) for name, each in signature.inputs.items()]
    return tf.function(lambda *rows: function(**dict(zip(names, rows))), input_signature=specs)
