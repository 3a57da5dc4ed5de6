"""The benchmark of reading: two real folders, real trainings, and real steps."""

from __future__ import annotations

import json

from commands import run, succeed


def test_it_measures_memory_and_steps(tmp_path):
    sizes = ("--files", 100, "--records", 100, "--pixels", 9, "--seconds", 0.2, "--sizes", 8, "--step-images", 60)
    printed = succeed(run("-m", "benchmarks.data_reading", *sizes, "--steps", 2, "--turns", 1, "--results", tmp_path))
    assert "| 100 |" in printed and "disk, ratio" in (tmp_path / "data_reading.md").read_text()
    figures = json.loads((tmp_path / "data_reading.json").read_text())
    assert [point["images"] for point in (*figures["files"], *figures["records"])] == [100, 100]
    for point in (*figures["files"], *figures["records"]):
        assert 300 < point["resident_mb"] <= point["peak_mb"] < 5000 and point["seconds_to_first_point"] > 0
    (cost,) = figures["steps"]
    assert min(cost["none_ms"], cost["memory_ms"], cost["disk_ms"]) > 0 and cost["disk_ratio"] > 0
