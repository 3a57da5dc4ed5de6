"""Writes a clean copy of a folder: only images that can be learned from, each once, upright, in one mode, as PNG.

The images depend on the pixels of the folder alone: after a kill at any point the same command goes on, and ends with
the same bytes as one that was never stopped. An image that is there already is read before it counts.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from aigc_tf import crew
from aigc_tf.atomic_files import write_atomically
from aigc_tf.datasets import folder_lock, image_reader
from aigc_tf.datasets.doctor import clean_copy, statistics
from aigc_tf.datasets.doctor.names import as_text
from aigc_tf.datasets.doctor.scan import CHANNELS, Mode, digest
from aigc_tf.datasets.doctor.survey import KILLED, Progress, Survey
from aigc_tf.datasets.image_reader import ImageError
from aigc_tf.errors import UserError

_CHANGES = {
    "turned": "turned upright",
    "animated": "further frames left out",
    "16 bits": "brought to 8 bits",
    "cmyk": "brought from CMYK to RGB",
    "transparent": "laid on white",
}


@dataclasses.dataclass(frozen=True)
class ToWrite:
    """An image to write: where it is, where it goes (paths relative to the two folders), and the name of its pixels."""

    name: str
    target: str
    digest: str


@dataclasses.dataclass(frozen=True)
class Written:
    """What became of it: the SHA-256 of the file, or why there is none."""

    sha256: str = ""
    fault: str = ""


def write(
    survey: Survey,
    out: Path,
    licence: str,
    begin: Callable[[int], Progress] = lambda total: lambda count: None,
) -> Counter[str]:
    """Write the clean copy of a surveyed folder to `out`; `begin` as for `survey.examine`.

    Returns the numbers of files that were "kept" and "left out". Raises UserError where `out` is another's, and OSError
    where it takes no files.
    """
    clean_copy.check(survey.folder, out)
    clean_copy.check_mode(out, survey.mode)
    images = {
        row: ToWrite(survey.facts[row].name, _target(survey, row), survey.facts[row].digest) for row in survey.kept
    }
    with folder_lock.held(out):
        clean_copy.write_marker(out, survey.folder, survey.mode, complete=False)
        for folder in sorted({(out / image.target).parent for image in images.values()}):
            folder.mkdir(parents=True, exist_ok=True)
        progress = begin(len(images))
        written: dict[int, Written] = {}
        try:
            task = partial(_write, survey.folder, out, survey.mode)
            with closing(crew.each(task, list(images.values()), KILLED)) as results:
                for row, result in zip(images, results):
                    written[row] = result
                    progress(1)
        finally:
            clean_copy.sweep(out, None)
        clean_copy.sweep(out, {images[row].target for row, result in written.items() if result.sha256})
        decisions = _decisions(survey, images, written)
        lines = "".join(json.dumps(decision, ensure_ascii=False) + "\n" for decision in decisions)
        write_atomically(out / clean_copy.DECISIONS, lines)
        counts = Counter(decision["decision"] for decision in decisions)
        os.sync()  # images were not forced to the disk one by one
        clean_copy.write_marker(
            out,
            survey.folder,
            survey.mode,
            complete=True,
            decisions_sha256=hashlib.sha256(lines.encode()).hexdigest(),
            data=statistics.figures(survey, licence),
        )
    return counts


def _target(survey: Survey, row: int) -> str:
    place = survey.places[row]
    if place.label in (clean_copy.MARKER, clean_copy.DECISIONS):
        raise UserError(f"a class is called {place.label}, as a file of the clean copy is: rename its folder")
    return "/".join(filter(None, (place.split, as_text(place.label), f"{survey.facts[row].digest}.png")))


def _write(source: Path, out: Path, mode: Mode, image: ToWrite) -> Written:
    """Runs in a process of its own."""
    target = out / image.target
    content = _whole(target, mode, image.digest)
    if content is None:
        try:
            pixels = image_reader.read(source / image.name, CHANNELS[mode]).pixels
        except ImageError as error:
            return Written(fault=error.reason)
        if digest(pixels) != image.digest:
            return Written(fault="it changed while the copy was made")
        file = io.BytesIO()
        Image.fromarray(pixels[..., 0] if mode == "gray" else pixels).save(file, "png")
        content = file.getvalue()
        # Not by `atomic_files`, which waits for the disk at each file; what a power cut leaves is made again.
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(content)
        os.replace(part, target)
    return Written(hashlib.sha256(content).hexdigest())


def _whole(target: Path, mode: Mode, wanted: str) -> bytes | None:
    """The bytes of an image that is there already; None where it is not, or is another than it should be."""
    try:
        if digest(image_reader.read(target, CHANNELS[mode]).pixels) != wanted:
            return None
        return target.read_bytes()
    except (ImageError, OSError):
        return None


def _decisions(survey: Survey, images: dict[int, ToWrite], written: dict[int, Written]) -> list[dict[str, Any]]:
    """What became of everything in the folder, in the order of the paths."""
    found: dict[str, dict[str, Any]] = {}
    for row, facts in enumerate(survey.facts):
        if row in images and not written[row].fault:
            marks = facts.marks - ({"transparent"} if survey.mode == "alpha" else set())
            changes = [change for mark, change in _CHANGES.items() if mark in marks]
            found[facts.name] = {
                "decision": "kept",
                "as": images[row].target,
                "sha256": written[row].sha256,
                "height": facts.height,
                "width": facts.width,
                "changes": changes,
            }
        else:
            why = written[row].fault if row in images else _why(survey, row)
            found[facts.name] = {"decision": "left out", "why": why}
    files = survey.files
    for names, why in (
        (survey.others, "no image"),
        (files.linked_folders, "a link to a folder"),
        (files.no_files, "a pipe, a socket or a device"),
    ):
        found.update({name: {"decision": "left out", "why": why} for name in names})
    found.update({name: {"decision": "left out", "why": f"a folder: {why}"} for name, why in files.closed.items()})
    return [{"file": as_text(name), **found[name]} for name in sorted(found, key=lambda name: name.split("/"))]


def _why(survey: Survey, row: int) -> str:
    facts = survey.facts[row]
    if facts.fault:
        return f"{facts.fault}: {facts.reason}"
    if not facts.is_learnable:
        return ", ".join(sorted(facts.marks & {"tiny", "blank"}))
    departure = survey.repeats.departures[row]
    return f"{departure.kind}: {as_text(survey.facts[departure.of].name)}"
