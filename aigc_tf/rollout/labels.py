"""Moves labels between versions, in the order that TensorFlow Serving accepts (read in its source, 2.15).

The server checks the labels of a new config before it looks at the versions to load, and refuses the whole config where
a label would leave its version for one that is not AVAILABLE. So a label that is in use moves in two steps: a config
that loads the new version and leaves the labels; then, once the server says AVAILABLE, one with the label moved,
which lets the old version go. A label that is new to the server may come at once, and all labels may be there when it
starts, provided that it runs with `--allow_version_labels_for_unavailable_models`; it reads the file again only with
`--model_config_file_poll_wait_seconds`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from aigc_tf.errors import UserError
from aigc_tf.rollout import model_config
from aigc_tf.rollout.server_status import ServerStatus
from aigc_tf.rollout.versions import existing, locked, remove

Label = Literal["stable", "canary"]


def config_file(base: Path) -> Path:
    """The model config that holds the model of this base path, and its neighbours."""
    return base.resolve().parent / "models.config"


def labels(base: Path) -> dict[str, int]:
    """The version that each label of a model names."""
    return dict(model_config.enter(model_config.read(config_file(base)), base).version_labels)


def register(base: Path, server_path: str | None = None) -> None:
    """Enter a model in the model config, if it is not there; see `model_config.enter`."""
    file = config_file(base)
    with locked(file.parent):
        config = model_config.read(file)
        model_config.enter(config, base, server_path)
        model_config.write(file, config)


def check_assignable(base: Path, label: Label) -> None:
    """Raise UserError for a canary without a stable version: it would be the only one that is served."""
    if label == "canary" and "stable" not in labels(base):
        raise UserError(
            f"{base} has no stable version beside which a canary could be tried: publish or label a stable one first"
        )


def move(base: Path, label: Label, version: int, server: ServerStatus | None = None) -> str:
    """Let `label` name `version`, as far as that can be done now; returns what was done and what is left, in words.

    With a `server`, both steps, waiting between them until the version is available there. Without, the first step
    only where the label is in use and the version is not listed to be loaded; the same call again does the second.

    Raises:
        UserError: no such version, or a canary without a stable version.
        RolloutError: the server does not load the version, or not in time; the label stays where it was.
    """
    name, file = base.resolve().name, config_file(base)
    if version not in existing(base):
        raise UserError(f"{base} has no version {version}; it has {', '.join(map(str, existing(base)))}")
    check_assignable(base, label)
    with locked(file.parent):
        config = model_config.read(file)
        entry = model_config.enter(config, base)
        before = entry.version_labels.get(label)
        ready = server is None and (before is None or version in model_config.pinned(entry))
        if not ready:
            model_config.load_labelled(entry, also={version})
            model_config.write(file, config)
    if not ready and server is None:
        return (
            f"version {version} is listed to be loaded, and {label} still names version {before}. When the server "
            f"says AVAILABLE (curl http://HOST:PORT/v1/models/{name}), the same again moves the label: "
            f"python -m aigc_tf label {base} {label} --version {version}"
        )
    if server is not None:
        server.wait_until_available(name, version)
    with locked(file.parent):
        config = model_config.read(file)  # anew: others may have moved theirs while we waited
        entry = model_config.enter(config, base)
        entry.version_labels[label] = version
        model_config.load_labelled(entry)
        model_config.write(file, config)
    return f"{label} names version {version}" + (f", before it was {before}" if before not in (None, version) else "")


def version_before(base: Path, label: Label) -> int:
    """The version to go back to: the one published before that which `label` names (or before the newest).

    Raises UserError where there is none.
    """
    found = existing(base)
    now = labels(base).get(label, found[-1])
    before = [version for version in found if version < now]
    if not before:
        raise UserError(f"{base} has no version before {now} to go back to; it has {', '.join(map(str, found))}")
    return before[-1]


def prune(base: Path, keep: int) -> list[int]:
    """Remove all but the newest `keep` versions, but none that a label names or a server is told to load.

    Returns the removed ones. Raises UserError for `keep` below 1, or where there is no version.
    """
    if keep < 1:
        raise UserError(f"--keep {keep} would leave no version: it must be at least 1")
    with locked(config_file(base).parent):
        entry = model_config.enter(model_config.read(config_file(base)), base)
        needed = {*entry.version_labels.values(), *model_config.pinned(entry)}
        old = [version for version in existing(base)[:-keep] if version not in needed]
        for version in old:
            remove(base, version)
    return old
