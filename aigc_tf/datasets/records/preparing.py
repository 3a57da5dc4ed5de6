"""Brings all images of a source into one form, once: what is learned from is then read, not decoded."""

from __future__ import annotations

import dataclasses
import json
import shutil
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from aigc_tf import crew, terminal
from aigc_tf.datasets.data_config import DataConfig, colour_of, size_of
from aigc_tf.datasets.dataset import Split
from aigc_tf.datasets.doctor.names import as_line
from aigc_tf.datasets.doctor.scan import CHANNELS
from aigc_tf.datasets.doctor.statistics import Colours, spread
from aigc_tf.datasets.image_reader import WHITE, ImageError
from aigc_tf.datasets.records import record_dataset, shards
from aigc_tf.datasets.records.originals import Original, Originals
from aigc_tf.datasets.records.row import Form, Row, bring
from aigc_tf.datasets.records.shards import Rows, ShardWriter
from aigc_tf.errors import UserError

VERSION = 1  # of what is made of an image: raise it when the same file gives other rows, or goes to another split
HELD_OUT = 0.1
"""Share of the images that are held out, where no folders say which."""
MAX_BAD = 0.01
_FIRST = 64  # images that are looked at before all: are they grey, and of what size?
_AT_ONCE = 16  # images that a thread is handed
_NAMED = 100  # bad files that are named in the record
_SPLITS: dict[str, int] = {"train": 0, "test": 1}


class _OtherForm(Exception):
    """The images are not what the first of them let us think: they are to be brought into this form."""

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self.form = form


@dataclasses.dataclass
class _Seen:
    """What is gathered of all images while they pass, in little memory a piece."""

    shards: array = dataclasses.field(default_factory=lambda: array("i"))
    offsets: array = dataclasses.field(default_factory=lambda: array("q"))
    labels: array = dataclasses.field(default_factory=lambda: array("i"))
    splits: array = dataclasses.field(default_factory=lambda: array("b"))
    digests: bytearray = dataclasses.field(default_factory=bytearray)
    heights: array = dataclasses.field(default_factory=lambda: array("i"))
    widths: array = dataclasses.field(default_factory=lambda: array("i"))
    formats: Counter[str] = dataclasses.field(default_factory=Counter)
    colours: Colours = dataclasses.field(default_factory=Colours)
    bad: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def prepare(originals: Originals, config: DataConfig, folder: Path) -> None:
    """Write the records of all originals into an empty `folder`, in the form that `config` asks for.

    Raises UserError where too many cannot be read, where their size is not known, and where there is nothing to learn.
    """
    form = _first_form(originals, config)
    while True:
        try:
            seen = _pass(originals, config, form, folder)
            break
        except _OtherForm as other:
            form = other.form
            for file in folder.iterdir():
                file.unlink()
    rows, class_names, repeated = _rows(seen, originals)
    record_dataset.check_counts({split: len(rows[split]) for split in shards.SPLITS}, originals.source)
    figures = _figures(seen, originals, rows, class_names, repeated)
    about = {
        "shape": form.shape,
        "class_names": class_names,
        "source": originals.source,
        "licence": config.licence or originals.licence,
        "figures": figures,
    }
    shards.finish(folder, rows, about)


def signature(originals: Originals, config: DataConfig) -> str:
    """Names all that decides what `prepare` writes, as JSON."""
    wishes = {name: getattr(config, name) for name in ("image_size", "fit", "channels", "background")}
    return json.dumps([VERSION, originals.state, originals.licence, wishes])


def check_bad(about: dict[str, Any], max_bad: float | None) -> None:
    """Raise UserError where more of the files could not be read than may be."""
    figures = about["figures"]
    _check_bad(figures["bad_files"], figures["image_files"], figures["bad"], about["source"], max_bad)


def _check_bad(bad: int, count: int, named: Iterable[Iterable[str]], source: str, max_bad: float | None) -> None:
    limit = MAX_BAD if max_bad is None else max_bad
    if bad > limit * count:
        raise UserError(
            f"{bad:,} of {count:,} images of {source} cannot be read, more than --max-bad {limit:g} allows: mend them, "
            f"or take them away ({_in_words(named)})"
        )


