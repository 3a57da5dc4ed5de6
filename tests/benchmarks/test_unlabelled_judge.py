"""The calibration of the eyes for images without labels, on a small set."""

from __future__ import annotations

import json

import numpy as np
import pytest
from commands import run, succeed

from aigc_tf.datasets import DATASETS
from aigc_tf.metrics import filters
from benchmarks import unlabelled_judge


def test_it_calibrates(tmp_path):
    np.save(tmp_path / "shapes.npy", DATASETS["synthetic"]().train_images[:180, 4:12, 4:12])
    given = ("--images", f"shapes={tmp_path / 'shapes.npy'}", "--results", tmp_path)
    printed = succeed(run("-m", "benchmarks.unlabelled_judge", *given))
    assert (tmp_path / "unlabelled_judge.md").read_text().split("\n\n", 2)[2].strip() in printed
    figures = json.loads((tmp_path / "unlabelled_judge.json").read_text())
    kind = figures["images"]["shapes"]
    assert figures["judge"] == filters.HASH and (kind["shape"], kind["images"]) == ([8, 8, 1], 60)
    for found in kind["spoiled"].values():
        assert len(found["floors"]) == len(found["strengths"]) == 4
    weakest, *_, strongest = kind["spoiled"]["salt and pepper, share"]["floors"]
    assert strongest > max(weakest, 1)  # of 60 images no more can be told
    assert kind["copies"]["1"]["memorisation_ct"] < -3 < kind["copies"]["0"]["memorisation_ct"]
    assert figures["rankings"] == [] and min(figures["images_per_cpu_second"].values()) > 0


@pytest.mark.parametrize("name", unlabelled_judge.SPOILED)
def test_what_is_spoiled_stays_an_image_and_more_of_it_spoils_more(name):
    images = DATASETS["synthetic"]().train_images[:40]
    spoil, strengths = unlabelled_judge.SPOILED[name]
    off = []
    for strength in strengths:
        spoiled = spoil(images.copy(), strength, np.random.default_rng(0))
        assert spoiled.dtype == np.uint8 and spoiled.shape == images.shape
        off.append(np.abs(spoiled.astype(float) - images).mean())
    assert off[-1] > off[0] > 0 or name.startswith("few")
