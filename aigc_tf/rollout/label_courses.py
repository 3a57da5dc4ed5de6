"""What a model config cannot say of its labels: what each named before, and what it is to name next.

A JSON file beside the model config, `models.labels.json`:

    {"digits": {"stable": {"before": [1, 2], "next": 4, "left": 2}}}

Without it the labels stay as they are; only nobody knows any more which version to go back to.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from aigc_tf.atomic_files import write_atomically
from aigc_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Course:
    """Where a label comes from and where it goes.

    Attributes:
        before: versions that it named before the present one, the first one first.
        next: the version that a server is to load for it; None where no move was begun, or the last one was finished.
        left: the version that it named before the last move, forwards or back; None where it has not moved.
    """

    before: tuple[int, ...] = ()
    next: int | None = None
    left: int | None = None

    def arrived(self, present: int | None, version: int) -> Course:
        """The course once the label has left `present` for `version`; on the way back, what came after is forgotten."""
        named = self.before if present is None else (*self.before, present)
        left = self.left if present == version else present
        return Course(named[: named.index(version)] if version in named else named, left=left)


def read(config_file: Path, model: str) -> dict[str, Course]:
    """The courses of a model's labels, by label. Raises UserError for a file that is damaged or cannot be read."""
    return {
        label: Course(tuple(course["before"]), course["next"], course.get("left"))
        for label, course in _read_all(_beside(config_file)).get(model, {}).items()
    }


def write(config_file: Path, model: str, courses: Mapping[str, Course]) -> None:
    """Replace the courses of one model's labels, or forget the model; whoever calls holds the lock of the folder."""
    file = _beside(config_file)
    written = {label: dataclasses.asdict(course) for label, course in courses.items()}
    models = {name: labels for name, labels in (_read_all(file) | {model: written}).items() if labels}
    if models:
        write_atomically(file, json.dumps(models, indent=2) + "\n", shared=True)
    else:
        file.unlink(missing_ok=True)


def _beside(config_file: Path) -> Path:
    return config_file.with_name("models.labels.json")


def _read_all(file: Path) -> dict[str, dict]:
    try:
        found = json.loads(file.read_text()) if file.exists() else {}
        for course in [course for labels in found.values() for course in labels.values()]:
            if not all(
                isinstance(number, int) for number in [*course["before"], course["next"] or 0, course.get("left") or 0]
            ):
                raise ValueError("versions are integers")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{file} is damaged ({error!r}): mend it or remove it; no label moves by that") from None
    return found
