"""The bare loop in TensorFlow that `benchmarks.throughput` holds train.py against; see there.

    python -m benchmarks.throughput_tensorflow JOB
    python -m benchmarks.throughput_tensorflow peak

As anybody would write it who wants speed and nothing else: networks of Keras layers, two Adams, all images a constant,
stateful random numbers, one graph for a step with R1 and one for a step without, no logging, no determinism. JOB is
JSON: the fields of a `TrainConfig` with `pixels`, `num_images`, `cores`, and the `file` to which the steps done are
appended every `tell_every` steps. `peak` prints how fast the processor multiplies and convolves, as JSON.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
import types
from collections.abc import Callable

from aigc_tf.quiet import import_tensorflow

tf = import_tensorflow()

from aigc_tf.datasets.spec import DataSpec  # noqa: E402 - TensorFlow comes first, quietly
from aigc_tf.families.gan.networks import NETWORKS  # noqa: E402
from aigc_tf.families.gan.networks.networks import Networks  # noqa: E402


def make_step(networks: Networks, job: types.SimpleNamespace) -> Callable[[bool], None]:
    """`step(with_penalty)`: one update of each network and of the average, on random training images."""
    generator, discriminator = networks
    batch, keep = job.global_batch_size, 0.5 ** (job.global_batch_size / job.ema_half_life)
    average = tf.keras.models.clone_model(generator)
    average.set_weights(generator.get_weights())
    averaged = list(zip(average.variables, generator.variables))
    generator_optimizer = tf.keras.optimizers.Adam(job.generator_learning_rate, job.beta_1, job.beta_2)
    discriminator_optimizer = tf.keras.optimizers.Adam(job.discriminator_learning_rate, job.beta_1, job.beta_2)
    generator_optimizer.build(generator.trainable_variables)
    discriminator_optimizer.build(discriminator.trainable_variables)
    images = tf.random.uniform([job.num_images, job.pixels, job.pixels, 1], -1.0, 1.0)

    def r1(real: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(real)
            logits = discriminator(real, training=True)
        return tf.reduce_mean(tf.reduce_sum(tf.square(tape.gradient(logits, real)), axis=[1, 2, 3])) / 2

    @tf.function
    def step(with_penalty: bool) -> None:
        real = tf.gather(images, tf.random.uniform([batch], maxval=job.num_images, dtype=tf.int32))
        with tf.GradientTape() as generator_tape:
            fake = generator(tf.random.normal([batch, job.latent_dim]), training=True)
            with generator_tape.stop_recording():
                with tf.GradientTape() as tape:
                    tape.watch(fake)
                    real_logits, fake_logits = discriminator(real, training=True), discriminator(fake, training=True)
                    loss = tf.reduce_mean(tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits))
                    if with_penalty:
                        loss += job.penalty_interval * job.penalty_weight * r1(real)
                weights = discriminator.trainable_variables
                gradients, slopes = tape.gradient(loss, (weights, fake))
                discriminator_optimizer.apply_gradients(zip(gradients, weights))
                slopes *= -tf.exp(-tf.reshape(fake_logits, [-1, 1, 1, 1]))  # those of softplus(-fake_logits)
        weights = generator.trainable_variables
        gradients = generator_tape.gradient(fake, weights, slopes)
        generator_optimizer.apply_gradients(zip(gradients, weights))
        for old, new in averaged:
            old.assign(new + keep * (old - new))

    return step


def train(job: types.SimpleNamespace) -> None:
    """Step for ever, and tell the steps done; first of all the size of the networks."""
    spec = DataSpec((job.pixels, job.pixels, 1), 0, job.num_images, (), "", "noise", "none needed")
    networks = NETWORKS[job.network](spec, job.latent_dim)
    step = make_step(networks, job)
    parameters = [sum(math.prod(weight.shape) for weight in network.trainable_variables) for network in networks]
    with open(job.file, "a", buffering=1) as file:
        file.write(json.dumps({"step": 0, "parameters": parameters, "flops_per_image": flops(networks, job)}) + "\n")
        for done in itertools.count(1):
            step(done % job.penalty_interval == 0)
            if done % job.tell_every == 0:
                file.write(json.dumps({"step": done}) + "\n")


def flops(networks: Networks, job: types.SimpleNamespace) -> float:
    """FLOPs that a training step spends on one image, as told in `benchmarks.throughput`."""
    generator, discriminator = (sum(map(forward_flops, network.layers)) for network in networks)
    return 3 * generator + (6 + 3 / job.penalty_interval) * discriminator


def forward_flops(layer: tf.keras.layers.Layer) -> int:
    """FLOPs of a layer for one example: of a convolution or a dense layer, 0 of any other."""
    kernel = kernel_shape(layer)
    # A transposed convolution brings each number that it is given to all places of its kernel.
    places = layer.input_shape if isinstance(layer, tf.keras.layers.Conv2DTranspose) else layer.output_shape
    return 2 * math.prod(places[1:-1]) * math.prod(kernel) if kernel else 0


def kernel_shape(layer: tf.keras.layers.Layer) -> list[int]:
    """Of a convolution or a dense layer, also within a wrapper such as spectral normalisation; empty for any other."""
    bare = getattr(layer, "layer", layer)
    return list(bare.kernel.shape) if hasattr(bare, "kernel") else []


def peak(seconds: float = 1.0) -> dict[str, float]:
    """Best GFLOP/s in float32 of a multiplication of two square matrices, and of a 3x3 convolution."""
    size, (rows, side, channels) = 2048, (16, 56, 128)
    matrix = tf.random.normal([size, size])
    images, kernel = tf.random.normal([rows, side, side, channels]), tf.random.normal([3, 3, channels, channels])
    multiply, convolve = tf.function(tf.matmul), tf.function(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"))
    multiplying = quickest(lambda: multiply(matrix, matrix).numpy(), seconds)
    convolving = quickest(lambda: convolve(images, kernel).numpy(), seconds)
    return {
        "matmul": 2 * size**3 / 1e9 / multiplying,
        "convolution": 18 * rows * (side * channels) ** 2 / 1e9 / convolving,
    }


def quickest(compute: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """The least time that a call takes by `clock`, of as many as fit into `seconds`, and three at least."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        begun = clock()
        compute()
        times.append(clock() - begun)
    return min(times)


if __name__ == "__main__":
    if sys.argv[1] == "peak":
        print(json.dumps(peak()))
    else:
        train(types.SimpleNamespace(**json.loads(sys.argv[1])))
