"""Tensors of gRPC requests. Their shapes are promises of a client, so they are checked before any memory is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DataType

from aigc_tf.serving.request_error import invalid
from aigc_tf.serving.signature import ServedSignature

_MOST_REPEATED = 65_536  # values of a tensor that clients may write as one, such as a truncation for all rows


def decode(protos: Mapping[str, TensorProto], signature: ServedSignature, max_rows: int) -> dict[str, np.ndarray]:
    """Arrays [N, ...] by input name; RequestError where a type, a shape or the number of values is wrong."""
    signature.check_names(protos)
    return {name: _array(name, proto, signature, max_rows) for name, proto in protos.items()}


def encode(array: np.ndarray) -> TensorProto:
    """The array as it travels."""
    return tf.make_tensor_proto(array)


def _array(name: str, proto: TensorProto, signature: ServedSignature, max_rows: int) -> np.ndarray:
    dtype = signature.inputs[name].dtype
    if proto.dtype != dtype.as_datatype_enum:
        given = DataType.Name(proto.dtype) if proto.dtype in DataType.values() else proto.dtype
        raise invalid(f"input {name} has the type {given}, expected {DataType.Name(dtype.as_datatype_enum)}")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    signature.check_shape(name, shape, max_rows)
    # One value may stand for all of them, so a short message could ask for any amount of memory.
    if math.prod(shape) > max(proto.ByteSize(), _MOST_REPEATED):
        raise invalid(f"input {name} has the shape {list(shape)}, but values for less of it")
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"input {name}: {error}") from None
