"""Which labels name which versions of a model: the model config and what is remembered beside it.

`aigc_tf.rollout.moves` moves them, with the servers that read the config.
"""

from __future__ import annotations

from pathlib import Path

from aigc_tf.atomic_files import readable
from aigc_tf.errors import UserError
from aigc_tf.rollout import label_courses, model_config
from aigc_tf.rollout.label_courses import Course
from aigc_tf.rollout.servers import Servers
from aigc_tf.rollout.versions import existing, locked, remove
from aigc_tf.shell import quoted


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


def withdraw(base: Path) -> None:
    """Take a model out of the model config; its versions stay where they are, what its labels named is forgotten.

    Raises UserError where the config has no such model, or several entries for it.
    """
    file = config_file(base)
    if not file.is_file():
        raise UserError(f"{base} has no model config: there is no {file}")
    with locked(file.parent):
        config = model_config.read(file)
        entry = model_config.take_out(config, base)
        label_courses.write(file, entry.name, {})
        model_config.write(file, config)


def unreadable(base: Path) -> str | None:
    """A warning where others may read the folder of the model config, but nobody except its owner the config."""
    file = config_file(base)
    if not file.exists() or file.stat().st_mode & 0o044 or not readable(file.parent.stat().st_mode) & 0o044:
        return None
    return f"only its owner can read {file}: a server of another user needs chmod go+r {quoted(file)}"


def check_assignable(base: Path, label: str | None) -> None:
    """Raise UserError where a move would refuse this label on any version: it is no name, its model has several
    entries in the model config, or it would be a canary without a stable version, and so the only one that is served.
    """
    if label is not None and (not label or any("\ud800" <= character <= "\udfff" for character in label)):
        raise UserError(f"{label!r} is no name of a label: it must be some characters, in UTF-8")
    entry = model_config.enter(model_config.read(config_file(base)), base)
    if label == "canary" and "stable" not in entry.version_labels:
        raise UserError(
            f"{base} has no stable version beside which a canary could be tried: publish or label a stable one first"
        )


def version_before(base: Path, label: str) -> int:
    """The version to go back to: the last one that `label` named before and that is still there; for a model without
    labels, which serves its newest version, the one before.

    Raises UserError where there is none.
    """
    found, file = existing(base), config_file(base)
    entry = model_config.enter(model_config.read(file), base)
    present = entry.version_labels.get(label)
    if present is None and entry.version_labels:
        raise UserError(f"{base} has no label {label}; it has {', '.join(sorted(entry.version_labels))}")
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


def prune(base: Path, keep: int, servers: Servers | None = None) -> list[int]:
    """Remove all but the newest `keep` versions, but none that is needed.

    Needed is what a label names or a server is told to load, what the last move of a label left (a server that has not
    followed may serve it yet) or would go back to, and what one of the `servers` has in memory.

    Returns the removed ones. Raises UserError for `keep` below 1, or where there is no version; RolloutError where a
    server does not answer.
    """
    if keep < 1:
        raise UserError(f"--keep {keep} would leave no version: it must be at least 1")
    existing(base)  # else there may be no folder to lock
    file = config_file(base)
    in_memory = _in_memory(base, servers or Servers())
    with locked(file.parent):
        needed: set[int | None] = set(in_memory)
        for entry in model_config.entries_of(model_config.read(file), base):
            needed |= {*entry.version_labels.values()} | model_config.pinned(entry)
            for course in label_courses.read(file, entry.name).values():
                needed |= {*course.before[-1:], course.left}
        old = [version for version in existing(base)[:-keep] if version not in needed]
        for version in old:
            remove(base, version)
    return old


def _in_memory(base: Path, servers: Servers) -> set[int]:
    """The versions that a server has loaded, is loading or is letting go."""
    names = {entry.name for entry in model_config.entries_of(model_config.read(config_file(base)), base)}
    answers = servers.look({name: [] for name in names or {base.resolve().name}}).values()
    seen = [one for models in answers for one in models.values()]
    return {version for one in seen for version, (state, _) in one.states.items() if state != "END"}
