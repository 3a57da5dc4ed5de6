"""Many clients at once while versions are swapped: the benchmark of a minute, for some seconds."""

from __future__ import annotations

import json

from commands import run, succeed


def test_no_request_fails_and_no_image_is_wrong_while_versions_are_swapped(published, tmp_path):
    options = ("--seconds", 5, "--swap-every", 1, "--direct-seconds", 0.2, "--rows", 5, "--results", tmp_path)
    succeed(run("-m", "benchmarks.serving", published, "--clients", 200, *options))
    figures = json.loads((tmp_path / "serving.json").read_text())
    assert figures["swaps"] >= 3
    assert figures["requests"] >= 200
    assert (figures["failed_requests"], figures["failures"], figures["wrong_images"]) == (0, [], 0)
    # Each version takes some MB; none may stay behind, and no more than the allocator holds back.
    warm, end = (figures[f"server_memory_mb_in_{part}_quarter"] for part in ("second", "last"))
    assert end < warm + 300
    assert "images per second" in (tmp_path / "serving.md").read_text()
