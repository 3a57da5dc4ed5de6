"""One tiny model, trained and published by the commands, and one server of it for all tests that only ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import made_once, run, succeed
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
def published(tiny_run) -> Path:
    """Base path of a model with two versions: 1 is the untrained generator, 2 the trained one."""

    def make(models: Path) -> None:
        for step in (0, 10):
            succeed(run("-m", "aigc_tf", "export", tiny_run, "--to", models / "digits", "--step", step))
        (models / "labelled.config").write_text(_MODELS_CONFIG.format(base=models / "digits"))

    return made_once("served-models", make) / "digits"


@pytest.fixture(scope="session")
def models_config(published) -> Path:
    """A TensorFlow Serving model config: both versions of `published`, labelled stable (1) and canary (2)."""
    return published.parent / "labelled.config"


@pytest.fixture(scope="session")
def server(published, models_config) -> StandIn:
    """The stand-in, serving both versions of `digits` with labels; tests only ask it, and leave `published` alone."""
    with serving(published, "--model-config", models_config) as stand_in:
        yield stand_in
