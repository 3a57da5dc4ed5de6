"""`python -m aigc_tf data check`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tqdm import tqdm
from tyro.conf import Positional

from aigc_tf import json_files, terminal
from aigc_tf.command_line import check_writable
from aigc_tf.errors import UserError
from aigc_tf.shell import quoted

if TYPE_CHECKING:
    from aigc_tf.datasets.doctor.finding import Finding
    from aigc_tf.datasets.doctor.survey import Survey


@dataclasses.dataclass(frozen=True)
class Command:
    """Look at every image of a folder before you train on it: what is wrong, and what to do.

    Subfolders `train` and `test` (or `val`, `valid`, `validation`) are splits; the first folder below is an image's
    class. The folder is never changed.

    Exit status: 0 sound; 1 training on it would fail or mislead (unreadable files above 1 %, images in two splits, too
    few), or with --fix on the clean copy; 2 a mistake of yours; 130 Ctrl-C.
    """

    path: Positional[Path]
    """Folder with image files."""
    json: Path | None = None
    """Write all findings, with the name of every file, and figures of the set to this file (- for standard output,
    which holds nothing else then)."""
    picture: Path | None = None
    """Draw images of each class, and those that repeat others, into this file (.png)."""
    fix: Path | None = None
    """Write a clean copy into this folder: each image once, upright, as PNG, with checksums and a record of every
    decision. After an interruption the same command goes on."""
    mode: Literal["gray", "colour", "alpha"] | None = None
    """What is to be learned of an image; by default gray where all images are, else colour. Transparency is laid on
    white but in the mode alpha."""
    licence: str = ""
    """Terms under which the images may be used, for the record."""

    def __post_init__(self) -> None:
        for flag, file in (("--json", self.json), ("--picture", self.picture)):
            if file is not None:
                check_writable(flag, file)
                for taken, why in ((self.path, "which is not to be changed"), (self.fix, "which is for the images")):
                    if taken is not None and taken.resolve() in file.resolve().parents:
                        raise UserError(f"{flag} {file} lies in {taken}, {why}: take another place")
        if self.picture is not None and self.picture.suffix.lower() != ".png":
            raise UserError(f"--picture {self.picture} must end in .png")

    def run(self) -> int:
        with terminal.hushed(self.json == json_files.STANDARD_OUTPUT):
            return self._run()

    def _run(self) -> int:
        from aigc_tf.datasets.doctor import clean_copy, findings, survey, table

        if self.fix is not None:
            clean_copy.check(self.path, self.fix)
            check_writable("--fix", self.fix / clean_copy.MARKER)
        with _bar(" files") as begin:
            surveyed = survey.examine(self.path, self.mode, begin)
        found = findings.find(surveyed)
        self._keep(surveyed, found)
        print(table.heading(surveyed))
        if found:
            terminal.console().print(table.table(found))
        sound = findings.is_sound(found)
        if self.fix is not None:
            self._fix(surveyed, self.fix)
            sound = findings.is_sound([finding for finding in found if not finding.mended])
        print("sound" if sound else "not sound: see what is marked as stop")
        return 0 if sound else 1

    def _keep(self, surveyed: Survey, found: list[Finding]) -> None:
        from aigc_tf.atomic_files import write_atomically
        from aigc_tf.datasets.doctor import picture, statistics

        if self.json is not None:
            json_files.write(statistics.record(surveyed, found, self.licence), self.json, for_people=True)
        if self.picture is not None:
            write_atomically(self.picture, picture.png(surveyed))

    def _fix(self, surveyed: Survey, out: Path) -> None:
        from aigc_tf.datasets.doctor import clean_copy, fix

        with _bar(" images") as begin:
            counts = fix.write(surveyed, out, self.licence, begin)
        told = quoted(out / clean_copy.DECISIONS)
        print(f"{out}: {counts['kept']:,} images kept, {counts['left out']:,} files left out; {told} tells why")


@contextlib.contextmanager
def _bar(unit: str) -> Iterator[Callable[[int], Callable[[int], object]]]:
    """Gives what begins a bar of so many steps, on a terminal, which is gone behind the block."""
    with contextlib.ExitStack() as stack:
        options = {"unit": unit, "leave": False, "disable": terminal.no_bar()}
        yield lambda total: stack.enter_context(tqdm(total=total, **options)).update
