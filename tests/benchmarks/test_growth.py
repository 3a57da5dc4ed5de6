"""The benchmark of growth: two real trainings, and its lines against ones that are known."""

from __future__ import annotations

import json

import pytest
from commands import run, succeed

from benchmarks import growth


def test_it_measures_trainings(tmp_path):
    options = ("--batches", 64, "--pixels", 28, 8, "--images", 100, "--seconds", 0.5, "--turns", 1)
    printed = succeed(run("-m", "benchmarks.growth", *options, "--results", tmp_path))
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "growth.md").read_text().split("\n\n", 2)[2].strip() in printed
    figures = json.loads((tmp_path / "growth.json").read_text())
    large, small = figures["points"]
    assert [(row["batch"], row["pixels"], row["images"]) for row in (large, small)] == [(64, 28, 100), (64, 8, 100)]
    assert 0 < small["step_ms"] < large["step_ms"]
    for row in (large, small):
        assert row["steps"] > 0 and row["steps"] % 4 == 0
        assert row["step_ms"] <= row["step_ms_by_clock"] * 1.1  # all cores at once can be no slower than the clock
        assert 300 < row["resident_mb"] <= row["peak_mb"] < 5000
        assert 1 < row["start_cpu_seconds"] < 100
    by_resolution = figures["fits"]["step_ms by resolution"]
    assert by_resolution["slope"] > 0 and by_resolution["largest_deviation"] < 1e-6  # two points lie on a line
    assert figures["fits"]["peak_mb by data set"] is None  # of one size


def test_a_training_that_fails_is_told_with_what_it_said(tmp_path):
    done = run("-m", "benchmarks.growth", "--pixels", 4, "--images", 10, "--results", tmp_path)
    assert done.returncode == 1
    assert "error: images of 4x4 pixels with 1 channels cannot be used" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_points_vary_one_thing_at_a_time():
    found = growth.points([32, 64], [28, 32], [5000, 10_000])
    assert [(point.batch, point.pixels, point.images) for point in found] == [
        *((32, 28, 5000), (64, 28, 5000)),
        *((32, 32, 5000), (32, 28, 10_000)),
    ]


def test_lines():
    assert growth.line([1, 2, 4], [5.0, 7.0, 11.0]) == pytest.approx(
        {"constant": 3, "slope": 2, "r_squared": 1, "largest_deviation": 0}, abs=1e-9
    )
    # By hand, from the normal equations with weights 1, 1 and 1/4.
    assert growth.line([1, 2, 3], [1.0, 1.0, 2.0]) == pytest.approx(
        {"constant": 5 / 9, "slope": 1 / 3, "r_squared": 11 / 18, "largest_deviation": 2 / 9}
    )
    assert growth.line([3, 3], [1.0, 2.0]) is None
