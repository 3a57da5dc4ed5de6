"""The bound on the likelihood of held-out images by thousands of latents, which papers report, of a run or an export.

    python -m benchmarks.likelihood logs/RUN --samples 5000 --images 1000

`evaluate.py` takes 128 latents, which is some tenths of a nat looser and forty times as fast. Prints a line a figure.
"""

from __future__ import annotations

import argparse
import dataclasses
import types
from collections.abc import Sequence
from pathlib import Path

from aigc_tf.quiet import import_tensorflow

_IN_ONE_GO = 16


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.likelihood", description=__doc__.partition("\n")[0])
    parser.add_argument("subject", type=Path, help="folder of a run, or an export")
    parser.add_argument("--samples", type=int, default=5000, help="latents for each image (rounded up to sixteens)")
    parser.add_argument("--images", type=int, default=1000, help="held-out images, drawn at random")
    parser.add_argument("--data-dir", type=Path, help="folder of the data, if not where the run found them")
    given = parser.parse_args(arguments)
    import_tensorflow()
    from aigc_tf import subjects
    from aigc_tf.datasets import loading
    from aigc_tf.metrics import likelihood_bound
    from aigc_tf.metrics.evidence import Evidence, Observations
    from aigc_tf.run_folder import RunFolder

    is_run = (given.subject / "config.json").exists()
    subject = subjects.of_run(RunFolder.open(given.subject)) if is_run else subjects.of_export(given.subject)
    assert subject.learned is not None
    moved = {} if given.data_dir is None else {"data_dir": given.data_dir}
    data = loading.load(dataclasses.replace(subject.learned, **moved), print)
    stored, labels = data.stored("test"), data.labels("test")
    model = types.SimpleNamespace(
        held_out=len(stored), scores=lambda rows, draw: subject.scores(stored[rows], labels[rows], draw=draw)
    )
    draws = -(-given.samples // _IN_ONE_GO)
    asked = likelihood_bound.ask(model, lambda stored: Observations(), given.images, draws)
    if asked is None:
        parser.error(f"{given.subject} knows no bound on the likelihood of images")
    nothing = Observations()
    for name, figure in likelihood_bound.measure(Evidence(nothing, nothing, asked={"likelihood_bound": asked})).items():
        low, high = figure.interval or (figure.value,) * 2
        print(f"{name} {figure.value:.3f} ({low:.3f} to {high:.3f}), {figure.note}")


if __name__ == "__main__":
    main()
