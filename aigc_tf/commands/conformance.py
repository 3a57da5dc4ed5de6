"""`python -m aigc_tf conformance`."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from tyro.conf import Positional, arg

from aigc_tf.errors import UserError

_A_DAY = 86_400


@dataclasses.dataclass(frozen=True)
class Command:
    """Check that a model server answers as it should: TensorFlow Serving, or the local stand-in.

    Prints a line for every check and exits with 1 if one failed. What was not asked for, or is not there, is skipped
    with the reason.
    """

    server: Positional[str]
    """Address of the server's REST port, HOST:PORT."""
    model: str
    """Name of the model on the server, such as digits."""
    grpc: str | None = None
    """Address of the server's gRPC port, HOST:PORT; by default only REST is checked."""
    labels: Annotated[tuple[str, ...], arg(metavar="LABEL ...")] = ()
    """Labels that the server should know, such as stable canary."""
    seconds: float = 3.0
    """How long to send requests from many connections at once; publish versions meanwhile to check that too."""
    timeout: float = 30.0
    """Seconds that a request may take."""

    def run(self) -> int:
        if not 0 < self.seconds < _A_DAY or not 0 < self.timeout < _A_DAY:
            raise UserError(
                f"--seconds {self.seconds:g} and --timeout {self.timeout:g} must be above 0, and below a day"
            )
        from aigc_tf.serving import conformance
        from aigc_tf.serving.server_under_test import Server

        if self.grpc is not None:
            from aigc_tf import quiet

            quiet.import_tensorflow()
        server = Server(self.server, self.model, self.grpc, self.labels, self.seconds, self.timeout)
        return 1 if conformance.run(server) else 0
