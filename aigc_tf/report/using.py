"""The commands that a page offers: what one does with a trained run."""

from __future__ import annotations

import dataclasses
import json
import shlex
import urllib.parse
from pathlib import Path

from aigc_tf import contract
from aigc_tf.config import BUDGETS, TrainConfig
from aigc_tf.errors import UserError
from aigc_tf.paths import is_pattern
from aigc_tf.rollout.versions import versions
from aigc_tf.run_folder import RunFolder
from aigc_tf.shell import quoted

_SERVER = "tensorflow/serving:2.15.1"
_SEED = 7
TO_FILE = (
    "python -c 'import base64, json, sys; "
    'sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["outputs"][0]["b64"]))\''
)
"""Takes the one file out of a server's answer."""


@dataclasses.dataclass(frozen=True)
class Model:
    """A model that a run has published.

    Attributes:
        name: what servers call it.
        version: the newest.
        commands: what serves it and asks it, by what each does.
        note: what stands in the way; mostly empty.
    """

    name: str
    version: int
    commands: dict[str, str]
    note: str


def of_run(run: RunFolder, config: TrainConfig) -> dict[str, str]:
    """Commands by what each does with the run's checkpoints; going on takes twice the budget."""
    folder = quoted(run.path)
    longer = [f" --{name} {2 * value}" for name in BUDGETS if (value := getattr(config, name)) is not None]
    return {
        "Make images": f"python -m aigc_tf generate {folder} --count 64 --out samples",
        "Look closer": f"python -m aigc_tf board {folder}",
        "Judge it": f"python evaluate.py {folder}",
        "Go on training": f"python train.py --resume {folder}{''.join(longer)}",
        "Run it again": f"python train.py --config {quoted(run.config_file)} --name AGAIN",
        "Publish it": f"python -m aigc_tf export {folder} --to models/NAME",
    }


def models(run: RunFolder) -> list[Model]:
    """What lies in the run's `export`."""
    bases = sorted(folder for folder in run.export.glob("*") if folder.is_dir())
    return [_model(base, numbers[-1]) for base in bases if (numbers := versions(base))]


def _model(base: Path, version: int) -> Model:
    name, folder = base.name, quoted(base)
    whole = folder if base.is_absolute() else f'"$PWD"/{folder}'
    named = shlex.quote(name)
    commands = {
        "A server on this machine that answers as TensorFlow Serving does": f"python -m aigc_tf serve {folder}",
        "TensorFlow Serving in a container": (
            f"docker run --rm --publish 127.0.0.1:8501:8501 --volume {whole}:/models/{named}:ro "
            f"--env MODEL_NAME={named} {_SERVER}"
        ),
        "TensorFlow Serving installed": (
            f"tensorflow_model_server --rest_api_port=8501 --model_name={named} --model_base_path={whole}"
        ),
        "Ask any of them": _question(base / str(version), name),
    }
    note = ""
    if is_pattern(base):
        note = f"TensorFlow Serving takes {base} for a pattern: copy it to a path without * ? [ \\."
    elif ":" in str(base.absolute()):
        note = f"Docker takes {base} for several places: copy it to a path without a colon."
    return Model(name, version, commands, note)


def _question(version: Path, name: str) -> str:
    """A request for the file of one seed, with all else at its default, that ends in the file."""
    try:
        promised = contract.of_export(version)
    except UserError:
        promised = contract.of_before()
    files = promised.signatures["serving_default"]
    body = json.dumps({"inputs": {key: rows.tolist() for key, rows in files.rows([_SEED]).items()}})
    (made,) = files.outputs.values()
    address = f"localhost:8501/v1/models/{urllib.parse.quote(name, safe='')}:predict"
    return f"curl --silent {shlex.quote(address)} --data '{body}' | {TO_FILE} > {_SEED}.{made.file}"
