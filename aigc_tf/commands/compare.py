"""`python -m aigc_tf compare`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf import json_files, terminal
from aigc_tf.command_line import check_writable


@dataclasses.dataclass(frozen=True)
class Command:
    """Put the figures of several evaluations side by side, unless they were not measured alike."""

    runs: Positional[tuple[Path, ...]]
    """Run folders (their newest evaluation counts) or evaluation files, two or more."""
    out: Path = Path("comparison.png")
    """Where the plot goes; .png, .svg or .pdf."""
    json: Path | None = None
    """Write the figures to this file, too; - is standard output, which holds nothing else then."""

    def __post_init__(self) -> None:
        check_writable("--out", self.out)
        if self.json is not None:
            check_writable("--json", self.json)

    def run(self) -> int:
        with terminal.hushed(self.json == json_files.STANDARD_OUTPUT):
            return self._run()

    def _run(self) -> int:
        from aigc_tf import comparison

        compared = comparison.compare(self.runs)
        comparison.draw(compared, self.out)
        console = terminal.console()
        console.print(comparison.table(compared))
        for name, holders in compared.apart.items():
            console.print(f"{name}: only in {', '.join(holders)}", markup=False, highlight=False)
        if compared.own:
            told = f"not compared, since each model is its own judge: {', '.join(compared.own)}"
            console.print(told, markup=False, highlight=False)
        for warning in compared.warnings:
            console.print(f"warning: {warning}", markup=False, highlight=False)
        if self.json is not None:
            json_files.write(comparison.record(compared), self.json)
        print(self.out)
        return 0
