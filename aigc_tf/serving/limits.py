"""What the stand-in bounds, so that no client can take the server from the others."""

from __future__ import annotations

import dataclasses

from aigc_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of one server; every one of them is a flag of `serve`."""

    max_body_bytes: int = 8 * 2**20
    """Largest request, over HTTP and over gRPC, also when what came compressed is inflated."""
    max_rows: int = 4096
    """Most rows that one request may ask for."""
    max_answer_bytes: int = 16 * 2**20
    """Largest answer in numbers, four bytes a float; its JSON is about four times as large."""
    max_queued_rows: int = 16_384
    """Most rows that may wait for one signature of one version; beyond it requests are refused as unavailable (503)."""
    max_batch_size: int = 64
    """Most rows that are computed together."""
    batch_timeout_ms: float = 1.0
    """How long a request may wait for others to share a batch with."""
    max_connections: int = 1000
    """Most HTTP connections, and most gRPC calls, at a time."""
    receive_seconds: float = 10.0
    """How long a client may take to send one HTTP request."""
    answer_seconds: float = 30.0
    """How long a request may take to be answered; also how long a shutdown waits for what is in flight."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, lowest = getattr(self, field.name), 0 if field.name == "batch_timeout_ms" else 1e-3
            if not lowest <= value < 2**31:
                flag = "--" + field.name.replace("_", "-")
                at = "or at " * (lowest == 0)
                raise UserError(f"{flag} is {value}, expected a number above {at}0 and below {2**31:,}")
