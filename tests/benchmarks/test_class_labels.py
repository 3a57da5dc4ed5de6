"""The real command on the smallest network."""

import json
import statistics

from commands import run, succeed


def test_both_kinds_take_turns_and_are_compared_round_by_round(tmp_path):
    told = ["--networks", "mlp", "--batch", 8, "--rounds", 2, "--steps", 50, "--results", tmp_path]
    printed = succeed(run("-m", "benchmarks.class_labels", *told))
    found = json.loads((tmp_path / "class_labels.json").read_text())["networks"]["mlp"]
    without, labelled = found["images_per_cpu_second"].values()
    assert len(without) == len(labelled) == 2 and min(without + labelled) > 1
    assert all(abs(a / b - times) < 1e-3 for a, b, times in zip(without, labelled, found["times_as_long"], strict=True))
    assert f"| {statistics.median(found['times_as_long']):.3f} [" in printed
    assert printed.partition("\n\n")[2].strip() in (tmp_path / "class_labels.md").read_text()
