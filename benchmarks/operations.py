"""Where a training step's time goes: each layer of each network by itself, beside what its FLOPs would take.

    python -m benchmarks.operations [--cells default:28 default:64 dcgan:28 vae:28]

A cell is PRESET:PIXELS. Each layer of the preset's networks computes its output, and the gradient of that by what it is
given and by its weights, at the shapes that it has there and at the preset's batch, on random numbers. Equal layers at
equal shapes are measured once. Times are CPU seconds over cores, the least of several rounds; each call makes eight
passes in one graph, so that the way from Python counts for little. What TensorFlow would join with its neighbours is
apart here, an activation that a layer is given as well, so that the sum is somewhat more than a step needs.

FLOPs are counted by the book (see `benchmarks.throughput`): the forward pass, and twice as many for the backward one.
"Times" is the time beside that of as many FLOPs at the best convolution of the same run. A layer that takes more than
twice as long, and a fiftieth of its network's time or more, needs a reason: those that we know are in `reason`, and
the command fails where a layer has none.

Writes operations.json and .md to --results.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from aigc_tf.presets import PRESETS
from aigc_tf.quiet import import_tensorflow
from benchmarks import record
from benchmarks.processes import CORES

CELLS = (
    *("default:28", "default:64", "dcgan:28", "dense-256:28", "conv-128:28"),
    *("vae:28", "keras-vae:28", "diffusion:28", "keras-ddim:28"),
)
MOST_TIMES, LEAST_SHARE = 2.0, 0.02
_PASSES = 8  # in one call
_FEW_CHANNELS, _FEW_UNITS = 8, 64


@dataclasses.dataclass(frozen=True)
class Operation:
    """A layer at the shapes of one network.

    Attributes:
        kind: the layer's class.
        given: shapes of what it takes, without the batch.
        kernel: shape of its kernel, empty without one.
        stride: of a convolution, else 1.
        count: how many such layers the network has.
        flops: of one of them, forward and backward, for a batch.
        ms: CPU milliseconds over cores of one of them, forward and backward.
        share: of its network's time, all `count` together.
        times: `ms` beside what the machine's best convolution takes for `flops`; None without FLOPs.
    """

    kind: str
    given: list[list[int]]
    kernel: list[int]
    stride: int
    count: int
    flops: float
    ms: float
    share: float
    times: float | None

    @property
    def slow(self) -> bool:
        return self.share >= LEAST_SHARE and (self.times is None or self.times > MOST_TIMES)

    @property
    def reason(self) -> str:
        """Why it is slow, in a sentence; empty where that is not known."""
        if not self.kernel:
            return "moves numbers and hardly computes: bound by memory"
        if min(self.kernel[-2:]) < _FEW_CHANNELS:
            return "has too few channels on one side to fill a vector of the processor"
        rows = self.flops / (6 * math.prod(self.kernel))  # of a matrix product: examples, or all their pixels
        if math.prod(self.kernel[:-2]) == 1 and min(*self.kernel[-2:], rows) <= _FEW_UNITS:
            return "has few products for each number that it reads or writes: bound by memory"
        return ""


def measure(preset: str, pixels: int, peak: float, seconds: float) -> dict[str, list[Operation]]:
    """The operations of each network of a preset, the dearest first; `peak` in FLOP/s."""
    from aigc_tf.datasets.spec import DataSpec
    from aigc_tf.families import FAMILIES

    config = PRESETS[preset]
    spec = DataSpec((pixels, pixels, 1), 0, 60_000, (), "", "noise", "none needed")
    model = FAMILIES[config.model].create(spec, config)
    batch = config.global_batch_size
    return {name: _of(network, batch, peak, seconds) for name, network in model.networks.items()}


def _of(network: Any, batch: int, peak: float, seconds: float) -> list[Operation]:
    from benchmarks.throughput_tensorflow import forward_flops, kernel_shape

    layers: dict[str, list[Any]] = {}
    for layer in apart(network.layers):
        if layer.__class__.__name__ != "InputLayer":
            layers.setdefault(json.dumps(_described(layer), sort_keys=True, default=str), []).append(layer)
    found = []
    for same in layers.values():
        layer = same[0]
        flops, ms = 3.0 * batch * forward_flops(layer), 1000 * _seconds(layer, batch, seconds)
        times = None if not flops else ms / 1000 / (flops / peak)
        stride = max(getattr(layer, "strides", (1,)))
        kind = layer.__class__.__name__
        found.append(Operation(kind, _given(layer), kernel_shape(layer), stride, len(same), flops, ms, 0.0, times))
    whole = sum(each.ms * each.count for each in found)
    found = [dataclasses.replace(each, share=each.ms * each.count / whole) for each in found]
    return sorted(found, key=lambda each: -each.share)


def apart(layers: Iterable[Any]) -> Iterator[Any]:
    """These layers; one that is given an activation without it, and then the activation by itself."""
    import tensorflow as tf

    for layer in layers:
        config = layer.get_config()
        if hasattr(layer, "kernel") and config["activation"] != "linear":
            activation = tf.keras.layers.Activation(config["activation"])
            bare = type(layer).from_config({**config, "activation": "linear"})
            activation(bare(tf.keras.Input(layer.input_shape[1:])))
            yield from (bare, activation)
        else:
            yield layer


def _described(layer: Any) -> dict[str, Any]:
    """All that decides how long a layer takes: its class, settings and shapes."""
    settings = {key: value for key, value in layer.get_config().items() if not re.search("name|initializer", key)}
    return {"class": layer.__class__.__name__, "settings": settings, "given": _given(layer)}


def _given(layer: Any) -> list[list[int]]:
    shapes = layer.input_shape if isinstance(layer.input_shape, list) else [layer.input_shape]
    return [list(shape[1:]) for shape in shapes]


def _seconds(layer: Any, batch: int, seconds: float) -> float:
    """CPU seconds over cores of a forward and a backward pass."""
    from benchmarks.throughput_tensorflow import quickest

    compute = passes(layer, batch)
    compute()  # the first call makes the graph
    return quickest(compute, seconds, time.process_time) / CORES / _PASSES


def passes(layer: Any, batch: int) -> Callable[[], list[Any]]:
    """What makes some forward and backward passes in one graph: the answer of each, and its gradients."""
    import tensorflow as tf

    givens = [[tf.random.normal([batch, *shape]) for shape in _given(layer)] for _ in range(_PASSES)]
    # Nothing may be known while the graph is made: of gradients that are 1 everywhere TensorFlow computes some then.
    backward = [tf.random.normal([batch, *layer.output_shape[1:]]) for _ in range(_PASSES)]

    @tf.function
    def compute() -> list[Any]:
        made = []
        for given, gradient in zip(givens, backward):
            with tf.GradientTape() as tape:
                tape.watch(given)
                answer = layer(given if len(given) > 1 else given[0], training=True)
            # Gradients of what is linear need no answer, and TensorFlow would leave the forward pass out.
            made += [answer, *tape.gradient(answer, [*given, *layer.trainable_variables], gradient)]
        return [each for each in made if each is not None]

    return compute


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown: a table a network."""
    parts = [f"The machine's best convolution makes {figures['peak_gflops']:.0f} GFLOP/s on all cores.\n"]
    unexplained = unknown(figures)
    if unexplained:
        parts.append(f"**Slow without a reason that we know:** {'; '.join(unexplained)}.\n")
    else:
        parts.append(f"No layer takes more than {MOST_TIMES:g} times what its FLOPs would without a reason below.\n")
    for cell, networks in figures["cells"].items():
        for name, found in networks.items():
            operations = [Operation(**each) for each in found]
            ms = sum(each.ms * each.count for each in operations)
            flops = sum(each.flops * each.count for each in operations)
            share = flops / (ms / 1000) / 1e9 / figures["peak_gflops"]
            parts.append(f"## {cell}, {name}\n\n{ms:.1f} ms, {share:.0%} of the best convolution.\n")
            rows: list[list[object]] = [_row(each) for each in operations if each.share >= LEAST_SHARE]
            parts.append(record.table(["layer", "number", "ms each", "share", "times", "why"], rows))
    return "\n".join(parts)