def told(about: dict[str, Any]) -> Iterator[str]:
    """Lines on what was passed over, and what else lay there."""
    figures = about["figures"]
    if figures["bad_files"]:
        yield (
            f"passed over {figures['bad_files']:,} of {figures['image_files']:,} images that cannot be read "
            f"({_in_words(figures['bad'])})"
        )
    if figures["passed_over"]:
        yield f"left out: {', '.join(f'{what} {count:,}' for what, count in figures['passed_over'].items())}"


def _in_words(bad: Iterable[Iterable[str]]) -> str:
    """The first of some bad files, with what is wrong with each."""
    first = [f"{name}: {reason}" for name, reason in islice(bad, 4)]
    return "; ".join([*first[:3], *(["…"] if first[3:] else [])])


def _first_form(originals: Originals, config: DataConfig) -> Form:
    """The form that the settings ask for, or the first images have. What the others are shows in `_pass`."""
    ground = WHITE if config.background is None else colour_of(config.background)
    channels = 0 if config.channels is None else CHANNELS[config.channels]
    size = None if config.image_size is None else size_of(config.image_size)
    form = Form(*(size or (8, 8)), channels or 3, config.fit or "crop", ground)
    if size is not None and channels:
        return form
    step = max(1, originals.count // _FIRST)
    some = islice(originals.each(), 0, None, step)
    first = [row for _, row in _brought(some, form) if isinstance(row, Row)]
    if not first:
        raise UserError(f"none of the first images of {originals.source} can be read: see python -m aigc_tf data check")
    if size is None:
        form = dataclasses.replace(form, height=first[0].height, width=first[0].width)
        _check_size(form, originals)
    if not channels and all(row.is_grey for row in first):
        form = dataclasses.replace(form, channels=1)
    return form


def _check_size(form: Form, originals: Originals) -> None:
    try:
        size_of(f"{form.height}x{form.width}")
    except UserError:
        raise UserError(
            f"images of {originals.source} have {form.height}x{form.width} pixels: say with --image-size (of train.py "
            "and data convert) to what they are to be brought: 64, or 64x96"
        ) from None


def _pass(originals: Originals, config: DataConfig, form: Form, folder: Path) -> _Seen:
    """Bring all originals into `form`, and write them."""
    seen, all_grey = _Seen(), True
    most_bad = (MAX_BAD if config.max_bad is None else config.max_bad) * originals.count
    _check_room(form, originals, folder)
    writer = ShardWriter(folder, originals.count, form.shape)
    try:
        with tqdm(total=originals.count, unit=" images", leave=False, disable=terminal.no_bar()) as bar:
            for original, row in _brought(originals.each(), form):
                bar.update()
                if isinstance(row, ImageError):
                    seen.bad.append((as_line(original.name), row.reason))
                    if len(seen.bad) > most_bad:
                        _check_bad(len(seen.bad), originals.count, seen.bad, originals.source, config.max_bad)
                    continue
                if config.image_size is None and (row.height, row.width) != (form.height, form.width):
                    raise UserError(
                        f"images of {originals.source} are of several sizes ({form.height}x{form.width}, but "
                        f"{as_line(original.name)} {row.height}x{row.width}): say with --image-size (of train.py "
                        "and data convert) to which they are to be brought: 64, or 64x96"
                    )
                if config.channels is None and form.channels == 1 and not row.is_grey:
                    raise _OtherForm(dataclasses.replace(form, channels=3))
                all_grey &= row.is_grey
                split = original.split or _split_of(row.digest)
                class_name = originals.class_names[original.label] if originals.class_names else ""
                shard, offset = writer.write(row.pixels, class_name, split)
                _add(seen, row, original.label, split, shard, offset)
    finally:
        writer.close()
    if config.channels is None and form.channels == 3 and all_grey and seen.labels:
        raise _OtherForm(dataclasses.replace(form, channels=1))
    return seen


def _brought(originals: Iterable[Original], form: Form) -> Iterator[tuple[Original, Row | ImageError]]:
    """Each original with what it is in `form`, or why it cannot be read, in their order.

    They are decoded by as many threads as processors: decoders and filters of Pillow let go of Python's lock.
    """

    def begin(some: list[Original]) -> Future[list[tuple[Original, Row | ImageError]]]:
        return pool.submit(lambda: [(original, _bring(original, form)) for original in some])

    workers = crew.processors()
    pool = ThreadPoolExecutor(workers)
    try:
        for some in crew.in_order(begin, crew.in_parts(originals, _AT_ONCE), 2 * workers):
            yield from some
    finally:
        pool.shutdown(cancel_futures=True)


def _bring(original: Original, form: Form) -> Row | ImageError:
    try:
        with original.opened() as (image, kind):
            return bring(image, form, kind)
    except ImageError as error:
        return error


def _split_of(digest: bytes) -> str:
    """By content alone: so an image stays where it is whatever comes beside it, and its double is with it."""
    return "test" if int.from_bytes(digest[:8], "big") < HELD_OUT * 2**64 else "train"


def _add(seen: _Seen, row: Row, label: int, split: str, shard: int, offset: int) -> None:
    seen.shards.append(shard)
    seen.offsets.append(offset)
    seen.labels.append(label)
    seen.splits.append(_SPLITS[split])
    seen.digests += row.digest
    seen.heights.append(row.height)
    seen.widths.append(row.width)
    seen.formats[row.format] += 1
    seen.colours.add(row.thumbnail)


def _rows(seen: _Seen, originals: Originals) -> tuple[dict[Split, Rows], tuple[str, ...], int]:
    """The rows of both splits in the order of their digests, the classes that have any, and the number of images that
    are not trained on since they are held out, too."""
    digests = np.frombuffer(bytes(seen.digests), np.uint8).reshape(-1, 16)
    labels, splits = np.array(seen.labels, np.int32), np.array(seen.splits, np.int8)
    class_names: tuple[str, ...] = ()
    if originals.class_names and len(with_images := np.unique(labels)) > 1:
        class_names = tuple(originals.class_names[label] for label in with_images)
        labels = np.searchsorted(with_images, labels).astype(np.int32)
    else:
        labels = np.zeros_like(labels)
    names = digests.view("S16")[:, 0] if len(digests) else np.empty(0, "S16")  # for comparing alone
    words = digests.view(">u8")
    is_test = splits == _SPLITS["test"]
    leaks = ~is_test & np.isin(names, names[is_test])
    order = np.lexsort((np.arange(len(labels)), labels, words[:, 1], words[:, 0])) if len(labels) else np.empty(0, int)
    found: dict[Split, Rows] = {}
    for split in shards.SPLITS:
        kept = order[(splits[order] == _SPLITS[split]) & ~leaks[order]]
        places = np.array(seen.shards, np.int32)[kept], np.array(seen.offsets, np.int64)[kept]
        found[split] = Rows(*places, labels[kept], digests[kept])
    return found, class_names, int(leaks.sum())


def _figures(
    seen: _Seen, originals: Originals, rows: dict[Split, Rows], class_names: tuple[str, ...], repeated: int
) -> dict[str, Any]:
    """The doctor's figures (see `doctor.statistics.figures`) of what is learned, and what was passed over."""
    labels = np.concatenate([rows[split].labels for split in shards.SPLITS])
    digests = np.concatenate([rows[split].digests for split in shards.SPLITS])
    counts = np.bincount(labels, minlength=len(class_names)).tolist()
    sizes = Counter(zip(seen.heights, seen.widths))
    return {
        "image_files": originals.count,
        "images": len(labels),
        "different_images": len(np.unique(digests.view(">u8"), axis=0)),
        "splits": {split: len(rows[split]) for split in shards.SPLITS},
        "classes": dict(zip(class_names, counts)),
        "formats": dict(sorted(seen.formats.items())),
        "height": spread(seen.heights),
        "width": spread(seen.widths),
        "most_common_sizes": [
            {"height": height, "width": width, "images": count} for (height, width), count in sizes.most_common(5)
        ],
        **seen.colours.figures(),
        "bad_files": len(seen.bad),
        "bad": seen.bad[:_NAMED],
        "passed_over": originals.passed_over | ({"held out, too": repeated} if repeated else {}),
    }


def _check_room(form: Form, originals: Originals, folder: Path) -> None:
    needed, free = originals.count * (int(np.prod(form.shape)) + 250), shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{originals.count:,} images of {form.height}x{form.width} pixels take {needed / 1e9:,.1f} GB as they are "
            f"trained on, and {folder.parent} has {free / 1e9:,.1f} free: make room, or take another place "
            "(AIGC_TF_CACHE moves the cache)"
        )
