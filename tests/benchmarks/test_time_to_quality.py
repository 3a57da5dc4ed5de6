"""Quality against time: what is reckoned from judged points, and the whole benchmark on a few digits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from commands import run, some_of_mnist, succeed

from aigc_tf.presets import PRESETS
from benchmarks.time_to_quality import CHECKPOINT_EVERY, points
from benchmarks.time_to_quality_page import first_reached


def test_every_preset_can_be_measured():
    assert CHECKPOINT_EVERY.keys() == PRESETS.keys()


def test_points_are_evenly_spaced_on_a_logarithmic_axis_and_end_with_the_last():
    noted = [{"step": step, "seconds": float(step)} for step in range(1, 1001)]
    chosen = [row["seconds"] for row in points(noted)]
    assert chosen[0] == 8 and chosen[-1] == 1000
    ratios = np.divide(chosen[1:-1], chosen[:-2])
    assert len(chosen) == 23 and ratios == pytest.approx(1.25, rel=0.06)


def test_a_threshold_is_reached_on_a_straight_line_in_the_logarithms():
    judged = [{"seconds": 10.0, "lenet": 100.0}, {"seconds": 40.0, "lenet": 1.0}, {"seconds": 80.0, "lenet": 50.0}]
    assert first_reached(judged, 10) == pytest.approx(20)
    assert first_reached(judged, 100) == first_reached(judged, 500) == 10
    assert first_reached(judged, 0.5) is None
    assert first_reached([], 10) is None


def test_a_run_is_judged_and_goes_on_where_it_was(tmp_path):
    some_of_mnist(tmp_path, 4, (0, 3))
    options = ["--data-dir", tmp_path, "--logs", tmp_path / "logs", "--results", tmp_path, "--num-samples", 200]
    seen = []
    for seconds in (10, 20):
        succeed(run("-m", "benchmarks.time_to_quality", *options, f"default:3:{seconds}"))
        figures = json.loads((tmp_path / "time_to_quality.json").read_text())
        seen.append(figures["runs"]["default-3"])
    short, long = seen
    assert long[: len(short)] == short and len(long) > len(short)
    # Starting anew counts too, and costs more where tests run beside it.
    assert 10 <= short[-1]["seconds"] < 20 <= long[-1]["seconds"] < 40
    assert all(sum(row["class_shares"]) == pytest.approx(1, abs=1e-3) and row["second"] > 1 for row in long)
    # These few are not MNIST as it was published, so the shipped judge is not for them: theirs learned from 833 digits.
    assert figures["floors"]["lenet"] > 0 and figures["held_out_accuracy"]["lenet"] > 0.9
    assert "| default-3 |" in (tmp_path / "time_to_quality.md").read_text()
    assert (tmp_path / "time_to_quality.png").stat().st_size > 10_000
