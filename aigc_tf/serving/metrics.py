"""What Prometheus may ask; the names are TensorFlow Serving's, so that one board shows either server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from grpc import StatusCode
from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest

from aigc_tf.serving.request_error import RequestError

PATH = "/monitoring/prometheus/metrics"
_MICROSECONDS = [10.0 * 1.8**power for power in range(33)]  # TensorFlow Serving's buckets
_BATCH_SIZES = [2.0**power for power in range(13)]


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        # A Counter of this library adds "_total" to its name, which TensorFlow Serving does not.
        self.requests = Gauge(
            ":tensorflow:serving:request_count",
            "Requests answered, by the code of the answer.",
            ["model_name", "status"],
            registry=self._registry,
        )
        self.loads = Gauge(
            ":tensorflow:cc:saved_model:load_attempt_count",
            "Versions that were loaded, or could not be.",
            ["model_path", "status"],
            registry=self._registry,
        )
        self.latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Time from the whole request to its answer where that is no error, in microseconds.",
            ["model_name", "API", "entrypoint"],
            buckets=_MICROSECONDS,
            registry=self._registry,
        )
        self.batch_size = Histogram(
            ":tensorflow:serving:batching_session:processed_batch_size",
            "Rows that were computed together.",
            ["model_name", "signature_name"],
            buckets=_BATCH_SIZES,
            registry=self._registry,
        )
        self.queuing = Histogram(
            ":tensorflow:serving:batching_session:queuing_latency",
            "Time that rows waited for their batch, in microseconds.",
            ["model_name", "signature_name"],
            buckets=_MICROSECONDS,
            registry=self._registry,
        )

    @contextlib.contextmanager
    def counted(self, model: str, api: str, entrypoint: str) -> Iterator[None]:
        """Count one request, whose errors pass through, and time it where it has none.

        Args:
            model: "" for names that no model has: they would fill the memory with counters of their own.
            api: as TensorFlow Serving writes it: "Predict" over gRPC, "predict" over REST; "" for what is no
                prediction, such as the questions of probes for a status.
            entrypoint: "REST" or "GRPC".
        """
        begun = time.perf_counter()
        code = StatusCode.INTERNAL
        try:
            yield
            code = StatusCode.OK
        except RequestError as error:
            code = error.code
            raise
        finally:
            self.requests.labels(model, code.name).inc()
            if code is StatusCode.OK:
                self.latency.labels(model, api, entrypoint).observe((time.perf_counter() - begun) * 1e6)

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
