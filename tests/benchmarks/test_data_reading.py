"""The benchmark of reading: two real folders, real trainings, and real steps."""

from __future__ import annotations

import json

from commands import run, succeed


def test_it_measures_memory_and_steps(tmp_path):
    sizes = ("--images", 50, 100, "--pixels", 9, "--seconds", 0.2, "--sizes", 8, "--step-images", 60)
    printed = succeed(run("-m", "benchmarks.data_reading", *sizes, "--steps", 2, "--turns", 1, "--results", tmp_path))
    assert "| 100 |" in printed and "disk, ratio" in (tmp_path / "data_reading.md").read_text()
    figures = json.loads((tmp_path / "data_reading.json").read_text())
    few, more = figures["memory"]
    assert (few["images"], more["images"]) == (50, 100) and few["records_mb"] < more["records_mb"]
    for point in (few, more):
        assert 300 < point["resident_mb"] <= point["peak_mb"] < 5000 and point["start_seconds"] > 0
    (cost,) = figures["steps"]
    assert min(cost["none_ms"], cost["memory_ms"], cost["disk_ms"]) > 0 and cost["disk_ratio"] > 0
