"""A signature of an export, and what a request to it must look like."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf

from aigc_tf.serving.limits import Limits
from aigc_tf.serving.request_error import invalid


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output: its data type, its shape without the rows (None: any length), its name in the graph."""

    dtype: tf.DType
    row_shape: tuple[int | None, ...]
    name: str


@dataclasses.dataclass(frozen=True)
class ServedSignature:
    """Named inputs and outputs, all of them with one row an answer."""

    name: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    @classmethod
    def from_proto(cls, name: str, proto) -> ServedSignature:
        """From a SignatureDef; ValueError where a tensor has no free first dimension, and so cannot be batched."""
        sides = []
        for side, tensors in (("input", proto.inputs), ("output", proto.outputs)):
            found = {}
            for key, info in sorted(tensors.items()):
                sizes = [None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
                if info.tensor_shape.unknown_rank or not sizes or sizes[0] is not None:
                    raise ValueError(f"{side} {key} of signature {name} has no free first dimension: no batches")
                found[key] = Tensor(tf.dtypes.as_dtype(info.dtype), tuple(sizes[1:]), info.name)
            sides.append(found)
        return cls(name, *sides)

    def check_names(self, given: Collection[str]) -> None:
        """Raise `RequestError` unless exactly the inputs are given."""
        if set(given) != set(self.inputs):
            raise invalid(f"the inputs given are {_listed(given)}; signature {self.name} has {_listed(self.inputs)}")

    def check_shape(self, name: str, shape: tuple[int, ...], max_rows: int) -> None:
        """Raise `RequestError` unless the input `name` may have this shape, rows included."""
        expected = self.inputs[name].row_shape
        fits = len(shape) == 1 + len(expected) and all(
            size is None or size == given for size, given in zip(expected, shape[1:])
        )
        if not fits:
            wanted = ", ".join(["N", *("any" if size is None else str(size) for size in expected)])
            raise invalid(f"input {name} has the shape {list(shape)}, expected [{wanted}]")
        check_rows(shape[0], max_rows)

    def check(self, inputs: Mapping[str, np.ndarray], limits: Limits) -> None:
        """Raise `RequestError` unless the inputs have the right names and shapes, as many rows, and finite numbers.

        TensorFlow Serving would compute with NaN; an image of NaN is no answer, so it is refused here. So are more rows
        than the answer has room for, as far as the signature tells the size of a row.
        """
        self.check_names(inputs)
        for name, array in inputs.items():
            self.check_shape(name, array.shape, limits.max_rows)
            if self.inputs[name].dtype.is_floating and not np.isfinite(array).all():
                raise invalid(f"input {name} holds NaN or infinity, expected finite numbers")
        if len({len(array) for array in inputs.values()}) > 1:
            rows = {name: len(array) for name, array in inputs.items()}
            raise invalid(f"the inputs have different numbers of rows: {rows}")
        self._check_answer(len(next(iter(inputs.values()))), limits.max_answer_bytes)

    def _check_answer(self, rows: int, max_bytes: int) -> None:
        row_bytes = sum(
            tensor.dtype.size * math.prod(size or 1 for size in tensor.row_shape) for tensor in self.outputs.values()
        )
        if rows * row_bytes > max_bytes:
            raise invalid(
                f"the answer for {rows} rows would have {rows * row_bytes} bytes of numbers, more than {max_bytes}: "
                f"ask for at most {max_bytes // row_bytes} rows at a time"
            )


def check_rows(rows: int, max_rows: int) -> None:
    """Raise `RequestError` unless a request may have so many rows."""
    if not 1 <= rows <= max_rows:
        raise invalid(f"the request has {rows} rows, expected 1 to {max_rows}")


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
