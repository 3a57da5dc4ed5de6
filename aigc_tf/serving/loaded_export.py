"""One version of a model in memory, loaded and run as TensorFlow Serving does it: in a graph and a session."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from aigc_tf import untrusted
from aigc_tf.serving import proto_tensors
from aigc_tf.serving.request_error import RequestError, invalid
from aigc_tf.serving.signature import ServedSignature
from aigc_tf.verify_export import graph_faults

DEFAULT_SIGNATURE = "serving_default"
_WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
_MOST_WARM_UP_REQUESTS = 1000  # TensorFlow Serving's own bound


class LoadError(Exception):
    """An export that this server does not take up."""


class LoadedExport:
    """A SavedModel in a session of its own.

    Attributes:
        signature_def: the SignatureDef protos by name, as metadata tells them.
        signatures: those of them that can be called.
    """

    def __init__(self, folder: Path, max_rows: int) -> None:
        """Check, load and warm up the export in `folder`; blocks for some hundred milliseconds.

        Raises:
            LoadError: the graph holds what a server lacks or reaches beyond tensors, to files for instance, a
                signature cannot be batched, or a warm-up request failed.
            OSError, tf.errors.OpError: files are missing or damaged.
        """
        faults = [*graph_faults(os.fspath(folder)), *untrusted.inspect(folder).dangers]
        if faults:
            raise LoadError("; ".join(faults))
        self._calls: dict[str, Callable] = {}
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            with self._session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], os.fspath(folder))
            self.signature_def = dict(meta_graph.signature_def)
            callable_ones = {name: proto for name, proto in self.signature_def.items() if proto.inputs}
            self.signatures = {name: ServedSignature.from_proto(name, proto) for name, proto in callable_ones.items()}
            self._calls.update({name: self._callable(signature) for name, signature in self.signatures.items()})
            self._warm_up(folder / _WARM_UP, max_rows)
        except ValueError as error:
            self.close()
            raise LoadError(str(error)) from None
        except BaseException:
            self.close()
            raise

    def signature(self, name: str) -> ServedSignature:
        """The signature that a request names; an empty name means the default one."""
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return self.signatures[name]

    def run(self, signature: ServedSignature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name, one row for each row of the inputs; blocks. RequestError where the graph refuses them."""
        try:
            values = self._calls[signature.name](*(inputs[name] for name in signature.inputs))
        except tf.errors.OpError as error:
            raise RequestError.of_number(error.error_code, error.message) from None
        return dict(zip(signature.outputs, values))

    def close(self) -> None:
        """Give the memory back; no call may be running."""
        self._calls.clear()
        self._session.close()
        gc.collect()  # a graph is full of cycles, and weights wait in it

    def _callable(self, signature: ServedSignature) -> Callable:
        outputs = [tensor.name for tensor in signature.outputs.values()]
        return self._session.make_callable(outputs, feed_list=[tensor.name for tensor in signature.inputs.values()])

    def _warm_up(self, file: Path, max_rows: int) -> None:
        if not file.exists():
            return
        records = tf.data.TFRecordDataset(os.fspath(file)).as_numpy_iterator()
        for record in itertools.islice(records, _MOST_WARM_UP_REQUESTS):
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            try:
                signature = self.signature(request.model_spec.signature_name)
                self.run(signature, proto_tensors.decode(request.inputs, signature, max_rows))
            except RequestError as error:
                raise LoadError(f"a warm-up request failed: {error}") from None
