"""The same run of either lane, and the ways from one to the other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from commands import made_once
from other_lane import OTHER, run_in

SMALL = [
    *("--dataset", "synthetic", "--network", "mlp", "--generator-widths", 16, "--discriminator-widths", 16),
    *("--latent-dim", 4, "--global-batch-size", 8, "--conditional", "--flip", 0.5),
    *("--log-every", 5, "--sample-every", 10, "--histogram-every", 10, "--checkpoint-every", 10, "--no-evaluate"),
]


@pytest.fixture(scope="session")
def runs() -> dict[str, Path]:
    """Folders of the same run of 20 steps, exported at its end, as each Python made it; tests copy them."""
    names = {sys.executable: "here", OTHER: "there"}

    def make(logs: Path) -> None:
        for python, name in names.items():
            run_in(python, "train.py", *SMALL, "--steps", 20, "--logs", logs, "--name", name)

    logs = made_once("lanes", make)
    return {python: logs / name for python, name in names.items()}


@pytest.fixture(params=["from there", "from here"])
def ways(request) -> tuple[str, str]:
    """The Python that began and the one that goes on."""
    return (OTHER, sys.executable) if request.param == "from there" else (sys.executable, OTHER)
