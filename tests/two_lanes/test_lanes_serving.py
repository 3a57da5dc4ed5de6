"""What was exported on one lane is served in the other (see test_lanes.py)."""

import numpy as np
from other_lane import NEEDS_OTHER, run_in
from serving.stand_in import ask, serving

pytestmark = NEEDS_OTHER


def test_an_export_is_sound_and_served_in_the_other_with_the_same_pictures(ways, runs, tmp_path):
    begun, going_on = ways
    base = runs[begun] / "export" / "synthetic"
    assert "is sound" in run_in(going_on, "-m", "aigc_tf", "verify", base / "1")
    made: dict[str, np.ndarray] = {}
    for python in ways:
        file = tmp_path / f"{len(made)}.npz"
        run_in(python, "-m", "aigc_tf", "generate", base / "1", "--count", 16, "--format", "npz", "--out", file)
        made[python] = np.load(file)["images"].astype(int)
    assert np.abs(made[begun] - made[going_on]).max() <= 1
    with serving(base, python=going_on) as server:
        asked = [server.rest, "--grpc", server.grpc, "--model", "synthetic", "--seconds", 0.2]
        assert "FAIL" not in run_in(begun, "-m", "aigc_tf", "conformance", *asked)
        status, answer = ask(server.rest, "/v1/models/synthetic:predict", {"instances": [{"seed": 1, "label": 0}]})
        assert status == 200 and answer["predictions"][0].keys() == {"b64"}
