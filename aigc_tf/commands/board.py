"""`python -m aigc_tf board`."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

from tyro.conf import Positional

from aigc_tf import addresses, quiet
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
    port: int | None = None
    """Port to listen on; by default the first free one from 6006 on, and 0 takes any."""

    def __post_init__(self) -> None:
        if self.port is not None and not 0 <= self.port < 65_536:
            raise UserError(f"--port {self.port} must be from 0 to 65535")

    def run(self) -> int:
        if not self.logs.is_dir():
            raise UserError(f"{self.logs} is no folder: give that of the runs, which train.py calls logs by default")
        if self.port:
            with addresses.listening(self.host, self.port):
                pass  # TensorBoard would end the process where it cannot be had
        quiet.import_tensorflow()
        warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # TensorBoard 2.15 needs it all the same
        from tensorboard import default, program

        board = program.TensorBoard(default.get_plugins())
        board.configure(
            logdir=str(self.logs),
            host=self.host,
            port=self.port,
            samples_per_plugin=dict.fromkeys(("images", "scalars", "histograms", "pr_curves"), _MOST_STEPS),
            reload_multifile=True,  # a run that goes on writes a file beside those of before
            load_fast="false",  # the other loader does not forget what a run that goes on takes back
        )
        return 1 if board.main() else 0
