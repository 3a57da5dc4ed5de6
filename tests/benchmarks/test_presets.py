"""What presets reach: the whole benchmark on a few digits."""

from __future__ import annotations

import json

from commands import run, some_of_mnist, succeed

from benchmarks.presets import page


def row(**changes) -> dict:
    values = {"epochs": 1.0, "step": 10, "images": 640, "cpu_seconds": 5.0, "fd_lenet": 30.0, "floor": 2.0}
    return {**values, "classes": 7.0, "precision": 0.5, "recall": 0.25, "commit": "0" * 40, **changes}


def test_a_share_is_of_the_presets_own_budget():
    shown = page({"default": [row(step=4000)], "dense-128-128": [row(), row(epochs=5.0)]})
    assert "| default | 640 | 100.0% | 30.0 | 15.0 | 7 | 0.50 | 0.25 | 5 |" in shown
    assert "| dense-128-128 | 640 | 2.0% |" in shown and "| dense-128-128 | 640 | 10.0% |" in shown


def test_a_preset_is_trained_judged_and_shown_once(tmp_path):
    some_of_mnist(tmp_path, 8, (1, 2))
    options = ["--data-dir", tmp_path, "--logs", tmp_path / "logs", "--results", tmp_path]
    for _ in range(2):  # the second time nothing is left to train
        succeed(run("-m", "benchmarks.presets", *options, "dense-128-128:1"))
        (row,) = json.loads((tmp_path / "presets.json").read_text())["runs"]["dense-128-128"]
        assert (row["epochs"], row["step"], row["images"]) == (1, 5, 320)
        assert row["cpu_seconds"] > 1 and row["fd_lenet"] > row["floor"] > 0
    assert "| dense-128-128 | 320 | 2.0% |" in (tmp_path / "presets.md").read_text()
    assert (tmp_path / "presets.png").stat().st_size > 5_000
