"""Moves labels between versions, in the order that TensorFlow Serving accepts (read in its source, 2.15.1).

The server checks the labels of a new config before it looks at the versions to load, and refuses the whole config where
a label would leave its version for one that is not AVAILABLE. So a label that is in use moves in two steps: a config
that loads the new version and leaves the labels; then, once every server has that version, one with the label moved,
which lets the old version go. Other labels may move between the two, so a step lets nothing go but what its own label
leaves: the version that it named, or one that an unfinished move was to bring it to. So an unfinished move keeps its
version loaded until the same label moves; letting the label name what it names already gives that move up.

A label that is new to the server may come at once, and all labels may be there when it starts, provided that it runs
with `--allow_version_labels_for_unavailable_models`; it reads the file again only with
`--model_config_file_poll_wait_seconds`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from aigc_tf.errors import UserError
from aigc_tf.rollout import label_courses, model_config, stranded
from aigc_tf.rollout.label_courses import Course
from aigc_tf.rollout.labels import check_assignable, config_file
from aigc_tf.rollout.servers import Answers, RolloutError, Servers
from aigc_tf.rollout.versions import existing, locked
from aigc_tf.shell import quoted

Say = Callable[[str], object]
_NOBODY = Servers()


def move(base: Path, label: str, version: int, servers: Servers = _NOBODY, say: Say = print) -> str:
    """Let `label` name `version`, as far as that can be done now; returns what was done and what is left, in words.

    With servers, both steps: each server has the version before the label moves, and has moved the label before this
    returns; a server that an earlier move has stranded is brought back first. Without, the first step only where the
    label is in use and the version is not listed to be loaded; the same call again does the second, once the config
    has stood for `servers.pause` seconds. `say` is told of what takes time.

    Raises:
        UserError: no such version, or a canary without a stable version.
        RolloutError: a server does not answer, does not load the version, or not in time, or the same label was moved
            elsewhere meanwhile; up to the second step the label stays where it was.
    """
    file = config_file(base)
    if servers.server:
        _check(file, base, label, version)
        entry = model_config.enter(model_config.read(file), base)
        stranded.bring_back(file, entry.name, label, version, servers, say)
    else:
        existing(base)  # else there may be no folder to lock
    with locked(file.parent):
        config, entry = _check(file, base, label, version)
        before = entry.version_labels.get(label)
        at_once = not servers.server and before in (None, version)
        listed = version in model_config.pinned(entry)
        if at_once or servers.server or not listed:
            _step(file, config, entry, label, version, last=at_once)
    if servers.server or (listed and not at_once):
        servers.wait_until(lambda answers: answers[entry.name].lacks([version]), {entry.name: []})
        _finish(file, base, label, version, servers, say)
    elif not at_once:
        return (
            f"version {version} is listed to be loaded, and {label} still names version {before}. When every server "
            f"says AVAILABLE (curl http://HOST:PORT/v1/models/{entry.name}), the same again moves the label: "
            f"{command(base, label, version)}"
        )
    return f"{label} names version {version}" + (f", before it was {before}" if before not in (None, version) else "")


def command(base: Path, label: str, version: int) -> str:
    """The command that moves a label, for a shell."""
    named, flag = f"{quoted(base)} {shlex.quote(label)}", f"--version {version}"
    # A label that begins as a flag does is none only behind `--`.
    return f"python -m aigc_tf label {f'{flag} -- {named}' if label.startswith('-') else f'{named} {flag}'}"


def _check(file: Path, base: Path, label: str, version: int) -> tuple[ModelServerConfig, ModelConfig]:
    """The model config and the model's entry in it, where the label may name the version."""
    if version not in existing(base):
        raise UserError(f"{base} has no version {version}; it has {', '.join(map(str, existing(base)))}")
    check_assignable(base, label)
    config = model_config.read(file)
    return config, model_config.enter(config, base)


def _finish(file: Path, base: Path, label: str, version: int, servers: Servers, say: Say) -> None:
    """The second step, once the config has stood long enough; then wait until each server has taken it."""
    waiting = False
    while True:
        with locked(file.parent):
            config = model_config.read(file)  # anew: others may have moved theirs while we waited
            entry = model_config.enter(config, base)
            if version not in model_config.pinned(entry):
                raise RolloutError(f"{label} was moved elsewhere while version {version} was loaded")
            left = servers.pause - max(0.0, time.time() - file.stat().st_mtime)
            if left <= 0:
                _step(file, config, entry, label, version, last=True)
                break
        if not waiting:
            say(f"{label} moves in {left:.1f} s, when every server has read that version {version} is to be loaded")
        waiting = True
        time.sleep(left)

    def lacks(answers: Answers) -> str:
        seen = answers[entry.name]
        if label in seen.refuses({label: version}):
            raise RolloutError(f"has {label} on version {seen.labels[label]} and refuses to move it: the same again")
        return seen.differs({label: version})

    servers.wait_until(lacks, {entry.name: [label]})


def _step(file: Path, config: ModelServerConfig, entry: ModelConfig, label: str, version: int, *, last: bool) -> None:
    """Write one step of a move: `version` is to be loaded and, with the last step, named."""
    courses = label_courses.read(file, entry.name)
    course, present = courses.get(label, Course()), entry.version_labels.get(label)
    left = {present, course.next}
    if last:
        entry.version_labels[label] = version
        courses[label] = course.arrived(present, version)
    else:
        courses[label] = Course(course.before, next=version, left=course.left)
    awaited = {other.next for other in courses.values() if other.next is not None}
    needed = awaited.union(entry.version_labels.values())
    model_config.pin(entry, (model_config.pinned(entry) - left) | needed)
    label_courses.write(file, entry.name, courses)
    model_config.write(file, config)
