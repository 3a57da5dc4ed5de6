"""Directions in which what a network makes of a latent changes most, in closed form (SeFa: Shen and Zhou 2021,
https://arxiv.org/abs/2007.06600): read off the weights, without samples and without labels."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

layers = tf.keras.layers

Directions = tuple[tuple[float, ...], ...]
_MOST, _DIGITS = 10, 5


def of_network(network: tf.keras.Model) -> Directions:
    """The most telling directions of a network's first input, which is [Z] numbers, for an export's contract: at most
    ten, each of Z numbers and of length 1, the most telling first.

    None where the network is no functional one, its first step from there no dense layer, or a weight not finite.
    """
    kernel = _first_kernel(network) if network.inputs else None
    if kernel is None or not np.isfinite(kernel).all():
        return ()
    return tuple(tuple(round(float(number), _DIGITS) for number in each) for each in principal(kernel)[:_MOST])


def principal(kernel: np.ndarray) -> np.ndarray:
    """Directions float64 [Z, Z] of a map z -> z @ kernel, for a kernel float [Z, O]: the unit vectors that it makes
    longest, the longest first. Of either sign the one is meant whose largest number is positive."""
    exact = kernel.astype(np.float64)
    _, vectors = np.linalg.eigh(exact @ exact.T)  # ascending, in columns
    found = vectors.T[::-1]
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    return found * np.where(largest < 0, -1.0, 1.0)


def _first_kernel(network: tf.keras.Model) -> np.ndarray | None:
    """What the first dense layer behind an input multiplies it by, float [Z, O], with what a batch normalisation right
    behind that makes of each unit: it undoes the scale that training left there."""
    given = network.inputs[0]
    after = _taking(network, given)
    if isinstance(after, layers.Concatenate) and after.input[0] is given:  # labels come behind
        after = _taking(network, after.output)
    if not isinstance(after, layers.Dense):
        return None
    kernel, scaling = after.kernel.numpy()[: given.shape[-1]], _taking(network, after.output)
    if isinstance(scaling, layers.BatchNormalization):
        deviation = np.sqrt(scaling.moving_variance.numpy() + scaling.epsilon)
        kernel = kernel / deviation * (1.0 if scaling.gamma is None else scaling.gamma.numpy())
    return kernel


def _taking(network: tf.keras.Model, tensor: tf.Tensor) -> tf.keras.layers.Layer | None:
    """The layer of a functional network that takes what another gives; None where there is none, or more than one."""
    found = [
        layer
        for layer in network.layers
        for node in layer.inbound_nodes
        if any(each is tensor for each in node.keras_inputs)
    ]
    return found[0] if len(found) == 1 else None
