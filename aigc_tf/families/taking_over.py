"""What a model begins with, where it goes on from another one: that one's weights, wherever they fit."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from aigc_tf.errors import UserError
from aigc_tf.families.model import GenerativeModel

_LEAST_SHARE = 0.1
Key = int | str | tuple[str, int]
"""What a number of a layer's input stands for: its place, a class by its name, or a number of a class's embedding."""


@dataclasses.dataclass
class Taken:
    """What was taken over.

    Attributes:
        weights: for each network how many of its weights were, and how many it has.
        new: what begins as in a new model, in words.
    """

    weights: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    new: list[str] = dataclasses.field(default_factory=list)

    @property
    def share(self) -> float:
        """How much of all weights was taken over, from 0 to 1."""
        kept, there = (sum(numbers) for numbers in zip(*self.weights.values()))
        return kept / there


@dataclasses.dataclass(frozen=True)
class _Layer:
    """A layer with weights; `keys` tell what its input stands for where labels reach it, else None, and `embeds`
    whether it embeds classes, so that others are told of what its numbers stand for."""

    layer: tf.keras.layers.Layer
    keys: list[Key] | None
    embeds: bool

    @property
    def told(self) -> bool:
        """Whether labels reach it."""
        return any(isinstance(key, str) for key in self.keys or ())

    @property
    def of_classes(self) -> bool:
        """Whether it takes labels and nothing else."""
        return self.told and all(isinstance(key, str) for key in self.keys or ())

    @property
    def kind(self) -> tuple[str, str, bool]:
        inner = getattr(self.layer, "layer", self.layer)  # of a wrapper
        return type(self.layer).__name__, type(inner).__name__, self.of_classes

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """By their short names; counters and seeds are whole numbers, and of a run of its own."""
        return {_short(weight): weight for weight in self.layer.weights if weight.dtype.is_floating}


def take_over(model: GenerativeModel, parent: GenerativeModel) -> Taken:
    """Give `model` the weights of `parent`, of the same family, wherever they fit: layers are matched by what they are
    and by their order, classes by their names.

    Both the networks and their moving averages begin as the parent's averages, with which it samples, or as its
    networks where they have none. All else (optimizers, counters, what `finish` makes) stays as in a new model.

    Raises UserError where the networks are others or hardly anything fits, and where what is frozen does not.
    """
    taken, theirs, averages = Taken(), parent.view("ema"), model.view("ema")
    asked = known = False
    for name, network in model.networks.items():
        if name in model.fitted:
            continue
        if network.name != theirs[name].name:
            raise UserError(f"its network is {theirs[name].name}, and that of this run {network.name}")
        before = _layers(theirs[name], parent.spec.class_names)
        known = known or any(layer.told for layer in before.values())
        kept = there = 0
        for place, layer in _layers(network, model.spec.class_names).items():
            values, count = _values(layer, before.get(place))
            size = sum(weight.shape.num_elements() for weight in layer.weights.values())
            kept, there, asked = kept + count, there + size, asked or layer.told
            if count < size and not layer.layer.trainable:
                raise UserError(f"{name}/{layer.layer.name} is to stay as it is there (freeze), but does not fit")
            if size and not values:
                taken.new.append(f"{name}/{layer.layer.name}")
            for target in {id(each): each for each in (network, averages[name])}.values():
                for weight in target.get_layer(layer.layer.name).weights:
                    if _short(weight) in values:
                        weight.assign(values[_short(weight)])
        taken.weights[name] = kept, there
    if taken.share < _LEAST_SHARE:
        raise UserError(f"only {taken.share:.0%} of the weights would fit")
    old_classes = parent.spec.class_names if known else ()
    taken.new += [f"class {name}" for name in model.spec.class_names if asked and name not in old_classes]
    return taken


def _values(layer: _Layer, old: _Layer | None) -> tuple[dict[str, npt.NDArray[np.floating]], int]:
    """What the weights of a layer become, by their short names, and how many numbers of that are the old ones; nothing
    where not all of its weights can be had."""
    if old is None or layer.weights.keys() != old.weights.keys():
        return {}, 0
    values, count = {}, 0
    for name, weight in layer.weights.items():
        now, before = weight.numpy(), old.weights[name].numpy()
        if now.ndim == before.ndim == 2 and layer.keys != old.keys and name == "kernel":
            plain, plain_before = _plain(layer.keys, len(now)), _plain(old.keys, len(before))
            wider = now.shape[1] - before.shape[1]  # a narrower embedding could not hold what was learned
            if plain != plain_before or wider < 0 or (wider and not layer.embeds):
                return {}, 0
            values[name], kept = _rows(now, before, layer.keys, old.keys)
        elif now.shape == before.shape:
            values[name], kept = before, before.size
        else:
            return {}, 0
        count += kept
    return values, count


def _rows(
    now: npt.NDArray[np.floating], before: npt.NDArray[np.floating], keys: list[Key] | None, old_keys: list[Key] | None
) -> tuple[npt.NDArray[np.floating], int]:
    """A kernel [I, O] whose rows are those of the old one [i, o] for the same keys, and how many numbers these hold.
    Where an embedding has more of them now, those of an old class are 0, so that it means what it meant."""
    places = {key: place for place, key in enumerate(old_keys or range(len(before)))}
    value, width, kept = now.copy(), before.shape[1], 0
    for row, key in enumerate(keys or range(len(now))):
        if key in places:
            value[row] = 0
            value[row, :width] = before[places[key]]
            kept += now.shape[1]
    return value, kept


def _plain(keys: list[Key] | None, size: int) -> int:
    """How many numbers of an input of this size labels do not reach."""
    return size if keys is None else sum(isinstance(key, int) for key in keys)


def _layers(network: tf.keras.Model, classes: Sequence[str]) -> dict[tuple[object, ...], _Layer]:
    """The layers of a network that have weights, by what they are and their number among such. Those of classes count
    apart, so that all others have the same numbers with labels and without."""
    (keys, embeddings), numbers = _keys(network, classes), Counter[object]()
    found: dict[tuple[object, ...], _Layer] = {}
    for each in network.layers:
        layer = _Layer(each, keys.get(each.name), each.name in embeddings)
        if layer.weights:
            found[(layer.kind, numbers[layer.kind])] = layer
            numbers[layer.kind] += 1
    return found


def _keys(network: tf.keras.Model, classes: Sequence[str]) -> tuple[dict[str, list[Key]], set[str]]:
    """For the layers with weights that shares of the classes reach, joined to other numbers or not, by their names,
    what each number of their input stands for; and the names of those whose answer is joined to other numbers."""
    layers = tf.keras.layers
    of_outputs: dict[int, list[Key]] = {}
    found: dict[str, list[Key]] = {}
    made_by: dict[int, str] = {}
    embeddings: set[str] = set()
    for layer in network.layers:
        output = layer.output
        given = tf.nest.flatten(layer.input)
        told = [of_outputs.get(id(tensor)) for tensor in given]
        if isinstance(layer, layers.InputLayer):
            if layer.name == "label":
                of_outputs[id(output)] = list(classes)
        elif any(told) and isinstance(layer, layers.Concatenate):
            joined: list[Key] = []
            for tensor, known in zip(given, told):
                joined += known or range(len(joined), len(joined) + tensor.shape[-1])
            of_outputs[id(output)] = joined
            embeddings |= {made_by[id(tensor)] for tensor in given if id(tensor) in made_by}
        elif told[0] and isinstance(layer, layers.Rescaling):
            of_outputs[id(output)] = told[0]
        elif told[0] and layer.weights:
            found[layer.name] = told[0]
            if all(isinstance(key, str) for key in told[0]):
                of_outputs[id(output)] = [("embedding", number) for number in range(output.shape[-1])]
                made_by[id(output)] = layer.name
    return found, embeddings


def _short(weight: tf.Variable) -> str:
    """Such as kernel, for one called conv2d/kernel:0."""
    return str(weight.name).rpartition("/")[2].partition(":")[0]
