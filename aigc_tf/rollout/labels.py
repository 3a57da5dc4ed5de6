"""Moves labels between versions, in the order that TensorFlow Serving accepts (read in its source, 2.15).

The server checks the labels of a new config before it looks at the versions to load, and refuses the whole config where
a label would leave its version for one that is not AVAILABLE. So a label that is in use moves in two steps: a config
that loads the new version and leaves the labels; then, once the server says AVAILABLE, one with the label moved,
which lets the old version go. Other labels may move between the two, so a step lets nothing go but what its own label
leaves: the version that it named, or one that an unfinished move was to bring it to. So an unfinished move keeps its
version loaded until the same label moves; letting the label name what it names already gives that move up.

A label that is new to the server may come at once, and all labels may be there when it starts, provided that it runs
with `--allow_version_labels_for_unavailable_models`; it reads the file again only with
`--model_config_file_poll_wait_seconds`.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Literal

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from aigc_tf.errors import UserError
from aigc_tf.rollout import label_courses, model_config
from aigc_tf.rollout.label_courses import Course
from aigc_tf.rollout.server_status import RolloutError, ServerStatus
from aigc_tf.rollout.versions import existing, locked, remove

Label = Literal["stable", "canary"]


def config_file(base: Path) -> Path:
    """The model config that holds the model of this base path, and its neighbours."""
    return base.resolve().parent / "models.config"


def labels(base: Path) -> list[tuple[str, int]]:
    """All labels of a model and the versions that they name; those of an entry of another name as "NAME:LABEL"."""
    entries = model_config.entries_of(model_config.read(config_file(base)), base)
    return [
        (label if entry.name == base.resolve().name else f"{entry.name}:{label}", version)
        for entry in entries
        for label, version in sorted(entry.version_labels.items())
    ]


def register(base: Path, server_path: str | None = None) -> None:
    """Enter a model in the model config, if it is not there; see `model_config.enter`."""
    file = config_file(base)
    with locked(file.parent):
        config = model_config.read(file)
        model_config.enter(config, base, server_path)
        model_config.write(file, config)


def check_assignable(base: Path, label: Label | None) -> None:
    """Raise UserError where `move` would refuse this label on any version: its model has several entries in the model
    config, or it would be a canary without a stable version, and so the only one that is served."""
    entry = model_config.enter(model_config.read(config_file(base)), base)
    if label == "canary" and "stable" not in entry.version_labels:
        raise UserError(
            f"{base} has no stable version beside which a canary could be tried: publish or label a stable one first"
        )


def move(base: Path, label: Label, version: int, server: ServerStatus | None = None) -> str:
    """Let `label` name `version`, as far as that can be done now; returns what was done and what is left, in words.

    With a `server`, both steps, waiting between them until the version is available there. Without, the first step
    only where the label is in use and the version is not listed to be loaded; the same call again does the second.

    Raises:
        UserError: no such version, or a canary without a stable version.
        RolloutError: the server does not load the version, or not in time, or the same label was moved elsewhere
            meanwhile; the label stays where it was.
    """
    existing(base)  # else there may be no folder to lock
    file = config_file(base)
    with locked(file.parent):
        if version not in existing(base):
            raise UserError(f"{base} has no version {version}; it has {', '.join(map(str, existing(base)))}")
        check_assignable(base, label)
        config = model_config.read(file)
        entry = model_config.enter(config, base)
        before = entry.version_labels.get(label)
        ready = server is None and (before is None or version in model_config.pinned(entry))
        _step(file, config, entry, label, version, last=ready)
    if server is not None:
        server.wait_until_available(entry.name, version)
        with locked(file.parent):
            config = model_config.read(file)  # anew: others may have moved theirs while we waited
            entry = model_config.enter(config, base)
            if version not in model_config.pinned(entry):
                raise RolloutError(f"{label} was moved elsewhere while {server.address} loaded version {version}")
            _step(file, config, entry, label, version, last=True)
    elif not ready:
        return (
            f"version {version} is listed to be loaded, and {label} still names version {before}. When the server "
            f"says AVAILABLE (curl http://HOST:PORT/v1/models/{entry.name}), the same again moves the label: "
            f"python -m aigc_tf label {quote(str(base))} {label} --version {version}"
        )
    return f"{label} names version {version}" + (f", before it was {before}" if before not in (None, version) else "")


def _step(file: Path, config: ModelServerConfig, entry: ModelConfig, label: Label, version: int, *, last: bool) -> None:
    """Write one step of a move: `version` is to be loaded and, with the last step, named."""
    courses = label_courses.read(file, entry.name)
    course, present = courses.get(label, Course()), entry.version_labels.get(label)
    left = {present, course.next}
    if last:
        entry.version_labels[label] = version
        courses[label] = course.arrived(present, version)
    else:
        courses[label] = Course(course.before, next=version)
    awaited = {other.next for other in courses.values() if other.next is not None}
    needed = awaited.union(entry.version_labels.values())
    model_config.pin(entry, (model_config.pinned(entry) - left) | needed)
    label_courses.write(file, entry.name, courses)
    model_config.write(file, config)


def version_before(base: Path, label: Label) -> int:
    """The version to go back to: the last one that `label` named before and that is still there; for a model without
    that label, which serves its newest version, the one before.

    Raises UserError where there is none.
    """
    found, file = existing(base), config_file(base)
    entry = model_config.enter(model_config.read(file), base)
    present = entry.version_labels.get(label)
    if present is None:
        before = found[:-1]
    else:
        named = label_courses.read(file, entry.name).get(label, Course()).before
        before = [version for version in named if version in found and version != present]
    if not before:
        raise UserError(
            f"{base} has no version that {label} named before {present or found[-1]}: choose one of "
            f"{', '.join(map(str, found))} with --version"
        )
    return before[-1]


def prune(base: Path, keep: int) -> list[int]:
    """Remove all but the newest `keep` versions, but none that a label names or a server is told to load.

    Returns the removed ones. Raises UserError for `keep` below 1, or where there is no version.
    """
    if keep < 1:
        raise UserError(f"--keep {keep} would leave no version: it must be at least 1")
    existing(base)  # else there may be no folder to lock
    file = config_file(base)
    with locked(file.parent):
        entries = model_config.entries_of(model_config.read(file), base)
        needed = {*(version for entry in entries for version in entry.version_labels.values())}
        needed.update(*(model_config.pinned(entry) for entry in entries))
        old = [version for version in existing(base)[:-keep] if version not in needed]
        for version in old:
            remove(base, version)
    return old
