"""One tiny model, trained and published by the commands, and one server of it for all tests that only ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import TINY, run, succeed, train
from stand_in import StandIn, serving

_MODELS_CONFIG = """
model_config_list {{
  config {{
    name: "digits"
    base_path: "{base}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 2 }}
  }}
}}
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """Folder of a run of 10 steps, with checkpoints of steps 0 and 10."""
    logs = tmp_path_factory.mktemp("logs")
    succeed(train(*TINY, "--steps", 10, "--logs", logs, "--name", "run", "--no-evaluate", "--no-export"))
    return logs / "run"


@pytest.fixture(scope="session")
def published(trained, tmp_path_factory) -> Path:
    """Base path of a model with two versions: 1 is the untrained generator, 2 the trained one."""
    base = tmp_path_factory.mktemp("models") / "digits"
    for step in (0, 10):
        succeed(run("-m", "aigc_tf", "export", trained, "--to", base, "--step", step))
    return base


@pytest.fixture(scope="session")
def models_config(published) -> Path:
    """A TensorFlow Serving model config: both versions of `published`, labelled stable (1) and canary (2)."""
    file = published.parent / "labelled.config"
    file.write_text(_MODELS_CONFIG.format(base=published))
    return file


@pytest.fixture(scope="session")
def server(published, models_config) -> StandIn:
    """The stand-in, serving both versions of `digits` with labels; tests only ask it, and leave `published` alone."""
    with serving(published, "--model-config", models_config) as stand_in:
        yield stand_in
