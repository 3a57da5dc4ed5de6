"""Which models are served, from where, which of their versions, and what the labels name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from aigc_tf.errors import UserError
from aigc_tf.paths import is_pattern
from aigc_tf.rollout import model_config
from aigc_tf.shell import quoted


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """One model: its versions are the newest `latest` (None: all) of its base path, or those that `specific` names."""

    name: str
    base: Path
    latest: int | None = 1
    specific: frozenset[int] | None = None
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def wanted(self) -> dict[int, Path]:
        """Folders of the versions to serve that lie in the base path now. OSError where it cannot be read."""
        numbered = [child for child in self.base.iterdir() if child.name.isascii() and child.name.isdecimal()]
        present = {int(child.name): child for child in numbered if child.is_dir()}
        if self.specific is not None:
            numbers = sorted(self.specific & present.keys())
        else:
            numbers = sorted(present)[-(self.latest or len(present)) :]
        return {number: present[number] for number in numbers}

    def check(self) -> None:
        """Raise `UserError` unless there is a version to serve."""
        try:
            found = self.wanted()
        except OSError:
            found = {}
        if not found:
            publish = f"python -m aigc_tf export logs/RUN --to {quoted(self.base)}"
            raise UserError(f"{self.base} holds no version of {self.name} to serve; publish one: {publish}")
        if is_pattern(self.base):
            raise UserError(
                f"TensorFlow Serving takes {self.base} for a pattern and could load nothing from it: serve it under a "
                "path without * ? [ \\, a link for instance"
            )


def read(bases: Sequence[Path], file: Path | None) -> dict[str, ServedModel]:
    """The models by name: those of a TensorFlow Serving model config, and the base paths.

    A base path replaces the one that the file has for the model of its name, since a laptop keeps models elsewhere
    than a container does.

    Raises:
        UserError: there is no model, two have one name, or the file cannot be read.
    """
    models = {} if file is None else _from_file(file)
    named: dict[str, Path] = {}
    for base in bases:
        name = base.resolve().name
        if name in named:
            raise UserError(
                f"{named[name]} and {base} have one name, {name}; the models of a server need different ones"
            )
        named[name] = base
        models[name] = dataclasses.replace(models.get(name, ServedModel(name, base)), base=base)
    if not models:
        raise UserError("no model to serve: give base paths, such as models/digits, or --model-config with a list")
    return models


def _from_file(file: Path) -> dict[str, ServedModel]:
    config = model_config.parse(file)
    models: dict[str, ServedModel] = {}
    for entry in config.model_config_list.config:
        if entry.name in models or not entry.name or not entry.base_path:
            raise UserError(f"{file}: each model needs a name of its own and a base_path; one is {entry.name!r}")
        policy = entry.model_version_policy
        models[entry.name] = ServedModel(
            name=entry.name,
            base=Path(entry.base_path),
            latest=None if policy.HasField("all") else policy.latest.num_versions or 1,
            specific=frozenset(policy.specific.versions) if policy.HasField("specific") else None,
            labels=dict(entry.version_labels),
        )
    return models
