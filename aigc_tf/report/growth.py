"""How the samples of a run came to be: its sample grids as an animation, and a few examples step by step."""

from __future__ import annotations

import dataclasses
import logging
import re

from PIL import Image, ImageDraw

from aigc_tf.report import embedding
from aigc_tf.report.embedding import Embedded
from aigc_tf.run_folder import RunFolder

_MOST_FRAMES, _MOST_BYTES, _MOST_ROWS = 60, 2_000_000, 8
_SIDE = 640  # pixels; what is shown in half of a page needs no more
_GAP = 2  # of `image_grid`
_MILLISECONDS, _LONGEST, _LAST = 6_000, 600, 2_500  # all frames but the last, each of them, the last
_BAR, _DONE, _GREY = 6, (47, 129, 193), (128, 128, 128)
_logger = logging.getLogger("aigc_tf")


@dataclasses.dataclass(frozen=True)
class Growth:
    """What a page shows of the sample grids.

    Attributes:
        steps: of the frames, ascending.
        count: grids that there are, of which the frames are some.
        still: the last frame.
        moving: all frames in turn, below each a bar of how far the training was; None where there is one only.
        rows: the same few examples at some of these steps.
    """

    steps: list[int]
    count: int
    still: Embedded
    moving: Embedded | None
    rows: list[tuple[int, Embedded]]


@dataclasses.dataclass(frozen=True)
class _Grid:
    """What is shown of a sample grid: dozens of whole ones would take gigabytes where images are large."""

    size: tuple[int, int]
    small: Image.Image
    diagonal: Image.Image


def of_run(run: RunFolder, suffix: str, height: int, width: int) -> Growth | None:
    """What the grids of images of this height and width show; None where no grid is left."""
    steps = _steps(run, suffix)
    while steps and (last := _read(run, steps[-1], suffix, height, width)) is None:
        steps.pop()
    if not steps or last is None:
        return None
    end = steps[-1]
    still = embedding.of_image(_frame(last.small, 1.0))
    most = max(12, min(_MOST_FRAMES, _MOST_BYTES // len(still.address)))
    chosen = [steps[number] for number in embedding.spaced(len(steps), most)]
    read = {step: last if step == end else _read(run, step, suffix, height, width) for step in chosen}
    grids = {step: grid for step, grid in read.items() if grid is not None and grid.size == last.size}
    frames = [_frame(grid.small.convert(last.small.mode), step / end if end else 1.0) for step, grid in grids.items()]
    each = max(1, min(_LONGEST, _MILLISECONDS // max(1, len(frames) - 1)))
    durations = [each] * (len(frames) - 1) + [_LAST]
    few = [list(grids)[number] for number in embedding.spaced(len(grids), _MOST_ROWS)]
    return Growth(
        list(grids),
        len(steps),
        still,
        embedding.of_frames(frames, durations) if len(frames) > 1 else None,
        [(step, embedding.of_image(grids[step].diagonal)) for step in few],
    )


def _steps(run: RunFolder, suffix: str) -> list[int]:
    drawn = (re.fullmatch(rf"step-(\d+){re.escape(suffix)}", file.name, re.ASCII) for file in run.samples.glob("*"))
    steps = sorted(int(match[1]) for match in drawn if match)
    return [step for step in steps if run.sample_file(step, suffix).is_file()]


def _read(run: RunFolder, step: int, suffix: str, height: int, width: int) -> _Grid | None:
    file = run.sample_file(step, suffix)
    try:
        with Image.open(file, formats=["PNG"]) as image:
            grid = image.convert("RGBA" if image.mode == "RGBA" else "RGB")
    except Exception as error:  # a decoder fails in whatever way the bytes of a damaged file lead it to
        _logger.warning("%s is left out: %s", file, error)
        return None
    return _Grid(grid.size, shrunk(grid), _diagonal(grid, height, width))


def shrunk(image: Image.Image) -> Image.Image:
    """An image that is no larger than a page shows it."""
    scale = _SIDE / max(image.size)
    if scale >= 1:
        return image
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BOX)


def _frame(small: Image.Image, share: float) -> Image.Image:
    """A grid above a bar that is done to this share."""
    frame = Image.new(small.mode, (small.width, small.height + _BAR), _GREY)
    frame.paste(small)
    ImageDraw.Draw(frame).rectangle((0, small.height, round(share * small.width), frame.height), _DONE)
    return frame


def _diagonal(grid: Image.Image, height: int, width: int) -> Image.Image:
    """The first image of the first row, the second of the second, and so on: of all classes where rows are classes."""
    count = max(1, min((grid.width - _GAP) // (width + _GAP), (grid.height - _GAP) // (height + _GAP)))
    row = Image.new(grid.mode, (count * (width + _GAP) - _GAP, height), _GREY)
    for i in range(count):
        left, top = _GAP + i * (width + _GAP), _GAP + i * (height + _GAP)
        row.paste(grid.crop((left, top, left + width, top + height)), (i * (width + _GAP), 0))
    return shrunk(row)
