"""Layers that Keras 2.15 lacks, or has in a form that an exact resume or several replicas would break."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def batch_norm(momentum: float = 0.99, **options: Any) -> tf.keras.layers.Layer:
    """Batch normalisation over the global batch, so that one step means the same on any number of replicas.

    `momentum` is the share that its moving mean and variance, which inference uses, keep at each step; `options` are
    Keras' own.
    To be made under the strategy's scope: on one replica there is nothing to synchronise, and Keras then takes
    TensorFlow's fused operation, which is quicker the larger the batch is.
    """
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    return tf.keras.layers.BatchNormalization(momentum=momentum, synchronized=several, **options)


def maybe_spectral_norm(layer: tf.keras.layers.Layer, spectral_norm: bool) -> tf.keras.layers.Layer:
    """`layer` (a Dense or Conv2D), its kernel divided by its largest singular value if `spectral_norm`."""
    return SpectralNorm(layer) if spectral_norm else layer


@tf.keras.utils.register_keras_serializable("aigc_tf")
class SpectralNorm(tf.keras.layers.Wrapper):
    """Spectral normalisation of a Dense or Conv2D layer (Miyato et al. 2018, https://arxiv.org/abs/1802.05957).

    sigma, the largest singular value of the kernel as a matrix [fan_in, units], is estimated by power iteration from
    a vector `u` that is kept from call to call. The layer is linear up to its bias, so its output is divided
    instead of its kernel: the stored kernel is never written, and the gradient passes through sigma, since
    sigma = (W^T v) . u is computed from the kernel with only u and v held fixed. A training call advances u by one
    iteration; u depends on nothing but the kernel and itself, so replicas agree without talking to each other.
    """

    def __init__(self, layer: tf.keras.layers.Layer, **kwargs: Any) -> None:
        if layer.activation is not tf.keras.activations.linear:
            raise ValueError("SpectralNorm needs a layer without activation: put the activation behind it")
        # Without this a float32 layer would get its inputs and its bias rounded to bfloat16 under mixed precision.
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)
        self._has_bias = layer.use_bias
        layer.use_bias = False

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        units = self.layer.kernel.shape[-1]
        if self._has_bias:
            self.bias = self.add_weight("bias", [units], initializer="zeros")
        self.u = self.add_weight(
            "u",
            [1, units],
            initializer="random_normal",
            trainable=False,
            dtype="float32",
            experimental_autocast=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        kernel = tf.cast(self.layer.kernel, tf.float32)
        matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])  # [fan_in, units]
        v = tf.math.l2_normalize(tf.matmul(self.u, matrix, transpose_b=True))  # [1, fan_in]
        u = tf.math.l2_normalize(tf.matmul(v, matrix))  # [1, units]
        u, v = tf.stop_gradient(u), tf.stop_gradient(v)
        if training and self.trainable:  # of a frozen layer nothing changes
            self.u.assign(u)
        sigma = tf.reduce_sum(tf.matmul(v, matrix) * u)
        outputs = self.layer(inputs)
        outputs = outputs / tf.cast(sigma, outputs.dtype)
        return outputs + tf.cast(self.bias, outputs.dtype) if self._has_bias else outputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["layer"]["config"]["use_bias"] = self._has_bias
        return config


@tf.keras.utils.register_keras_serializable("aigc_tf")
class StatelessDropout(tf.keras.layers.Layer):
    """Dropout whose noise is a function of a seed and of the number of training calls so far.

    Keras' own layer draws from a random generator that a checkpoint does not hold, so a resumed run would differ. Here
    both numbers are weights, saved and restored with all others; the seed is drawn when the layer is made, as first
    weights are. The mask is drawn for the global batch and cut, so that it does not depend on how many replicas share
    the batch.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        kind = {
            "trainable": False,
            "dtype": "int32",
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
        }
        any_int = tf.keras.initializers.RandomUniform(0, 2**31 - 1)
        self.seed = self.add_weight("seed", [2], initializer=any_int, **kind)
        self.calls = self.add_weight("calls", [], initializer="zeros", **kind)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training:
            return inputs
        context = tf.distribute.get_replica_context()
        rows = tf.shape(inputs)[0]
        seed = tf.random.experimental.stateless_fold_in(self.seed, self.calls.assign_add(1))
        shape = tf.concat([[rows * context.num_replicas_in_sync], tf.shape(inputs)[1:]], axis=0)
        uniform = tf.random.stateless_uniform(shape, seed, alg="philox")
        keep = uniform[context.replica_id_in_sync_group * rows :][:rows] >= self.rate
        return tf.where(keep, inputs / (1.0 - self.rate), tf.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


@tf.keras.utils.register_keras_serializable("aigc_tf")
class DepthToSpace(tf.keras.layers.Layer):
    """Makes `size` times `size` pixels of each: [B, H, W, size * size * C] -> [B, size * H, size * W, C]."""

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.depth_to_space(inputs, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


def in_float32(network: tf.keras.Model) -> tf.keras.Model:
    """A copy of a functional network that computes in float32, with weights of its own."""
    copy = tf.keras.models.clone_model(
        network, clone_function=lambda layer: type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    )
    copy.set_weights(network.get_weights())
    return copy
