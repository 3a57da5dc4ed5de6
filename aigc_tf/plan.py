"""What a run would be, without running it: the text of `train.py --dry-run`."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from aigc_tf import cluster, devices, going_on, memory
from aigc_tf.callbacks.stopwatch import Stopwatch
from aigc_tf.config import TrainConfig
from aigc_tf.datasets import augmentation, loading
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.pipeline import batches
from aigc_tf.families import FAMILIES, freezing
from aigc_tf.families.model import GenerativeModel
from aigc_tf.run_folder import RunFolder
from aigc_tf.session import num_steps

_MANY = 2**31


def describe(config: TrainConfig, resume: RunFolder | None = None) -> str:
    """Configuration, sizes and costs of the run that `config` asks for, as text. Keeps nothing, makes no folder.

    FLOPs count a multiplication and an addition as two. Memory is reckoned from weights, gradients, optimizer slots,
    activations of one step and the images; TensorFlow itself takes some 400 MB more. How long it would take is reckoned
    from a second of steps, which are made here and forgotten.
    """
    config = config.with_budget()
    devices.compute_alike()
    together = cluster.read() if config.strategy == "multi-worker" else cluster.Cluster()
    strategy = devices.strategy(dataclasses.replace(config, strategy="mirrored"))  # the others need not be there
    if together.addresses:
        devices.check_workers(config, together)
    data = loading.load(config)
    augmentation.check(config, data.spec)
    with strategy.scope():
        model = FAMILIES[config.model].create(data.spec, config)
    memory.check(model, config, data, together.count)
    begins: list[str] = []
    if config.parent is not None and resume is None:
        going_on.begin(model, config.parent, begins.append)
    batch = config.global_batch_size
    networks = model.networks
    forward = {name: _forward_flops(network) for name, network in networks.items()}
    flops = batch * model.step_flops(forward)
    memory_bytes = memory.weight_bytes(model) + memory.step_bytes(model, config) + memory.data_bytes(data)
    steps = num_steps(config, data.spec.num_examples)
    run = resume or RunFolder.planned(config)
    rows = {
        "images": f"{data.spec.num_examples:,} of {_shape(data.spec.shape)} from {data.spec.source}",
        "devices": devices.in_words(strategy, together),
        **({"this worker": together.name(together.index)} if together.addresses else {}),
        "budget": f"{config.minutes:g} minutes" if steps is None else f"{steps:,} steps of {batch} images",
        **{
            name: f"{network.count_params():,} parameters, {_si(forward[name])}FLOP an image"
            for name, network in networks.items()
        },
        "learning rates": ", ".join(
            f"{name} {float(each.learning_rate.numpy()):.3g}" for name, each in model.optimizers.items()
        ),
        **{f"trained in {name}": ", ".join(layers) for name, layers in freezing.names(networks).items()},
        "training step": f"about {_si(flops)}FLOP" + ("" if steps is None else f", {_si(flops * steps)}FLOP in all"),
        # Of several workers none could tell by itself.
        **({} if together.addresses else {"time": _time(model, config, data, steps)}),
        "memory": f"about {_si(memory_bytes)}B beside TensorFlow's own",
        "run folder": str(run.path) + (" (goes on)" if resume else ""),
        "export": str(run.export / config.data_name) if config.export else "none",
    }
    width = max(map(len, rows))
    lines = [*begins, *(f"{name:<{width}}  {value}" for name, value in rows.items())]
    return config.to_json() + "\n" + "\n".join(lines)


def _seconds_a_step(model: GenerativeModel, config: TrainConfig, data: Dataset) -> float:
    """By the clock, from a second of training as it would be."""
    stopwatch = Stopwatch()
    rows = config.global_batch_size * config.family.batches_per_step
    stream = batches(data, "train", rows, config.seed, change=augmentation.change_of(config, data.spec, config.seed))
    model.fit(stream, steps_per_epoch=_MANY, callbacks=[stopwatch], verbose=0)
    return stopwatch.seconds_a_step


def _time(model: GenerativeModel, config: TrainConfig, data: Dataset, steps: int | None) -> str:
    try:
        seconds = _seconds_a_step(model, config, data)
    except (tf.errors.OpError, MemoryError) as error:
        return f"unknown, since a step failed: {data.faults[0] if data.faults else ' '.join(str(error).split())[:200]}"
    speed = f"{config.global_batch_size / seconds:,.0f} images/s, measured for a second"
    if steps is None:
        return f"{config.minutes:g} minutes, some {60 * (config.minutes or 0) / seconds:,.0f} steps at {speed}"
    minutes, rest = divmod(round(steps * seconds), 60)
    hours, minutes = divmod(minutes, 60)
    long = f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"about {long} of training at {speed}; judging and export come on top"


def _forward_flops(network: tf.keras.Model) -> int:
    """FLOPs of one forward pass for one image, counted by TensorFlow's profiler."""
    one = tf.nest.map_structure(lambda given: tf.TensorSpec([1, *given.shape[1:]], given.dtype), network.input)
    forward = tf.function(lambda given: network(given, training=False), autograph=False).get_concrete_function(one)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    level = tf.get_logger().level
    tf.get_logger().setLevel("ERROR")  # the profiler warns that a part of itself is old
    try:
        return tf.compat.v1.profiler.profile(forward.graph, options=options).total_float_ops
    finally:
        tf.get_logger().setLevel(level)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _si(number: float) -> str:
    for unit in ("", "k", "M", "G", "T", "P"):
        if number < 1000 or unit == "P":
            return f"{number:.3g} {unit}"
        number /= 1000
    raise AssertionError("the loop above returns")
