"""The benchmarks of sampling and of batches, on a tiny run and its export."""

from __future__ import annotations

import json
import math

import pytest
from commands import refused, run, succeed


def plausible(row: dict, typical: str, rare: str) -> None:
    assert all(math.isfinite(value) and value > 0 for value in row.values() if not isinstance(value, str))
    assert row[typical] <= row[rare]
    assert row["images_per_second"] == pytest.approx(1000 * row["batch"] / row[typical])


def test_three_ways_take_turns(tiny_run, tmp_path):
    printed = succeed(run("-m", "benchmarks.sampling", tiny_run, "--seconds", 0.5, "--results", tmp_path))
    figures = json.loads((tmp_path / "sampling.json").read_text())
    assert figures["step"] == 20 and figures["model"].startswith("lean on synthetic")
    ways = ("checkpoint, sample", "export, sample", "export, serving_default")
    assert [(row["way"], row["batch"]) for row in figures["rows"]] == [
        (way, batch) for batch in (1, 64, 512) for way in ways
    ]
    for row in figures["rows"]:
        plausible(row, "p50_ms", "p99_ms")
    rounds = {
        row["batch"]: {other["calls"] for other in figures["rows"] if other["batch"] == row["batch"]}
        for row in figures["rows"]
    }
    assert rounds[64] == rounds[512] and rounds[1] == {64 * calls for calls in rounds[64]}
    # All ways together: one way's few calls by themselves can meet a busy moment of the machine.
    cost = {
        batch: sum(row["cpu_ms_per_image"] for row in figures["rows"] if row["batch"] == batch)
        for batch in (1, 64, 512)
    }
    assert cost[1] > cost[64] and cost[1] > cost[512]
    assert (tmp_path / "sampling.md").read_text().split("\n\n", 2)[2].strip() in printed
    assert (tmp_path / "sampling.png").read_bytes().startswith(b"\x89PNG")


def test_batches_of_an_export(tiny_run, tmp_path):
    version = tiny_run / "export" / "synthetic" / "1"
    succeed(run("-m", "benchmarks.batching", version, "--seconds", 0.1, "--results", tmp_path))
    figures = json.loads((tmp_path / "batching.json").read_text())
    assert [row["batch"] for row in figures["rows"]] == [2**power for power in range(10)]
    for row in figures["rows"]:
        plausible(row, "median_ms", "p95_ms")
    assert "| 512 | " in (tmp_path / "batching.md").read_text()


def test_a_run_without_an_export_is_refused(tiny_run, tmp_path):
    (tmp_path / "config.json").write_text((tiny_run / "config.json").read_text())
    (tmp_path / "data.json").write_text((tiny_run / "data.json").read_text())
    assert "holds no version" in refused(run("-m", "benchmarks.sampling", tmp_path))
