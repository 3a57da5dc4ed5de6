"""Which data a run learns, and how images of a person's own are brought into one form. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.sources import SOURCES
from aigc_tf.errors import UserError, unknown
from aigc_tf.paths import expanded, is_pattern
from aigc_tf.settings import CHANGEABLE, Within, check

MOST_PIXELS = 4096
"""On a side of what is learned."""
_LONGEST_NAME = 60
_SCHEME = re.compile("[a-z][a-z0-9+.-]*://")
_OWN = (
    f"or images of your own: {', '.join(SOURCES)}, each followed by a colon and where they lie, such as folder:PICTURES"
)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """A named data set, or a source of images of a person's own and how they are read.

    The settings from `image_size` on are of such sources only. Raises UserError for values that cannot work.
    """

    dataset: Annotated[str, arg(help=f"Images to learn: {', '.join(DATASETS)}; {_OWN}.")] = "mnist"
    data_dir: Annotated[Path | None, CHANGEABLE] = None
    """Folder that holds the data set's files (mnist.npz and the like, as Keras caches them); for a run on images of
    your own that goes on, where these lie now."""
    image_size: str | None = None
    """Of images of your own: pixels on both sides (64), or HEIGHTxWIDTH (64x96). By default as they are, where all are
    of one size."""
    fit: Literal["crop", "pad", "stretch"] | None = None
    """How images of another shape come to that size: their middle (crop, the default), with a border (pad), or
    distorted (stretch)."""
    channels: Literal["gray", "colour", "alpha"] | None = None
    """What is learned of an image; by default gray where all images are, else colour."""
    background: str | None = None
    """Colour that transparency is laid on and borders have, by name or as #rrggbb; white by default."""
    max_bad: Annotated[float | None, Within(0, 1), CHANGEABLE] = None
    """Share of files that may be unreadable, and are passed over; with more, nothing is trained. 0.01 by default."""
    licence: str | None = None
    """Terms under which images of your own may be used, for the record and the model card."""

    def __post_init__(self) -> None:
        check(self)
        if self.source is None:
            if self.dataset not in DATASETS:
                raise UserError(f"{unknown(self.dataset, 'datasets', DATASETS)}; {_OWN}")
            given = [name for name in OF_SOURCES if getattr(self, name) is not None]
            if given:
                raise UserError(
                    f"{', '.join(given)} cannot be combined with {self.dataset}, whose images are as they are: it is "
                    f"for images of your own ({', '.join(f'{name}:' for name in SOURCES)})"
                )
        else:
            SOURCES.check(self.source)
            if not self.dataset.partition(":")[2]:
                raise UserError(f"{self.dataset} does not say where the images lie: write {self.source}:PATH")
            if self.url is not None and self.source != "records":
                raise UserError(
                    f"{self.dataset[:80]} is not on this machine: from elsewhere only records: are read, which python "
                    "-m aigc_tf data convert makes"
                )
        if self.image_size is not None:
            size_of(self.image_size)
        if self.background is not None:
            if self.channels == "alpha" and self.fit != "pad":
                raise UserError("background cannot be combined with channels alpha: what is transparent stays so")
            colour_of(self.background)

    @property
    def source(self) -> str | None:
        """The name in SOURCES of where images of a person's own come from; None for a named data set."""
        kind, colon, _ = self.dataset.partition(":")
        return kind if colon else None

    @property
    def is_place(self) -> bool:
        """Whether the data set's name says where the images lie; `data_dir` then stands in for that."""
        return self.source not in (None, "tfds")

    def check_place_is_told_once(self) -> None:
        """Raise UserError where `data_dir` stands beside a place; only a run whose images have moved needs both."""
        if self.is_place and self.data_dir is not None:
            raise UserError(
                f"--data-dir cannot be combined with --dataset {self.source}:PATH, which says where the images lie"
            )

    @property
    def url(self) -> str | None:
        """The place with its scheme, where it is one of TensorFlow's file systems (`gs://`); None on this machine."""
        place = self.dataset.partition(":")[2]
        return place if self.data_dir is None and _SCHEME.match(place) else None

    @property
    def place(self) -> Path:
        """Where the images of a source lie."""
        return self.data_dir or expanded(self.dataset.partition(":")[2])

    @property
    def data_name(self) -> str:
        """A short name that folders, and models on a server, may have: letters, digits, `_` and `-` of ASCII."""
        if self.source is None:
            return self.dataset
        path = Path(self.dataset.partition(":")[2])
        while is_pattern(path.name):  # of record files: their folder has the name
            path = path.parent
        last = path.name.removesuffix(".npz")
        plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", plain)[:_LONGEST_NAME].strip("_-")
        return name if name[:1].isalpha() else f"{self.source}_{name}".rstrip("_")


OF_SOURCES = tuple(field.name for field in dataclasses.fields(DataConfig) if field.name not in ("dataset", "data_dir"))


def of_recipe(values: Mapping[str, Any]) -> DataConfig:
    """What a `config.json` (or the recipe in a model card) says of the data. KeyError without a data set."""
    data_dir = values.get("data_dir")
    others = {name: values.get(name) for name in OF_SOURCES}
    return DataConfig(dataset=values["dataset"], data_dir=None if data_dir is None else Path(data_dir), **others)


def located(config: DataConfig) -> dict[str, Any]:
    """`dataset` and `data_dir` as they hold in any working directory."""
    dataset = config.dataset
    if config.is_place and config.data_dir is None and config.url is None:
        dataset = f"{config.source}:{config.place.resolve()}"
    return {"dataset": dataset, "data_dir": None if config.data_dir is None else config.data_dir.resolve()}


def size_of(text: str) -> tuple[int, int]:
    """(height, width) of "64" or "64x96". Raises UserError for anything else."""
    found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text, re.ASCII)
    size = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(8 <= side <= MOST_PIXELS for side in size):
        raise UserError(
            f"image_size is {text[:40]!r}, but must be pixels from 8 to {MOST_PIXELS} for both sides (64), or height "
            "and width (64x96)"
        )
    return size


def colour_of(text: str) -> tuple[int, int, int]:
    """(red, green, blue) of a colour's name or "#rrggbb". Raises UserError for anything else."""
    from PIL import ImageColor  # here: a command line seldom needs it

    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
        if alpha:
            raise ValueError
    except ValueError:
        raise UserError(f"background is {text[:40]!r}, but must be a colour's name, or #rrggbb") from None
    return red, green, blue
