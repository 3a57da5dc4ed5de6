"""A row comes out the same, bit for bit, alone, in every batch and in every order, whatever kernels are chosen."""

from __future__ import annotations

import os

import pytest
from commands import run, succeed

from aigc_tf.families.gan.networks import NETWORKS


@pytest.mark.parametrize(
    "kernels", [{"TF_ENABLE_ONEDNN_OPTS": "0"}, {"TF_ENABLE_ONEDNN_OPTS": "1"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}], ids=str
)
def test_rows_alone_and_together(kernels):
    said = succeed(run("-m", "tests.parts.rows_alone_and_together", env={**os.environ, **kernels}))
    lines = said.splitlines()
    assert len(lines) == 2 * len(NETWORKS)
    assert [line for line in lines if not line.endswith(" 0")] == []
