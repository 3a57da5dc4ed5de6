"""The one mechanism behind every registry: names that are listed at once, values imported at first use.

`train.py --help` must list losses, networks and data sets in well under a second, but their modules import TensorFlow.
So each folder names its modules in one place, and reads from them only when somebody asks for a value.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from aigc_tf.errors import UnknownNameError, unknown


class Registry(Mapping[str, Any]):
    """A read-only dict from a name to the attribute `attribute` of the module `package.name`.

    Iterating over it, testing membership and `len` import nothing; indexing imports that one module.
    An unknown name is an `UnknownNameError` that lists the known ones, since it can only come from a user.
    """

    def __init__(self, package: str, attribute: str, *names: str) -> None:
        self._package, self._attribute, self._names = package, attribute, names

    def __getitem__(self, name: str) -> Any:
        self.check(name)
        return getattr(import_module(f"{self._package}.{name}"), self._attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def about(self) -> str:
        """What the folder says of itself, in its first line."""
        return (sys.modules[self._package].__doc__ or "").partition("\n")[0]

    def check(self, name: str) -> None:
        """Raise `UnknownNameError` unless `name` is known; imports nothing."""
        if name not in self._names:
            kind = self._package.rpartition(".")[2]
            raise UnknownNameError(unknown(str(name), kind, self._names))
