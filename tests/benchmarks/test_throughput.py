"""The real command on one tiny cell."""

import importlib.util
import json
import math
import sys
import time

import pytest
from commands import run, succeed

from benchmarks import throughput, throughput_page

_UNITS = ("images_per_second", "images_per_cpu_second")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    succeed(run("-m", "benchmarks.throughput", "--cells", "8x16", "--rounds", 2, "--steps", 100, "--results", folder))
    return folder


@pytest.fixture(scope="module")
def figures(results):
    return json.loads((results / "throughput.json").read_text())


def test_every_competitor_has_a_speed_in_every_round(figures):
    cell = figures["cells"]["8x16"]
    for name in ("train.py", "bare loop"):
        for unit in _UNITS:
            assert len(cell[name][unit]) == 2
            assert all(math.isfinite(rate) and rate > 1 for rate in cell[name][unit])


def test_no_process_works_on_more_than_all_cores(figures):
    for name in ("train.py", "bare loop"):
        by_clock, by_cpu = (figures["cells"]["8x16"][name][unit] for unit in _UNITS)
        # The kernel counts in hundredths of a second, and a round has some tenths.
        assert all(clock <= 1.1 * cpu for clock, cpu in zip(by_clock, by_cpu))


def test_ratios_are_those_of_the_speeds(figures):
    cell = figures["cells"]["8x16"]
    rates = [cell[name]["images_per_second"] for name in ("train.py", "bare loop")]
    assert cell["ratios"]["train.py / bare loop"]["images_per_second"] == pytest.approx(
        [ours / bare for ours, bare in zip(*rates)], abs=1e-4
    )


def test_floating_point_operations_are_those_of_the_layers(figures):
    # 16x16: the generator goes from 8x8x64 through a 3x3 to 32 channels, then a 3x3 to the image;
    # the discriminator through 4x4 with stride 2 to 8x8x32 and 4x4x64, and a dense layer of 64.
    generator = 2 * (64 * 8 * 8 * 64 + 8 * 8 * 9 * 64 * 32 + 16 * 16 * 9 * 32)
    discriminator = 2 * (8 * 8 * 16 * 32 + 4 * 4 * 16 * 32 * 64 + 4 * 4 * 64 * 64 + 64)
    assert figures["cells"]["8x16"]["flops_per_image"] == 3 * generator + (6 + 3 / 4) * discriminator


def test_training_stays_below_the_peak(figures):
    assert all(0 < share < 1 for share in figures["cells"]["8x16"]["share_of_peak"].values())


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: pip install torch")
def test_pytorch_trains_networks_of_the_same_size(figures):
    cell = figures["cells"]["8x16"]
    assert cell["PyTorch"]["parameters"] == cell["bare loop"]["parameters"]


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_pytorch_the_rest_is_measured(figures):
    assert figures["torch"] is None
    assert figures["cells"]["8x16"]["PyTorch"] is None
    assert list(figures["cells"]["8x16"]["ratios"]) == ["train.py / bare loop"]


def test_page_and_picture_are_written(results):
    assert "| 8 | 16 |" in (results / "throughput.md").read_text()
    assert (results / "throughput.png").read_bytes().startswith(b"\x89PNG")


def test_a_child_that_fails_fails_the_benchmark(tmp_path):
    # 4 pixels are too few for any network.
    done = run("-m", "benchmarks.throughput", "--cells", "8x4", "--rounds", 1, "--steps", 100, "--results", tmp_path)
    assert done.returncode != 0
    assert "cannot be used" in done.stderr
    assert not list(tmp_path.iterdir())


_STEPS_FOR_EVER = """
import json, sys, time
for step in range(1, 10**9):
    time.sleep(0.1)
    print(json.dumps({"step": step}), file=open(sys.argv[1], "a"))
"""


def test_competitors_do_the_same_steps_and_rest_between_their_turns(tmp_path):
    competitors = []
    try:
        for name in "ab":
            told = tmp_path / name
            command = [sys.executable, "-c", _STEPS_FOR_EVER, told]
            competitors.append(throughput.Child(command, told, tmp_path / f"{name}.log", {}))
            throughput.take_turns(competitors[-1:], 5)
        throughput.take_turns(competitors, 25)  # more than one turn of each
        told = [child.said()["step"] for child in competitors]
        # If the one went on in the turns of the other, it would be near 60. A sleep that is stopped ends by itself,
        # so one step at the end of each turn may come for nothing.
        assert all(30 <= step < 40 for step in told)
        assert all(2 <= child.so_far()[1] < 20 for child in competitors)
        time.sleep(0.5)
        assert [child.said()["step"] for child in competitors] == told
    finally:
        for child in competitors:
            child.end()


def test_ratio_of_rounds():
    def rates(*values):
        return dict.fromkeys(_UNITS, list(values))

    cell = {"train.py": rates(9.0, 20.0), "bare loop": rates(10.0, 16.0), "PyTorch": None}
    assert throughput_page.ratios(cell) == {"train.py / bare loop": dict.fromkeys(_UNITS, [0.9, 1.25])}
