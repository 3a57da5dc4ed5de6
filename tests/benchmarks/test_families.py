"""The families side by side: the whole benchmark on a few digits."""

from __future__ import annotations

import json

from commands import run, some_of_mnist, succeed

from benchmarks import families, record


def test_families_are_trained_judged_and_shown(tmp_path):
    some_of_mnist(tmp_path, 8, (1, 2))
    options = ["--data-dir", tmp_path, "--logs", tmp_path / "logs", "--results", tmp_path, "--num-samples", 100]
    options += ["--sampling-seconds", 1]
    succeed(run("-m", "benchmarks.families", *options, "--seconds", 6, "keras-vae"))
    found = json.loads((tmp_path / "families.json").read_text())["runs"]
    assert found.keys() == {"keras-vae"}
    for row in found.values():
        assert 3 <= row["seconds"] < 40 and row["finishing_seconds"] > 0 and row["step"] > 0
        assert min(row["floors"]["lenet"], row["floors"]["second"]) > 1
        assert 0 <= row["measures"]["precision"] <= 1 and row["measures"]["memorised_share"] < 0.5
        assert min(row["images_per_second"].values()) > 0 and row["export_bytes"] > 100_000
    told = found["keras-vae"]["measures"]
    assert any(name.startswith("bound_") for name in told) and any(name.startswith("bits_per_d") for name in told)
    page = (tmp_path / "families.md").read_text()
    assert (
        "|  | keras-vae |" in page
        and "| training and 10,000 images, CPU s |" in page
        and "| bits per dimension" in page
    )
    assert (tmp_path / "families.png").stat().st_size > 5_000


def test_the_page_is_that_of_its_figures():
    """Of families with and without labels and likelihoods, as they were measured last."""
    told = (record.RESULTS / "families.md").read_text()
    page = families.page(json.loads((record.RESULTS / "families.json").read_text()))
    assert page in told and "| label accuracy |  |  |  | 0." in page and "| bits per dimension" in page
