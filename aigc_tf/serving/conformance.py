"""Does a model server keep the contract? A list of plain checks, run against TensorFlow Serving or the stand-in.

A check is a function of a `Server` whose docstring says what holds. It returns if that holds, raises `Broken` if not,
and `Skipped` where it cannot tell. What the checks expect is what TensorFlow Serving 2.15 does, read in its source.
"""

from __future__ import annotations

from collections.abc import Callable

from aigc_tf.serving import contract_checks, grpc_checks, http_checks, refusal_checks, rest_checks
from aigc_tf.serving.client import connect, wait_until_available
from aigc_tf.serving.server_under_test import Broken, Server, Skipped

CHECKS = tuple(
    check for room in (rest_checks, contract_checks, refusal_checks, http_checks, grpc_checks) for check in room.CHECKS
)


def run(server: Server, show: Callable[[str], None] = print) -> int:
    """Run every check, `show` a line for each, and return how many failed.

    Raises:
        ServingError: the server cannot be reached, or has no such model AVAILABLE within ten seconds.
    """
    with connect(server.rest, server.model, timeout=server.timeout) as client:
        wait_until_available(client, 10.0)
    failures = 0
    for check in CHECKS:
        title = (check.__doc__ or "").partition(".")[0]
        try:
            check(server)
        except Skipped as reason:
            show(f"skip  {title}: {reason}")
        # A server that is wrong in a way that nobody thought of makes a check stumble; that is its failure too.
        except Exception as fault:
            failures += 1
            seen = str(fault) if isinstance(fault, Broken) else f"{type(fault).__name__}: {fault}"
            show(f"FAIL  {title}: {seen}")
        else:
            show(f"pass  {title}")
    return failures
