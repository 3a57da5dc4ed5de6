"""Run folders and exports of others go on working: they are resumed, judged, verified, exported anew and served.

tests/data/run_of_0.1.0 was made by version 0.1.0 (commit a27451d) with TensorFlow 2.15, on a processor without AVX-512
and without oneDNN; run_of_tensorflow_2.21 by Python 3.13, with oneDNN: wherever this runs, one of them comes from the
other lane. Each was trained for 10 steps, judged and exported; beside it lie its curves up to step 20 and the
pictures of seeds 0 to 7, as that code made them. Other kernels add in other orders, so figures agree to some digits and
pixels to one level.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import logged, run, succeed, train

DATA = Path(__file__).parent / "data"


@pytest.fixture(params=["run_of_0.1.0", "run_of_tensorflow_2.21"])
def before(request, tmp_path) -> Path:
    return Path(shutil.copytree(DATA / request.param, tmp_path / request.param))


def pictures(before: Path) -> np.ndarray:
    """Pixels int [8,16,16,1] of seeds 0 to 7, as they were made there."""
    data = (DATA / f"{before.name}-seeds-0-to-7.png").read_bytes()
    return tf.io.decode_png(data).numpy().reshape(8, 16, 16, 1).astype(int)


def test_it_is_resumed(before):
    succeed(train("--resume", before, "--steps", 20, "--no-evaluate", "--no-export"))
    expected = [json.loads(line) for line in (DATA / f"{before.name}-to-step-20.jsonl").read_text().splitlines()]
    found = logged(before)
    assert [line["step"] for line in found] == [line["step"] for line in expected]
    for line, other in zip(found, expected):
        for values in (line, other):
            values.pop("speed/images_per_second", None)
        assert line == pytest.approx(other, rel=1e-2, abs=1e-2)


def test_it_is_judged_and_compared(before, tmp_path):
    file = tmp_path / "again.json"
    succeed(run("evaluate.py", before, "--json", file))
    old = json.loads((DATA / before.name / "evaluation" / "10.json").read_text())["measures"]
    new = json.loads(file.read_text())["measures"]
    assert new.keys() == old.keys()
    for name in ("brightness", "contrast", "sharpness", "discriminator_accuracy", "ms_ssim"):
        assert new[name]["value"] == pytest.approx(old[name]["value"], rel=1e-3), name
    # This judge is trained on the spot, so on another processor it is another one by some digits.
    assert new["fd_lenet"]["value"] == pytest.approx(old["fd_lenet"]["value"], rel=0.2)
    assert "brightness" in succeed(
        run("-m", "aigc_tf", "compare", before, before, "--out", tmp_path / "comparison.png")
    )


def test_its_export_is_verified_and_gives_its_pictures(before):
    version = before / "export" / "synthetic" / "1"
    assert "is sound" in succeed(run("-m", "aigc_tf", "verify", version))
    model = tf.saved_model.load(str(version))
    pngs = model.signatures["serving_default"](seed=tf.range(8, dtype=tf.int64))["image_bytes"].numpy()
    levels = np.stack([tf.io.decode_png(png).numpy() for png in pngs]).astype(int)
    assert np.abs(levels - pictures(before)).max() <= 1


def test_it_is_exported_anew_with_the_same_pictures(before, tmp_path):
    succeed(run("-m", "aigc_tf", "export", before, "--to", tmp_path / "models" / "shapes"))
    model = tf.saved_model.load(str(tmp_path / "models" / "shapes" / "1"))
    pngs = model.signatures["serving_default"](seed=tf.range(8, dtype=tf.int64))["image_bytes"].numpy()
    levels = np.stack([tf.io.decode_png(png).numpy() for png in pngs]).astype(int)
    assert np.abs(levels - pictures(before)).max() <= 1
