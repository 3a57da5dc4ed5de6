"""Brings back servers that cannot follow the model config any more.

A server that read the config before the first step of a move (see `aigc_tf.rollout.moves`) and again only after the
second refuses it, and every later one: its label would leave its version for one that is not AVAILABLE there, and no
config that it accepts tells it to load that one. What it does accept is a config with its labels as it has them. So
the labels go back to that for all servers, until the stranded one has loaded what it missed. The others follow only if
they have the old version in memory, so they load it first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from aigc_tf.rollout import model_config
from aigc_tf.rollout.servers import Answers, RolloutError, Servers
from aigc_tf.rollout.versions import locked, versions

Labels = Mapping[str, Mapping[str, int]]  # versions by model and label


def bring_back(
    file: Path, model: str, label: str, version: int, servers: Servers, say: Callable[[str], object]
) -> None:
    """Let each server follow the model config in `file` once more, so that `label` of `model` can move to `version`.

    The labels of all models count, since a server takes a config whole or not at all. The config is the same
    afterwards, also where this fails.

    Raises:
        RolloutError: a server does not answer, and nothing was changed; or one cannot be brought back.
    """
    with locked(file.parent):  # for the whole of it: nobody else's step may come between
        original = model_config.read(file)
        labels = _labels(original)
        goal = {name: {**named, label: version} if name == model else named for name, named in labels.items()}
        seen = servers.look(labels or {model: []})
        for server, answers in seen.items():
            kept = _refused(answers, labels)
            if not kept or not _refused(answers, goal):
                continue
            told = ", ".join(f"{each} of {name} on version {kept[name][each]}" for name in kept for each in kept[name])
            gone = _gone(file, original, kept)
            if gone:
                raise RolloutError(
                    f"{server} has {told} and refuses every config that moves it on; version {gone[0]} is gone, so the "
                    "others cannot go back to it for a while: restart this server"
                )
            say(f"{server} has {told} and refuses every config: the others go back to that until it has caught up")
            _go_back(file, original, kept, goal, servers)


def _labels(config: ModelServerConfig) -> dict[str, dict[str, int]]:
    return {entry.name: dict(entry.version_labels) for entry in config.model_config_list.config}


def _refused(answers: Answers, labels: Labels) -> dict[str, dict[str, int]]:
    """By model, the labels as a server has them for which it refuses a config; empty where it takes the config."""
    refused = {name: answers[name].refuses(named) for name, named in labels.items()}
    return {name: kept for name, kept in refused.items() if kept}


def _gone(file: Path, config: ModelServerConfig, kept: Labels) -> list[int]:
    """The versions among those kept that were removed, so that no server can load them or will keep them, as far as we
    can see: of a model that lies elsewhere than beside the config, none."""
    gone, beside = [], {child.name: child for child in file.parent.iterdir() if child.is_dir()}
    for entry in config.model_config_list.config:
        base = beside.get(PurePosixPath(entry.base_path).name)
        if base is None:
            continue
        there = versions(base)
        gone += [number for number in kept.get(entry.name, {}).values() if number not in there]
    return gone


def _go_back(file: Path, original: ModelServerConfig, kept: Labels, goal: Labels, servers: Servers) -> None:
    """Go through a config with the labels as a stranded server has kept them."""
    loading = ModelServerConfig.FromString(original.SerializeToString())
    for entry in loading.model_config_list.config:
        if entry.name in kept:
            needed = {*kept[entry.name].values(), *goal[entry.name].values(), *entry.version_labels.values()}
            model_config.pin(entry, model_config.pinned(entry) | needed)
    back = ModelServerConfig.FromString(loading.SerializeToString())
    for entry in back.model_config_list.config:
        entry.version_labels.update(kept.get(entry.name, {}))
    try:
        model_config.write(file, loading)
        _wait(servers, _labels(loading), {name: list(named.values()) for name, named in kept.items()})
        model_config.write(file, back)
        _wait(servers, _labels(back), {name: list(goal[name].values()) for name in kept})
    finally:
        model_config.write(file, original)


def _wait(servers: Servers, labels: Labels, loaded: Mapping[str, list[int]]) -> None:
    """Wait until each server has these labels and these versions loaded; those that refuse them have another turn."""

    def lacks(answers: Answers) -> str:
        if _refused(answers, labels):
            return ""
        wanting = (answers[name].differs(labels[name]) or answers[name].lacks(loaded[name]) for name in loaded)
        return "; ".join(filter(None, wanting))

    servers.wait_until(lacks, labels)
