"""`python -m aigc_tf board`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf import quiet
from aigc_tf.errors import UserError

_MOST_STEPS = 1_000_000
"""Of more than that TensorBoard would show a random choice; without a word from us, of more than ten pictures."""


@dataclasses.dataclass(frozen=True)
class Command:
    """Open TensorBoard on all runs, or on one: curves, sample grids of every step, figures, settings, networks.

    It listens on loopback unless --host says otherwise: it knows no users and no encryption. Ctrl-C ends it.
    """

    logs: Positional[Path] = Path("logs")
    """Folder of runs, or the folder of one."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every one of this machine."""
    port: int = 6006
    """Port to listen on; 0 takes a free one."""

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65_536:
            raise UserError(f"--port {self.port} must be from 0 to 65535")

    def run(self) -> int:
        if not self.logs.is_dir():
            raise UserError(f"{self.logs} is no folder: give that of the runs, which train.py calls logs by default")
        quiet.import_tensorflow()
        from tensorboard import default, program

        board = program.TensorBoard(default.get_plugins())
        board.configure(
            logdir=str(self.logs),
            host=self.host,
            port=self.port,
            samples_per_plugin=dict.fromkeys(("images", "scalars", "histograms", "pr_curves"), _MOST_STEPS),
            # A run that goes on writes a file beside those of before, and takes back what went past its checkpoint.
            reload_multifile=True,
            detect_file_replacement=True,
        )
        return 1 if board.main() else 0
