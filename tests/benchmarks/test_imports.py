"""What a benchmark takes of the product is there, also in those that no other test runs."""

from pathlib import Path

from commands import ROOT, run, succeed

_OF_OTHERS = {"throughput_pytorch"}  # which needs PyTorch


def test_every_benchmark_can_be_imported():
    names = {file.stem for file in Path(ROOT / "benchmarks").glob("*.py")} - _OF_OTHERS
    assert len(names) > 12
    succeed(run("-c", "\n".join(f"import benchmarks.{name}" for name in sorted(names)), fresh=True))
