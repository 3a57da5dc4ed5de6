"""All that a model can show, on one page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from aigc_tf.errors import UserError
from aigc_tf.exploring import classes, originals, sweeps, ways
from aigc_tf.exploring.decoder import Decoder
from aigc_tf.paths import make_folder
from aigc_tf.reference import progress_bar
from aigc_tf.report import exploration
from aigc_tf.report.exploration import Section
from aigc_tf.subjects import Subject

_NO_VECTORS = (
    "This model makes nothing of vectors: its contract has no signature that decodes, so there is no way to walk."
)


def make(subject: Subject, out: Path, seed: int, chosen: Sequence[int], data_dir: Path | None) -> Path:
    """Write the page about `subject` into the folder `out`, and return it.

    Args:
        seed: the first.
        chosen: numbers of the classes that are shown in turn; none for all, and of a model that takes none.
        data_dir: folder of the data set's files, if not where `subject` found them.

    Raises UserError for content that no page shows, and where nothing can be saved in `out`.
    """
    promised = subject.contract
    assert promised is not None  # as for every run and export
    if promised.content != "image":
        raise UserError(f"{promised.content}s cannot be explored: only images can")
    make_folder(out)
    decoder = Decoder.of(subject)
    sections: list[Section] = []
    with progress_bar("exploring", 5, unit=" sections") as progress:
        if decoder is None:
            sections.append(Section("walks", "Walks, directions", _NO_VECTORS))
            progress(3)
        else:
            for show in (ways.walk, ways.between_classes, ways.along_directions):
                section = show(decoder, seed, chosen)
                sections += [] if section is None else [section]
                progress(1)
        sections.append(sweeps.of_controls(subject, seed, chosen))
        progress(1)
        labels = classes.in_turn(promised, originals.SAMPLES, chosen)
        sections.append(originals.nearest(subject, seed, labels, data_dir, lambda line: print(line, file=sys.stderr)))
        progress(1)
    about = {"kind": subject.kind, "family": subject.family, **subject.describe()}
    return exploration.write(out, about, sections, promised.origin)
