"""The benchmark of several workers: a real measurement in a network of its own, and its page by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from commands import ROOT

from benchmarks import scaling
from benchmarks.scaling import Case

ALONE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


@pytest.fixture
def can_be_alone() -> None:
    tools = None not in map(shutil.which, ("unshare", "ip"))
    if not tools or subprocess.run([*ALONE, "true"], capture_output=True).returncode:
        pytest.skip("a network namespace of its own takes unshare, ip and the right to it")


@pytest.mark.usefixtures("can_be_alone")
def test_bytes_of_a_step_are_those_of_a_ring():
    code = (
        "import json; from benchmarks import scaling; case = scaling.Case(2, 4); "
        "print(json.dumps([scaling.measure(case, 6), scaling.gradient_bytes()]))"
    )
    done = subprocess.run([*ALONE, sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    measured, gradients = json.loads(done.stdout)
    assert 3e6 < gradients < 5e6
    assert 1.0 < measured["bytes"] / scaling.ring(2, gradients) < 1.3


def test_every_worker_has_as_many_images_or_a_share_of_them():
    assert scaling.cases(96) == {
        "strong": [Case(1, 96), Case(2, 96), Case(3, 96)],
        "weak": [Case(1, 32), Case(2, 64), Case(3, 96)],
    }
    assert scaling.alone(Case(3, 96)) == Case(1, 96)
    assert [scaling.ring(workers, 100) for workers in (1, 2, 3)] == [0, 200, 400]


def test_the_page_holds_each_against_one_worker():
    def row(workers: int, cpu_milliseconds: float) -> dict[str, float]:
        own = {"workers": workers, "batch": 12, "bytes": 5e6}
        return {**own, "cpu_milliseconds": cpu_milliseconds}

    figures = {
        "gradient_bytes": 2_000_000,
        "cases": {"strong": [row(1, 10.0), row(2, 15.0)]},
        "alone": {12: row(1, 10.0)},
    }
    assert "| strong, 2 | 12 | 15 | 1.50 | 5.00 | 4.00 |" in scaling.page(figures)
