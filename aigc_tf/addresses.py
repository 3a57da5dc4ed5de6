"""Addresses of servers, HOST:PORT."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator

from aigc_tf.errors import UserError

_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([\w.-]+)):([0-9]{1,5})")


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of an address; an IPv6 address stands in brackets there, and without them in what is returned.

    Raises UserError for what is no such address, as `::1:8501`, which could end in a port or not.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[3]) < 65_536:
        raise UserError(f"{address!r} is no HOST:PORT, such as localhost:8501 or [::1]:8501")
    return found[1] or found[2], int(found[3])


def joined(host: str, port: int) -> str:
    """The address of a host, a name or an IP address without brackets, and a port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A TCP socket with that address, for the length of a block. Raises UserError where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        raise UserError(f"cannot listen on {host}:{port}: {error}") from None
    with listener:
        yield listener
