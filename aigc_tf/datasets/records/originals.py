"""Images where a person keeps them, whatever the place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from PIL import Image


@dataclasses.dataclass(frozen=True)
class Original:
    """One image.

    Attributes:
        name: what a person finds it by.
        label: the number of its class; 0 where there are none.
        split: "train", "test" (held out), or "" where its content decides.
        opened: gives the image as a viewer shows it, 8 bits a channel, and its format, for the length of a block.
            Whatever fails in reading it, then and within the block, is an ImageError.
    """

    name: str
    label: int
    split: str
    opened: Callable[[], AbstractContextManager[tuple[Image.Image, str]]]


@dataclasses.dataclass(frozen=True)
class Originals:
    """All images of a source.

    Attributes:
        source: where they come from, in words.
        state: changes whenever they do.
        count: how many there are.
        class_names: one name a label; empty where they carry none.
        each: gives all of them, in one order, as often as it is called.
        licence: terms that were told before, when nobody tells others.
        passed_over: numbers of what else lies there and is not learned from, by what it is.
    """

    source: str
    state: str
    count: int
    class_names: tuple[str, ...]
    each: Callable[[], Iterator[Original]]
    passed_over: dict[str, int]
    licence: str = ""