def unknown(figures: dict[str, Any]) -> list[str]:
    """What is slow without a reason, in words."""
    return [
        f"{cell}, {name}: {_layer(operation)}"
        for cell, networks in figures["cells"].items()
        for name, found in networks.items()
        for operation in (Operation(**each) for each in found)
        if operation.slow and not operation.reason
    ]


def _row(operation: Operation) -> list[object]:
    times = "-" if operation.times is None else f"{operation.times:.1f}"
    why = operation.reason if operation.slow else ""
    return [_layer(operation), operation.count, f"{operation.ms:.2f}", f"{operation.share:.0%}", times, why]


def _layer(operation: Operation) -> str:
    given = ", ".join("x".join(map(str, shape)) for shape in operation.given)
    kernel = f", kernel {'x'.join(map(str, operation.kernel))}" if operation.kernel else ""
    stride = f", stride {operation.stride}" if operation.stride > 1 else ""
    return f"{operation.kind} of {given}{kernel}{stride}"


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.operations", description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=list(CELLS), metavar="PRESET:PIXELS")
    parser.add_argument("--seconds", type=float, default=0.5, help="of measuring each layer, by the clock")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    around = record.circumstances()
    import_tensorflow()
    from benchmarks import throughput_tensorflow

    peak = throughput_tensorflow.peak()["convolution"]
    figures: dict[str, Any] = {"peak_gflops": round(peak, 1), "cells": {}}
    for cell in options.cells:
        preset, pixels = cell.split(":")
        networks = measure(preset, int(pixels), 1e9 * peak, options.seconds)
        dicts = {name: [dataclasses.asdict(each) for each in found] for name, found in networks.items()}
        figures["cells"][cell] = dicts
        print(f"{cell}: measured", flush=True)
    record.write("operations", "Where a step's time goes", around, figures, page(figures), options.results)
    print(page(figures))
    return 1 if unknown(figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
