"""Layers that training leaves as they are, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from aigc_tf.errors import UserError


def names(networks: Mapping[str, tf.keras.Model]) -> dict[str, list[str]]:
    """For each network that is trained the names of its layers that are, NETWORK/LAYER, in their order."""
    return {
        network: [
            f"{network}/{layer.name}" for layer in model.layers if any(each.dtype.is_floating for each in layer.weights)
        ]
        for network, model in networks.items()
        if model.trainable_weights
    }


def freeze(networks: Mapping[str, tf.keras.Model], trained: Mapping[str, Sequence[str]], chosen: Sequence[str]) -> None:
    """Let whole networks, or layers of them, be trained no more.

    Nothing of them changes then: a frozen batch normalisation takes the mean and variance that it has, as it does in
    inference, and keeps them.

    Args:
        networks: by name, as they were made.
        trained: names of the optimizers, and of the networks that each of them trains.
        chosen: networks by their names, or layers, as `names` has them.

    Raises UserError for a name that is none, and where an optimizer is left with nothing to train.
    """
    there = names(networks)
    for name in chosen:
        network, _, layer = name.partition("/")
        if network not in there or name not in (network, *there[network]):
            listed = "; ".join(f"{one}, or of it {', '.join(layers)}" for one, layers in there.items())
            raise UserError(f"freeze {name[:80]!r} names nothing that is trained; there are {listed}")
        (networks[network].get_layer(layer) if layer else networks[network]).trainable = False
    for parts in trained.values() if chosen else ():
        if not any(networks[part].trainable_weights for part in parts):
            raise UserError(f"freeze {','.join(chosen)} leaves nothing to train in {' and '.join(parts)}")
