"""What lies in a version: the SavedModel, and beside it its contract, a model card, the recipe and warm-up requests."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from aigc_tf import __version__, contract
from aigc_tf.contract import Contract
from aigc_tf.families import signatures
from aigc_tf.families.model import GenerativeModel
from aigc_tf.run_folder import RunFolder

_WARM_UP_BATCHES = (1, 8, 64)
_logger = logging.getLogger("aigc_tf")


def write(model: GenerativeModel, run: RunFolder, name: str, folder: Path) -> Contract:
    """Write the export of a model that will be served as `name` into an empty folder, and return what it promises."""
    promised, functions = signatures.build(model, signatures.origin_of(model.fingerprint()))
    # Only weights are attached: with the Keras models themselves the export would carry all their Python structure.
    module = tf.Module()
    module.weights = [variable for network in model.view().values() for variable in network.variables]
    tf.saved_model.save(module, str(folder), signatures=functions)
    extra = folder / "assets.extra"
    extra.mkdir()
    (folder / contract.FILE).write_text(promised.to_json(), encoding="utf-8")
    card = _model_card(model, run, name, promised)
    (extra / "model_card.json").write_text(json.dumps(card, indent=2) + "\n")
    shutil.copy(run.config_file, extra / "config.json")
    _write_warm_up(promised, name, extra / "tf_serving_warmup_requests")
    return promised


def _model_card(model: GenerativeModel, run: RunFolder, name: str, promised: Contract) -> dict[str, Any]:
    step = int(model.step.numpy())
    spec, parentage = model.spec, run.read_parentage()
    return {
        "name": name,
        "step": step,
        "fingerprint": model.fingerprint(),
        "made_by": f"aigc_tf {__version__}, TensorFlow {tf.__version__}",
        "makes": f"{spec.modality.in_words(spec.shape)}, like its training data",
        "signatures": sorted(promised.signatures),
        "data": {
            "source": spec.source,
            "licence": spec.licence,
            "num_examples": spec.num_examples,
            "class_names": list(spec.class_names),
            "fingerprint": spec.fingerprint,
            **({"figures": spec.figures} if spec.figures else {}),
        },
        **({} if parentage is None else {"parentage": parentage}),
        "recipe": json.loads(run.config_file.read_text()),
        "evaluation": _evaluation(run.evaluation_file(step), model.fingerprint()),
        "intended_use": f"teaching, experiments, and as a stand-in for {spec.modality.name}s of this kind",
        "limits": "It shows what its training data show, with their gaps; single examples can be malformed. What is "
        "generated is no evidence of anything, and the licence of the data applies to it where the law says so. Its "
        "files say of themselves that they are generated, and by which weights; whoever saves them anew can remove "
        "that.",
    }


def _evaluation(file: Path, weights: str) -> dict[str, Any] | None:
    """The record of a judgement of these very weights, None where there is none that can be read."""
    try:
        record = json.loads(file.read_text())
        return record if record["subject"]["fingerprint"] == weights else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        _logger.warning("%s cannot be read (%r): the model card goes without it", file, error)
        return None


def _write_warm_up(promised: Contract, name: str, path: Path) -> None:
    """Requests that TensorFlow Serving sends itself before a version counts as available."""
    inputs = promised.signatures["serving_default"].rows
    with tf.io.TFRecordWriter(str(path)) as writer:
        for count in _WARM_UP_BATCHES:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=name, signature_name="serving_default"),
                inputs={key: tf.make_tensor_proto(rows) for key, rows in inputs(range(count)).items()},
            )
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
