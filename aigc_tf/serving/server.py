"""Runs both servers over one set of models, from the first load to the last answer."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from aigc_tf.addresses import joined, listening
from aigc_tf.errors import UserError
from aigc_tf.serving import grpc_service, http_server, model_config, rest
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.metrics import Metrics
from aigc_tf.serving.models import Models


def serve(
    bases: Sequence[Path],
    config: Path | None,
    host: str,
    port: int,
    grpc_port: int,
    limits: Limits,
    cors: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight and return.

    Prints one line with the addresses once both ports answer. Port 0 is any free one; `host` may be an IPv6 address in
    brackets. With `cors` browsers let any page read the answers of REST.

    Raises:
        UserError: a port is taken.
    """
    tf.get_logger().setLevel(logging.ERROR)  # it calls the loader that TensorFlow Serving uses deprecated
    logging.getLogger("aigc_tf.serving").setLevel(logging.INFO)
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    asyncio.run(_serve(lambda: model_config.read(bases, config), host, port, grpc_port, limits, cors))


async def _serve(
    read_config: Callable[[], dict[str, model_config.ServedModel]],
    host: str,
    port: int,
    grpc_port: int,
    limits: Limits,
    cors: bool,
) -> None:
    metrics = Metrics()
    models = Models(read_config, limits, metrics)
    with listening(host, port) as listener:
        grpc_server = grpc_service.server(models, limits, metrics)
        try:
            grpc_port = grpc_server.add_insecure_port(joined(host, grpc_port))
        except RuntimeError:
            raise UserError(f"cannot listen on {host}:{grpc_port} for gRPC; is another server there?") from None
        await models.refresh()
        gc.collect()
        gc.freeze()  # TensorFlow's own objects stay; looking through them at each unloaded version takes long
        web = http_server.of(rest.application(models, limits, metrics, cors), limits)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await grpc_server.start()
        watching = asyncio.create_task(models.watch())
        serving = asyncio.create_task(web.serve(sockets=[listener]))
        while not web.started:
            await asyncio.sleep(0.01)
        served = ", ".join(f"{name} {numbers}" for name, numbers in models.available().items())
        address = joined(host, listener.getsockname()[1])
        print(f"serving {served} at http://{address} and grpc://{joined(host, grpc_port)}", flush=True)
        await stopping.wait()
        web.should_exit = True
        await asyncio.gather(serving, grpc_server.stop(limits.answer_seconds))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await models.close()
