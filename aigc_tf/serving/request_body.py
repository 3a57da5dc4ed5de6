"""The body of an HTTP request: whole, inflated where it is gzip, and never more of it in memory than is allowed."""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import Request

from aigc_tf.serving.request_error import invalid

_GZIP = 31  # zlib's window bits for a gzip header and trailer


async def read(request: Request, max_bytes: int) -> bytes | None:
    """The body, or None as soon as it is known to be larger than `max_bytes`, before or after it is inflated.

    Raises:
        RequestError: `Content-Encoding` says gzip, and the body is none.
        starlette.requests.ClientDisconnect: the client is gone.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            return None
    if "gzip" in request.headers.get("content-encoding", ""):
        return await asyncio.to_thread(inflate, bytes(body), max_bytes)
    return bytes(body)


def inflate(body: bytes, max_bytes: int) -> bytes | None:
    """The content of one gzip member, or None where it has more than `max_bytes`. RequestError: it is none."""
    inflating = zlib.decompressobj(_GZIP)
    try:
        content = inflating.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise invalid(f"the body is not gzip, as its Content-Encoding says: {error}") from None
    if len(content) > max_bytes:
        return None
    if not inflating.eof or inflating.unused_data:
        raise invalid("the body is not one whole gzip member, as its Content-Encoding says")
    return content
