"""The whole folder, as the doctor found it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from aigc_tf import crew
from aigc_tf.datasets import image_files
from aigc_tf.datasets.doctor import clean_copy, scan
from aigc_tf.datasets.doctor.layout import Place, places, splits_among
from aigc_tf.datasets.doctor.repeats import Repeats, repeats
from aigc_tf.datasets.doctor.scan import Facts, Mode
from aigc_tf.datasets.image_files import ImageFiles
from aigc_tf.errors import UserError

Progress = Callable[[int], object]

KILLED = (
    "a process that reads images was killed, perhaps for want of memory: go on with more of it, or without the largest "
    "images"
)
"""What is told then, see `crew`."""


@dataclasses.dataclass(frozen=True)
class Survey:
    """What lies in a folder.

    Attributes:
        folder: the folder.
        files: all that lies there, by its kind.
        facts: of every image file, in the order of the paths; files with an image under a foreign name among them.
        places: the split and the class of each of them.
        others: files that are no images, by name or by content.
        mode: what is learned of the images: the one asked for, or "gray" where all are grey and "colour" otherwise.
        repeats: images that show what others do, by row of `facts`.
    """

    folder: Path
    files: ImageFiles
    facts: tuple[Facts, ...]
    places: tuple[Place, ...]
    others: tuple[str, ...]
    mode: Mode
    repeats: Repeats

    @property
    def learnable(self) -> list[int]:
        """Rows of the images that can be learned from, repeated ones among them."""
        return [row for row, facts in enumerate(self.facts) if facts.is_learnable]

    @property
    def splits(self) -> set[str]:
        """The splits that its folders make, with images or without; empty where it has none."""
        return splits_among(self.files.folders)

    @property
    def kept(self) -> list[int]:
        """Rows of the images that should be learned from: what a clean copy holds."""
        return [row for row in self.learnable if row not in self.repeats.departures]


def examine(
    folder: Path, mode: Mode | None = None, begin: Callable[[int], Progress] = lambda total: lambda count: None
) -> Survey:
    """Look at every file of `folder`; nothing in it is changed.

    `begin` is called once with the number of files, and what it gives with 1 after each file. Raises UserError where
    there is no such folder, it cannot be listed, or no file in it is called an image.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: give one that holds image files")
    files = image_files.find(folder)
    if "." in files.closed:
        raise UserError(f"{folder} cannot be read ({files.closed['.']}): change its permissions")
    strangers = [name for name in files.others if name not in (clean_copy.MARKER, clean_copy.DECISIONS)]
    names = sorted([*files.images, *strangers], key=lambda name: name.split("/"))
    progress = begin(len(names))
    facts, others, strange = [], [], set(strangers)
    with closing(crew.each(partial(scan.examine, folder, mode or "colour"), names, KILLED)) as results:
        for found in results:
            progress(1)
            # Files of cameras are TIFFs by their beginning, with a preview where one would look for the image.
            is_other = found.name in strange and (found.fault or found.format == "TIFF")
            others.append(found.name) if is_other else facts.append(found)
    if not facts:
        endings = {Path(name).suffix.lower() or "no ending" for name in others}
        beside = f"; there are {len(others):,} other files ({', '.join(sorted(endings))})" if others else ""
        raise UserError(f"{folder} holds no images{beside}")
    if mode is None:
        mode = "gray" if all(each.is_grey for each in facts if each.is_learnable) else "colour"
    found_places = places([each.name for each in facts], files.folders)
    return Survey(folder, files, tuple(facts), tuple(found_places), tuple(others), mode, repeats(facts, found_places))
