"""TensorFlow Serving's model config, a text file beside the base paths: which models, versions and labels are served.

A `ModelServerConfig` in protobuf's text form, as `--model_config_file` takes it. What a person adds by hand (other
models, logging) is kept; comments are not.

    model_config_list {
      config {
        name: "digits"
        base_path: "/models/digits"        as the server sees it
        model_platform: "tensorflow"
        model_version_policy { specific { versions: 3 versions: 4 } }
        version_labels { key: "stable" value: 3 }
        version_labels { key: "canary" value: 4 }
      }
    }

A model without labels has the policy `latest`: its newest version is served. A model with labels has `specific`:
the versions that a label names, those that are to get one, and what a person adds.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from aigc_tf.atomic_files import write_atomically
from aigc_tf.errors import UserError


def read(file: Path) -> ModelServerConfig:
    """The config in `file`, an empty one where there is no file; errors as those of `parse`."""
    return parse(file) if file.exists() else ModelServerConfig()


def parse(file: Path) -> ModelServerConfig:
    """The config in `file`. Raises UserError where it cannot be read, or is no such config."""
    try:
        return text_format.Parse(file.read_text(), ModelServerConfig())
    except OSError as error:
        raise UserError(f"cannot read the model config {file}: {error.strerror}") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is no model config of TensorFlow Serving ({error}): mend it or remove it") from None


def write(file: Path, config: ModelServerConfig) -> None:
    """Replace `file`; a server that reads at any moment finds the old config or the new."""
    write_atomically(file, text_format.MessageToString(config), shared=True)


def entries_of(config: ModelServerConfig, base: Path) -> list[ModelConfig]:
    """The entries that serve the versions below `base`, or may: those with the folder's name, or with a base path that
    ends in it, for the server may see the folder elsewhere and a person may have called the model otherwise."""
    name = base.resolve().name
    entries = config.model_config_list.config
    return [entry for entry in entries if name in (entry.name, PurePosixPath(entry.base_path).name)]


def enter(config: ModelServerConfig, base: Path, server_path: str | None = None) -> ModelConfig:
    """The entry of the model with the base path `base`, made (newest version, no label) if it is not there.

    `server_path` is the folder of the base paths as the server sees it. By default an entry keeps its base path, and a
    new one lies where the first entry lies, or where it lies here.

    Raises:
        UserError: several entries serve these versions.
    """
    found = _only(entries_of(config, base), base)
    if found is not None and server_path is None:
        return found
    entries = config.model_config_list.config
    name = base.resolve().name
    folder = PurePosixPath(entries[0].base_path).parent if entries else base.resolve().parent
    entry = found or entries.add(name=name, model_platform="tensorflow")
    entry.base_path = str(PurePosixPath(server_path or folder) / name)
    if found is None:
        entry.model_version_policy.latest.num_versions = 1
    return entry


def _only(found: list[ModelConfig], base: Path) -> ModelConfig | None:
    if len(found) > 1:
        names = " and ".join(entry.name for entry in found)
        raise UserError(f"{base} is served as {names}: leave one of these entries in the model config beside it")
    return found[0] if found else None


def take_out(config: ModelServerConfig, base: Path) -> ModelConfig:
    """Remove the entry of the model with the base path `base`, and return it. An empty list stays a list: a server lets
    go of the last model by it, and would pass over a config that says nothing.

    Raises:
        UserError: none or several entries serve these versions.
    """
    found = _only(entries_of(config, base), base)
    if found is None:
        raise UserError(f"{base} is not in the model config beside it")
    taken = ModelConfig()
    taken.CopyFrom(found)
    config.model_config_list.config.remove(found)
    config.model_config_list.SetInParent()
    return taken


def pinned(entry: ModelConfig) -> set[int]:
    """The versions that the server is told to load by number; empty where it serves the newest."""
    return set(entry.model_version_policy.specific.versions)


def pin(entry: ModelConfig, versions: Collection[int]) -> None:
    """Tell the server to load these versions and no other."""
    entry.model_version_policy.ClearField("latest")
    entry.model_version_policy.specific.versions[:] = sorted(versions)
