"""`python -m aigc_tf verify`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from aigc_tf import quiet, verification
from aigc_tf.errors import UserError
from aigc_tf.paths import plain


@dataclasses.dataclass(frozen=True)
class Command:
    """Check an export as a server will see it: in two fresh processes that have none of this project's code, and only
    if nothing in it reaches beyond tensors."""

    path: Positional[Path]
    """Folder of one version, such as models/digits/3; with --untrusted also a file of a model."""
    untrusted: bool = False
    """Load and run nothing; say what is in it, and what it could do to whoever loads it."""

    def run(self) -> int:
        if not self.path.exists():
            raise UserError(f"{self.path} does not exist: give the folder of a version, such as models/digits/3")
        if self.untrusted:
            return self._inspect()
        if not (self.path / "saved_model.pb").is_file():
            raise UserError(f"{self.path} is no SavedModel: give the folder of a version, such as models/digits/3")
        quiet.import_tensorflow()
        from aigc_tf import untrusted

        dangers = untrusted.inspect(self.path).dangers
        if dangers:
            print(*(f"danger: {danger}" for danger in dangers), "nothing of it was loaded", sep="\n")
            return 1
        with plain(self.path.resolve()) as readable:
            first, second = (verification.verify(readable) for _ in range(2))
        if first.faults:
            print(*first.faults, sep="\n")
            return 1
        if first.answers != second.answers:
            print("serving_default: another process gave other answers to the same requests")
            return 1
        print(*first.notes, f"{self.path} is sound; {first.answers}", sep="\n")
        return 0

    def _inspect(self) -> int:
        quiet.import_tensorflow()
        from aigc_tf import untrusted

        finding = untrusted.inspect(self.path)
        print(f"{self.path}: {finding.kind}")
        for line in finding.contents:
            print(f"  {line}")
        for danger in finding.dangers:
            print(f"danger: {danger}")
        print("do not load it" if finding.dangers else "nothing in it reaches beyond tensors")
        return 1 if finding.dangers else 0
