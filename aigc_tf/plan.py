"""What a run would be, without running it: the text of `train.py --dry-run`."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf import devices
from aigc_tf.config import TrainConfig
from aigc_tf.datasets import DATASETS
from aigc_tf.models import MODELS
from aigc_tf.run_folder import RunFolder
from aigc_tf.trainer import num_steps


def describe(config: TrainConfig, resume: RunFolder | None = None) -> str:
    """Configuration, sizes and costs of the run that `config` asks for, as text. Trains nothing, makes no folder.

    FLOPs count a multiplication and an addition as two. A training step is reckoned from one forward pass of
    each network, a backward pass counting twice a forward one: the generator forward in each discriminator update and
    backward once; the discriminator forward and backward on real and fake images, on the fakes again for the
    generator (without weights), and through its own gradient for each penalty, spread over the interval. Memory is
    reckoned from weights, gradients, optimizer slots, activations of one step and the images; TensorFlow itself takes
    some 400 MB more.
    """
    config = config.with_budget()
    strategy = devices.strategy(config)
    data = DATASETS[config.dataset](config.data_dir)
    with strategy.scope():
        model = MODELS[config.model](data.spec, config)
    batch, critic_steps = config.global_batch_size, config.critic_steps
    generator, discriminator = (_forward_flops(network) for network in (model.generator, model.discriminator))
    penalties = 6 * discriminator * len(config.penalties) / config.penalty_interval
    flops = batch * (critic_steps * (generator + 6 * discriminator + penalties) + 2 * generator + 2 * discriminator)

    parameters = model.generator.count_params() + model.discriminator.count_params()
    # Weight, gradient and two slots each, and the average of the generator.
    weight_bytes = 4 * (4 * parameters + model.ema_generator.count_params())
    # Forward values are kept for the backward pass, real and fake; a penalty keeps those of its own gradient too.
    activations = _activations(model.generator) + _activations(model.discriminator) * (4 if config.penalties else 2)
    activation_bytes = 4 * batch * activations * 2
    image_bytes = 2 * (data.train_images.nbytes + data.test_images.nbytes)

    steps = num_steps(config, data.spec.num_examples)
    run = resume or RunFolder.planned(config)
    rows = {
        "images": f"{data.spec.num_examples:,} of {_shape(data.spec.image_shape)} from {data.spec.source}",
        "devices": devices.in_words(strategy),
        "budget": f"{config.minutes:g} minutes" if steps is None else f"{steps:,} steps of {batch} images",
        "generator": f"{model.generator.count_params():,} parameters, {_si(generator)}FLOP an image",
        "discriminator": f"{model.discriminator.count_params():,} parameters, {_si(discriminator)}FLOP an image",
        "training step": f"about {_si(flops)}FLOP" + ("" if steps is None else f", {_si(flops * steps)}FLOP in all"),
        "memory": f"about {_si(weight_bytes + activation_bytes + image_bytes)}B beside TensorFlow's own",
        "run folder": str(run.path) + (" (goes on)" if resume else ""),
        "export": str(run.export / config.dataset) if config.export else "none",
    }
    width = max(map(len, rows))
    return config.to_json() + "\n" + "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _forward_flops(network: tf.keras.Model) -> int:
    """FLOPs of one forward pass for one image, counted by TensorFlow's profiler."""
    inputs = [tf.TensorSpec([1, *tensor.shape[1:]], tensor.dtype) for tensor in network.inputs]
    forward = tf.function(lambda *tensors: network(*tensors, training=False)).get_concrete_function(*inputs)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    level = tf.get_logger().level
    tf.get_logger().setLevel("ERROR")  # the profiler warns that a part of itself is old
    try:
        return tf.compat.v1.profiler.profile(forward.graph, options=options).total_float_ops
    finally:
        tf.get_logger().setLevel(level)


def _activations(network: tf.keras.Model) -> int:
    """Numbers that all layers give for one image."""
    return sum(tf.TensorShape(layer.output_shape[1:]).num_elements() or 0 for layer in network.layers[1:])


def _shape(image_shape: tuple[int, ...]) -> str:
    return "x".join(map(str, image_shape))


def _si(number: float) -> str:
    for unit in ("", "k", "M", "G", "T", "P"):
        if number < 1000 or unit == "P":
            return f"{number:.3g} {unit}"
        number /= 1000
    raise AssertionError("the loop above returns")
