"""`python -m aigc_tf serve`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional

from aigc_tf import quiet
from aigc_tf.errors import UserError
from aigc_tf.serving.limits import Limits


@dataclasses.dataclass(frozen=True)
class Command:
    """Serve models on a laptop as TensorFlow Serving would, over REST and gRPC; production is TensorFlow Serving.

    It answers the paths, forms, codes and protos of TensorFlow Serving 2.15, follows new versions and the model config,
    and listens on loopback unless --host says otherwise: it knows no users and no encryption. It refuses what
    TensorFlow Serving would compute, NaN among the inputs and more than --max-rows rows at once; docs/serving.md lists
    all that differs.
    """

    bases: Positional[tuple[Path, ...]] = ()
    """Base paths of models, such as models/digits; the last part is the name of the model."""
    model_config: Path | None = None
    """TensorFlow Serving model config (text proto) with version policies and labels; read again when it changes."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every one of this machine."""
    port: int = 8501
    """Port of REST; 0 takes a free one."""
    grpc_port: int = 8500
    """Port of gRPC; 0 takes a free one."""
    cors: bool = False
    """Let browsers read the answers of REST from any page; TensorFlow Serving's --rest_api_enable_cors_support."""
    limits: OmitArgPrefixes[Limits] = Limits()

    def __post_init__(self) -> None:
        for name, port in (("--port", self.port), ("--grpc-port", self.grpc_port)):
            if not 0 <= port < 65_536:
                raise UserError(f"{name} {port} must be from 0 to 65535")

    def run(self) -> int:
        from aigc_tf.serving import model_config

        for model in model_config.read(self.bases, self.model_config).values():
            model.check()
        quiet.import_tensorflow()
        from aigc_tf.serving import server

        server.serve(self.bases, self.model_config, self.host, self.port, self.grpc_port, self.limits, self.cors)
        return 0
