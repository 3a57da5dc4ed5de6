"""Runs the site until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from starlette.types import ASGIApp

from aigc_tf.addresses import joined
from aigc_tf.playground import site
from aigc_tf.playground.site import Played
from aigc_tf.serving import http_server
from aigc_tf.serving.limits import Limits

LIMITS = Limits(answer_seconds=120.0)
"""Some models take many passes through a network for one picture, and nobody else waits here."""


def serve(
    played: Played, models: Callable[[Limits], AbstractAsyncContextManager[ASGIApp]], listener: socket.socket
) -> None:
    """Serve the page beside what `models` opens, at the address of `listener`, and print a line with it once it
    answers."""
    asyncio.run(_serve(played, models, listener))


async def _serve(
    played: Played, models: Callable[[Limits], AbstractAsyncContextManager[ASGIApp]], listener: socket.socket
) -> None:
    stopping = asyncio.Event()
    async with models(LIMITS) as answering:
        web = http_server.of(site.application(played, answering), LIMITS)

        def stop() -> None:
            web.force_exit = stopping.is_set()  # a second time, and what is asked just now is waited for no longer
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        serving = asyncio.create_task(web.serve(sockets=[listener]))
        while not web.started:
            await asyncio.sleep(0.01)
        address = joined(*listener.getsockname()[:2])
        print(f"playground of {played.model} version {played.version} at http://{address} (Ctrl-C ends it)", flush=True)
        await stopping.wait()
        web.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def ready(application: ASGIApp) -> AsyncIterator[ASGIApp]:
    """For `serve`: what needs no opening."""
    yield application
